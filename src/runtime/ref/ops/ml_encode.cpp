// Operators of ai.onnx.ml that translate categories: LabelEncoder, CategoryMapper, OneHotEncoder.

#include <cmath>
#include <map>

#include "runtime/ref/ops/ml.h"

namespace hf::runtime::ref {
namespace {

// Categories as text, so that one kind of map serves all types. Equal numbers of one type have one
// text; so has every NaN.
Result<std::vector<std::string>> texts_of(const Tensor& tensor) {
    if (tensor.dtype() == DType::kString) return tensor.strings();
    std::vector<std::string> texts;
    if (is_float(tensor.dtype())) {
        for (double x : HF_TRY(to_doubles(tensor))) {
            texts.push_back(std::isnan(x) ? "nan" : fmt::format("{}", x == 0 ? 0.0 : x));
        }
    } else {
        for (std::int64_t x : HF_TRY(to_int64s(tensor))) texts.push_back(fmt::format("{}", x));
    }
    return texts;
}

// The attribute in whichever form the node has it: PREFIX_strings, _int64s, _floats or _tensor.
// Null when it has none.
Tensor list_of(const graph::Node& node, const std::string& prefix) {
    if (const Tensor* tensor = node.tensor(prefix + "_tensor")) return *tensor;
    const auto sized = [](std::size_t size) { return Shape{static_cast<std::int64_t>(size)}; };
    if (node.has(prefix + "_strings")) {
        std::vector<std::string> words = node.strings_or(prefix + "_strings", {});
        const Shape shape = sized(words.size());
        return Tensor::of_strings(shape, std::move(words));
    }
    if (node.has(prefix + "_int64s")) {
        const std::vector<std::int64_t> numbers = node.ints_or(prefix + "_int64s", {});
        return Tensor::of<std::int64_t>(DType::kI64, sized(numbers.size()), numbers);
    }
    if (!node.has(prefix + "_floats")) return Tensor();
    const std::vector<float> reals = node.floats_or(prefix + "_floats", {});
    return Tensor::of<float>(DType::kF32, sized(reals.size()), reals);
}

// The one value that stands for what is in no list.
Result<Tensor> default_of(const graph::Node& node, DType dtype) {
    if (const Tensor* tensor = node.tensor("default_tensor")) {
        if (tensor->dtype() == dtype && tensor->elements() == 1) return tensor->reshaped({1});
        return invalid_argument("default_tensor is not one value of type {}", dtype_name(dtype));
    }
    if (dtype == DType::kString) {
        return Tensor::of_strings({1}, {node.string_or("default_string", "_Unused")});
    }
    if (dtype == DType::kI64) {
        const std::int64_t value = node.int_or("default_int64", -1);
        return Tensor::of<std::int64_t>(DType::kI64, {1}, std::span(&value, 1));
    }
    const float value = node.float_or("default_float", -0.0f);
    return cast_tensor(Tensor::of<float>(DType::kF32, {1}, std::span(&value, 1)), dtype);
}

Outputs translate(const OpContext& context, const Tensor& keys, const Tensor& values) {
    const Tensor input = HF_TRY(need_input(context, 0));
    if (keys.elements() != values.elements()) {
        return invalid_argument("{} keys for {} values", keys.elements(), values.elements());
    }
    if (keys.dtype() != input.dtype()) {
        return invalid_argument("keys are of type {}, the input is of {}", dtype_name(keys.dtype()),
                                dtype_name(input.dtype()));
    }
    std::map<std::string, std::int64_t> places;
    for (const std::string& key : HF_TRY(texts_of(keys))) {
        places.emplace(key, static_cast<std::int64_t>(places.size()));
    }
    if (static_cast<std::int64_t>(places.size()) != keys.elements()) {
        return invalid_argument("a key is given twice");
    }
    const std::vector<std::string> texts = HF_TRY(texts_of(input));
    const Tensor fallback = HF_TRY(default_of(context.node, values.dtype()));
    // The values with the default behind them.
    const std::int64_t last = values.elements();
    Tensor all = HF_TRY(make_tensor(values.dtype(), {last + 1}));
    if (values.dtype() == DType::kString) {
        std::copy(values.strings().begin(), values.strings().end(), all.mutable_strings().begin());
        all.mutable_strings().back() = fallback.strings()[0];
    } else {
        std::copy(values.bytes().begin(), values.bytes().end(), all.mutable_bytes().begin());
        std::copy(fallback.bytes().rbegin(), fallback.bytes().rend(), all.mutable_bytes().rbegin());
    }
    std::size_t index = 0;
    return one(HF_TRY(move_elements(all, input.shape(), [&](auto) {
        const auto found = places.find(texts[index++]);
        return found == places.end() ? last : found->second;
    })));
}

// Strings to integers or back, by two lists of one length.
Outputs translate_words(const OpContext& context, std::vector<std::string> words,
                        const std::vector<std::int64_t>& numbers) {
    const Tensor input = HF_TRY(need_input(context, 0));
    const auto size = static_cast<std::int64_t>(words.size());
    if (numbers.size() != words.size()) {
        return invalid_argument("{} numbers for {} strings", numbers.size(), words.size());
    }
    const Tensor left = Tensor::of_strings({size}, std::move(words));
    const Tensor right = Tensor::of<std::int64_t>(DType::kI64, {size}, numbers);
    if (input.dtype() == DType::kString) return translate(context, left, right);
    return translate(context, right, left);
}

Outputs label_encoder(const OpContext& context) {
    const graph::Node& node = context.node;
    if (node.has("classes_strings")) {
        std::vector<std::string> words = node.strings_or("classes_strings", {});
        std::vector<std::int64_t> numbers;
        for (std::size_t i = 0; i < words.size(); ++i) {
            numbers.push_back(static_cast<std::int64_t>(i));
        }
        return translate_words(context, std::move(words), numbers);
    }
    const Tensor keys = list_of(node, "keys"), values = list_of(node, "values");
    if (keys.is_null() || values.is_null()) return invalid_argument("keys or values are missing");
    return translate(context, keys, values);
}

Outputs category_mapper(const OpContext& context) {
    const graph::Node& node = context.node;
    return translate_words(context, node.strings_or("cats_strings", {}),
                           node.ints_or("cats_int64s", {}));
}

Outputs one_hot_encoder(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    const Tensor categories = list_of(context.node, "cats");
    if (categories.is_null() ||
        (categories.dtype() == DType::kString) != (input.dtype() == DType::kString)) {
        return invalid_argument("categories and input are of different types");
    }
    const bool words = input.dtype() == DType::kString;
    const std::vector<std::string> texts =
        HF_TRY(texts_of(words ? input : HF_TRY(cast_tensor(input, DType::kI64))));
    std::map<std::string, std::size_t> places;
    const std::vector<std::string> names = HF_TRY(texts_of(categories));
    for (std::size_t i = 0; i < names.size(); ++i) places[names[i]] = i;
    std::vector<std::int64_t> extents = input.shape().extents();
    extents.push_back(categories.elements());
    Tensor out = HF_TRY(make_tensor(DType::kF32, Shape(std::move(extents))));
    const bool zeros = context.node.int_or("zeros", 1) != 0;
    for (std::size_t i = 0; i < texts.size(); ++i) {
        const auto found = places.find(texts[i]);
        if (found != places.end()) {
            out.mutable_values<float>()[i * names.size() + found->second] = 1;
        } else if (!zeros) {
            return invalid_argument("'{}' is no category", texts[i]);
        }
    }
    return one(std::move(out));
}

}  // namespace

std::vector<OpRow> ml_encode_rows() {
    constexpr std::string_view kDomain = "ai.onnx.ml";
    return {{kDomain, "LabelEncoder", label_encoder},
            {kDomain, "CategoryMapper", category_mapper},
            {kDomain, "OneHotEncoder", one_hot_encoder}};
}

}  // namespace hf::runtime::ref
