#include "tensor/json.h"

#include <cmath>
#include <limits>

namespace hf {
namespace {

class Reader {
public:
    explicit Reader(Tensor& tensor) : tensor_(tensor) {}

    Status read(const json::Value& value) {
        if (const json::Array* array = value.if_array()) {
            for (const json::Value& item : *array) HF_TRY(read(item));
            return {};
        }
        if (next_ >= static_cast<std::size_t>(tensor_.elements())) {
            return invalid_argument("more than the {} elements of shape {}", tensor_.elements(),
                                    tensor_.shape().to_string());
        }
        const Status status = store(value);
        if (!status.ok()) return status.context("element {}", next_);
        ++next_;
        return {};
    }

    Status finish() const {
        if (next_ == static_cast<std::size_t>(tensor_.elements())) return {};
        return invalid_argument("{} elements where shape {} needs {}", next_,
                                tensor_.shape().to_string(), tensor_.elements());
    }

private:
    Status store(const json::Value& value) {
        switch (tensor_.dtype()) {
            case DType::kF32:
                return store_float<float>(value, [](double x) { return static_cast<float>(x); });
            case DType::kF64: return store_float<double>(value, [](double x) { return x; });
            case DType::kF16:
                return store_float<std::uint16_t>(
                    value, [](double x) { return float_to_half(static_cast<float>(x)); });
            case DType::kBF16:
                return store_float<std::uint16_t>(
                    value, [](double x) { return float_to_bfloat(static_cast<float>(x)); });
            case DType::kI8: return store_integer<std::int8_t>(value);
            case DType::kI16: return store_integer<std::int16_t>(value);
            case DType::kI32: return store_integer<std::int32_t>(value);
            case DType::kI64: return store_integer<std::int64_t>(value);
            case DType::kU8: return store_integer<std::uint8_t>(value);
            case DType::kU16: return store_integer<std::uint16_t>(value);
            case DType::kU32: return store_integer<std::uint32_t>(value);
            case DType::kU64: return store_integer<std::uint64_t>(value);
            case DType::kBool:
                if (!value.is_bool()) return invalid_argument("want true or false");
                tensor_.mutable_bytes()[next_] = value.get_bool();
                return {};
            case DType::kString:
                if (!value.is_string()) return invalid_argument("want a string");
                tensor_.mutable_strings()[next_] = json::as_view(value.get_string());
                return {};
            case DType::kC64:
            case DType::kC128: break;
        }
        return unimplemented("complex numbers have no JSON form");
    }

    template <typename T, typename Convert>
    Status store_float(const json::Value& value, Convert convert) {
        if (!value.is_number() && !value.is_null()) return invalid_argument("want a number");
        const double number = value.is_null() ? std::nan("") : value.to_number<double>();
        tensor_.mutable_values<T>()[next_] = convert(number);
        return {};
    }

    template <typename T>
    Status store_integer(const json::Value& value) {
        boost::json::error_code error;
        const T number = value.is_number() ? value.to_number<T>(error) : T{};
        if (!value.is_number() || error) {
            return invalid_argument("want an integer from {} to {}",
                                    std::int64_t{std::numeric_limits<T>::min()},
                                    std::uint64_t{std::numeric_limits<T>::max()});
        }
        tensor_.mutable_values<T>()[next_] = number;
        return {};
    }

    Tensor& tensor_;
    std::size_t next_ = 0;
};

// Nested arrays must have the extents of the shape at every level.
Status check_form(const json::Value& value, const Shape& shape, std::size_t axis) {
    const json::Array* array = value.if_array();
    if (axis == shape.rank()) {
        return array ? invalid_argument("nested deeper than shape {}", shape.to_string())
                     : Status();
    }
    if (!array || static_cast<std::int64_t>(array->size()) != shape[axis]) {
        return invalid_argument("the nested array does not have the form of shape {} at axis {}",
                                shape.to_string(), axis);
    }
    for (const json::Value& item : *array) HF_TRY(check_form(item, shape, axis + 1));
    return {};
}

template <typename T, typename Convert>
json::Array numbers(const Tensor& tensor, Convert convert) {
    json::Array array;
    array.reserve(static_cast<std::size_t>(tensor.elements()));
    for (T value : tensor.values<T>()) array.emplace_back(convert(value));
    return array;
}

json::Value finite(double x) {
    return std::isfinite(x) ? json::Value(x) : json::Value(nullptr);
}

}  // namespace

Result<Tensor> tensor_from_json(const json::Value& data, DType dtype, const Shape& shape) {
    HF_TRY(shape.check());
    const json::Array* array = data.if_array();
    const bool nested = array && !array->empty() && array->front().is_array();
    if (nested) HF_TRY(check_form(data, shape, 0));
    // A flat array shows how many elements there can be before memory is taken for them.
    if (array && !nested && static_cast<std::int64_t>(array->size()) != shape.elements()) {
        return invalid_argument("{} elements where shape {} needs {}", array->size(),
                                shape.to_string(), shape.elements());
    }
    if (!array && shape.elements() != 1) return invalid_argument("data must be an array");
    Tensor tensor(dtype, shape);
    Reader reader(tensor);
    HF_TRY(reader.read(data));
    HF_TRY(reader.finish());
    return tensor;
}

Shape shape_of_json(const json::Value& data) {
    std::vector<std::int64_t> extents;
    const json::Value* at = &data;
    while (const json::Array* array = at->if_array()) {
        extents.push_back(static_cast<std::int64_t>(array->size()));
        if (array->empty()) break;
        at = &array->front();
    }
    return Shape(std::move(extents));
}

Result<json::Array> tensor_to_json(const Tensor& tensor) {
    const auto same = [](auto x) { return x; };
    switch (tensor.dtype()) {
        case DType::kF32: return numbers<float>(tensor, finite);
        case DType::kF64: return numbers<double>(tensor, finite);
        case DType::kF16:
            return numbers<std::uint16_t>(tensor,
                                          [](std::uint16_t x) { return finite(half_to_float(x)); });
        case DType::kBF16:
            return numbers<std::uint16_t>(
                tensor, [](std::uint16_t x) { return finite(bfloat_to_float(x)); });
        case DType::kI8: return numbers<std::int8_t>(tensor, same);
        case DType::kI16: return numbers<std::int16_t>(tensor, same);
        case DType::kI32: return numbers<std::int32_t>(tensor, same);
        case DType::kI64: return numbers<std::int64_t>(tensor, same);
        case DType::kU8: return numbers<std::uint8_t>(tensor, same);
        case DType::kU16: return numbers<std::uint16_t>(tensor, same);
        case DType::kU32: return numbers<std::uint32_t>(tensor, same);
        case DType::kU64: return numbers<std::uint64_t>(tensor, same);
        case DType::kBool:
            return numbers<std::uint8_t>(tensor, [](std::uint8_t x) { return x != 0; });
        case DType::kString: {
            json::Array array;
            for (const std::string& text : tensor.strings()) array.emplace_back(text);
            return array;
        }
        case DType::kC64:
        case DType::kC128: break;
    }
    return unimplemented("complex numbers have no JSON form");
}

}  // namespace hf
