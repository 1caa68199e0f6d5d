#include "vault/golden.h"

#include <cmath>
#include <limits>

#include "base/json.h"

namespace hf::vault {
namespace {

constexpr std::string_view kFormat = "holdfast.golden.v1";

json::Object write_tensor(const std::string& name, const Tensor& tensor) {
    json::Array shape;
    for (std::int64_t extent : tensor.shape()) shape.emplace_back(extent);
    json::Object object{
        {"name", name}, {"dtype", dtype_name(tensor.dtype())}, {"shape", std::move(shape)}};
    if (tensor.dtype() == DType::kString) {
        json::Array texts;
        for (const std::string& text : tensor.strings())
            texts.emplace_back(to_base64(as_bytes(text)));
        object["data"] = std::move(texts);
    } else {
        object["data"] = to_base64(tensor.bytes());
    }
    return object;
}

Result<Shape> parse_shape(const json::Value& value) {
    const json::Array* list = json::find_array(value, "shape");
    if (!list) return invalid_argument("there is no list 'shape'");
    if (list->size() > Shape::kMaxRank) return invalid_argument("rank {}", list->size());
    std::vector<std::int64_t> extents;
    for (const json::Value& item : *list) {
        if (!item.if_int64()) return invalid_argument("an extent is not an integer");
        extents.push_back(*item.if_int64());
    }
    Shape shape(std::move(extents));
    HF_TRY(shape.check());
    return shape;
}

Result<Tensor> parse_strings(const json::Value& value, const Shape& shape) {
    const json::Array* list = json::find_array(value, "data");
    if (!list || static_cast<std::int64_t>(list->size()) != shape.elements()) {
        return invalid_argument("'data' is not a list of {} texts", shape.elements());
    }
    std::vector<std::string> texts;
    for (const json::Value& item : *list) {
        if (!item.if_string()) return invalid_argument("an element of 'data' is not text");
        const Bytes bytes = HF_TRY(from_base64(json::as_view(*item.if_string())));
        texts.emplace_back(as_text(bytes));
    }
    return Tensor::of_strings(shape, std::move(texts));
}

Result<Tensor> parse_tensor(const json::Value& value) {
    const DType dtype = HF_TRY(parse_dtype(HF_TRY(json::need_string(value, "dtype"))));
    const Shape shape = HF_TRY(parse_shape(value));
    if (dtype == DType::kString) return parse_strings(value, shape);
    auto bytes =
        std::make_shared<Bytes>(HF_TRY(from_base64(HF_TRY(json::need_string(value, "data")))));
    if (bytes->size() != static_cast<std::size_t>(shape.elements()) * dtype_size(dtype)) {
        return invalid_argument("{} bytes for {}[{}]", bytes->size(), dtype_name(dtype),
                                shape.to_string());
    }
    Tensor tensor(dtype, shape);
    std::copy(bytes->begin(), bytes->end(), tensor.mutable_bytes().begin());
    return tensor;
}

Result<double> need_tolerance(const json::Value& value, std::string_view key) {
    const json::Value* member = json::find(value, key);
    double number = std::numeric_limits<double>::quiet_NaN();
    if (member && member->if_double()) number = *member->if_double();
    if (member && member->if_int64()) number = static_cast<double>(*member->if_int64());
    if (!(number >= 0) || !std::isfinite(number)) {
        return invalid_argument("'{}' must be a number, not negative", key);
    }
    return number;
}

Result<GoldenSample> parse_sample(const json::Value& value) {
    GoldenSample sample;
    sample.model = json::get_string(value, "model");
    const json::Array* inputs = json::find_array(value, "inputs");
    const json::Array* outputs = json::find_array(value, "outputs");
    if (!inputs || !outputs) return invalid_argument("want the lists 'inputs' and 'outputs'");
    if (inputs->size() > kMaxGoldenTensors || outputs->size() > kMaxGoldenTensors) {
        return resource_exhausted("more than {} tensors", kMaxGoldenTensors);
    }
    for (const json::Value& item : *inputs) {
        const std::string name = HF_TRY(json::need_string(item, "name"));
        Tensor tensor = HF_TRY(parse_tensor(item).context("input '{}'", name));
        sample.inputs.push_back({name, std::move(tensor)});
    }
    for (const json::Value& item : *outputs) {
        const std::string name = HF_TRY(json::need_string(item, "name"));
        GoldenOutput output;
        output.name = name;
        output.tensor = HF_TRY(parse_tensor(item).context("output '{}'", name));
        output.tolerance.rtol = HF_TRY(need_tolerance(item, "rtol").context("output '{}'", name));
        output.tolerance.atol = HF_TRY(need_tolerance(item, "atol").context("output '{}'", name));
        sample.outputs.push_back(std::move(output));
    }
    return sample;
}

template <typename T>
double element(const Tensor& tensor, std::size_t i) {
    return static_cast<double>(tensor.values<T>()[i]);
}

// The element as a double; 64-bit integers lose low bits, which the exact path has compared before.
double number_at(const Tensor& tensor, std::size_t i) {
    switch (tensor.dtype()) {
        case DType::kF32: return element<float>(tensor, i);
        case DType::kF64: return element<double>(tensor, i);
        case DType::kF16: return half_to_float(tensor.values<std::uint16_t>()[i]);
        case DType::kBF16: return bfloat_to_float(tensor.values<std::uint16_t>()[i]);
        case DType::kI8: return element<std::int8_t>(tensor, i);
        case DType::kU8:
        case DType::kBool: return element<std::uint8_t>(tensor, i);
        case DType::kI16: return element<std::int16_t>(tensor, i);
        case DType::kU16: return element<std::uint16_t>(tensor, i);
        case DType::kI32: return element<std::int32_t>(tensor, i);
        case DType::kU32: return element<std::uint32_t>(tensor, i);
        case DType::kI64: return element<std::int64_t>(tensor, i);
        case DType::kU64: return element<std::uint64_t>(tensor, i);
        default: return 0;
    }
}

// Complex numbers count as pairs of floats.
Tensor as_reals(const Tensor& tensor) {
    const bool narrow = tensor.dtype() == DType::kC64;
    if (!narrow && tensor.dtype() != DType::kC128) return tensor;
    Tensor reals(narrow ? DType::kF32 : DType::kF64, Shape{tensor.elements() * 2});
    std::copy(tensor.bytes().begin(), tensor.bytes().end(), reals.mutable_bytes().begin());
    return reals;
}

bool near(double want, double got, const Tolerance& tolerance) {
    if (std::isnan(want) || std::isnan(got)) return std::isnan(want) && std::isnan(got);
    if (std::isinf(want) || std::isinf(got)) return want == got;
    return std::fabs(got - want) <= tolerance.atol + tolerance.rtol * std::fabs(want);
}

Status check_numbers(const GoldenOutput& want, const Tensor& got) {
    const Tensor wanted = as_reals(want.tensor);
    const Tensor given = as_reals(got);
    const std::size_t width = dtype_size(wanted.dtype());
    const bool whole = is_integer(wanted.dtype()) || wanted.dtype() == DType::kBool;
    for (std::size_t i = 0; i < static_cast<std::size_t>(wanted.elements()); ++i) {
        const ByteView a = wanted.bytes().subspan(i * width, width);
        const ByteView b = given.bytes().subspan(i * width, width);
        if (std::equal(a.begin(), a.end(), b.begin())) continue;
        const bool exact = whole && want.tolerance.atol == 0 && want.tolerance.rtol == 0;
        const double x = number_at(wanted, i);
        const double y = number_at(given, i);
        if (!exact && near(x, y, want.tolerance)) continue;
        return failed_precondition(
            "output '{}' is not reproduced: element {} is {}, golden {} (rtol {}, atol {})",
            want.name, i, y, x, want.tolerance.rtol, want.tolerance.atol);
    }
    return {};
}

}  // namespace

Result<std::string> write_golden(const Golden& golden) {
    json::Array samples;
    for (const GoldenSample& sample : golden.samples) {
        json::Array inputs;
        json::Array outputs;
        for (const GoldenInput& input : sample.inputs) {
            inputs.push_back(write_tensor(input.name, input.tensor));
        }
        for (const GoldenOutput& output : sample.outputs) {
            json::Object tensor = write_tensor(output.name, output.tensor);
            tensor["rtol"] = output.tolerance.rtol;
            tensor["atol"] = output.tolerance.atol;
            outputs.push_back(std::move(tensor));
        }
        json::Object object{{"inputs", std::move(inputs)}, {"outputs", std::move(outputs)}};
        if (!sample.model.empty()) object["model"] = sample.model;
        samples.push_back(std::move(object));
    }
    std::string text = json::write(json::Object{{"format", kFormat},
                                                {"device", golden.device},
                                                {"seed", golden.seed},
                                                {"samples", std::move(samples)}});
    if (text.size() > kMaxGoldenBytes) {
        return resource_exhausted(
            "golden inputs and outputs take {} bytes, more than {}: ask for fewer samples",
            text.size(), kMaxGoldenBytes);
    }
    return text;
}

Result<Golden> parse_golden(ByteView bytes) {
    const json::Value value =
        HF_TRY(json::parse(as_text(bytes), kMaxGoldenBytes).context("golden samples"));
    if (json::get_string(value, "format") != kFormat) {
        return invalid_argument("golden samples: 'format' is not {}", kFormat);
    }
    Golden golden;
    golden.device = json::get_string(value, "device");
    golden.seed = static_cast<std::uint64_t>(json::get_int(value, "seed"));
    const json::Array* samples = json::find_array(value, "samples");
    if (!samples) return invalid_argument("golden samples: there is no list 'samples'");
    if (samples->size() > kMaxGoldenSamples) {
        return resource_exhausted("golden samples: {}, more than {}", samples->size(),
                                  kMaxGoldenSamples);
    }
    for (std::size_t i = 0; i < samples->size(); ++i) {
        golden.samples.push_back(
            HF_TRY(parse_sample((*samples)[i]).context("golden sample {}", i)));
    }
    return golden;
}

Tolerance default_tolerance(const Tensor& want) {
    if (want.dtype() == DType::kI8 || want.dtype() == DType::kU8) return {0, 1};
    const Tensor reals = as_reals(want);
    if (!is_float(reals.dtype())) return {0, 0};
    double largest = 0;
    for (std::size_t i = 0; i < static_cast<std::size_t>(reals.elements()); ++i) {
        const double magnitude = std::fabs(number_at(reals, i));
        if (std::isfinite(magnitude)) largest = std::max(largest, magnitude);
    }
    return {1e-3, std::max(1e-5 * largest, 1e-7)};
}

Status check_reproduced(const GoldenOutput& want, const Tensor& got) {
    if (got.dtype() != want.tensor.dtype() || got.shape() != want.tensor.shape()) {
        return failed_precondition("output '{}' is {}[{}], golden {}[{}]", want.name,
                                   dtype_name(got.dtype()), got.shape().to_string(),
                                   dtype_name(want.tensor.dtype()),
                                   want.tensor.shape().to_string());
    }
    if (got.dtype() != DType::kString) return check_numbers(want, got);
    if (got.strings() == want.tensor.strings()) return {};
    return failed_precondition("output '{}' is not reproduced: other texts than golden", want.name);
}

}  // namespace hf::vault
