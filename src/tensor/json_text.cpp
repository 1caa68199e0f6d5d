#include "tensor/json_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <type_traits>

#include "base/json.h"

namespace hf {
namespace {

using Number = JsonCursor::Number;

// Whole numbers that are read as floats: "-0" is 0.
double value_of(const Number& number) {
    return number.integral && number.magnitude == 0 ? 0.0 : number.value;
}

template <typename T>
bool store_integer(const Number& number, T& out) {
    if (!number.integral) return false;
    constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<T>::max());
    if (!number.negative) {
        if (number.magnitude > kMost) return false;
        out = static_cast<T>(number.magnitude);
        return true;
    }
    if (!std::is_signed_v<T> || number.magnitude > kMost) return false;
    out = static_cast<T>(-static_cast<std::int64_t>(number.magnitude));
    return true;
}

// Each reads one element of its type.
bool take_element(JsonCursor& cursor, DType dtype, float& out) {
    Number number;
    if (dtype != DType::kF32 || !cursor.take_number(number)) return false;
    out = static_cast<float>(value_of(number));
    return true;
}
bool take_element(JsonCursor& cursor, DType, double& out) {
    Number number;
    if (!cursor.take_number(number)) return false;
    out = value_of(number);
    return true;
}
template <typename T>
bool take_element(JsonCursor& cursor, DType dtype, T& out) {
    if constexpr (sizeof(T) == 1 && std::is_unsigned_v<T>) {
        if (dtype == DType::kBool) {
            bool truth = false;
            if (!cursor.take_bool(truth)) return false;
            out = truth ? 1 : 0;
            return true;
        }
    }
    Number number;
    if (!cursor.take_number(number)) return false;
    if constexpr (std::is_same_v<T, std::uint16_t>) {
        const auto single = static_cast<float>(value_of(number));
        if (dtype == DType::kF16) return out = float_to_half(single), true;
        if (dtype == DType::kBF16) return out = float_to_bfloat(single), true;
    }
    return store_integer(number, out);
}

template <typename T>
class ElementReader {
public:
    ElementReader(JsonCursor& cursor, const Shape& shape, DType dtype, T* out)
        : cursor_(cursor), shape_(shape), dtype_(dtype), out_(out) {}

    bool read() {
        if (!cursor_.take('[')) return false;
        const bool nested = shape_.rank() > 0 && cursor_.sees('[');
        return nested ? members(0) : elements(shape_.elements());
    }

private:
    // What is behind the bracket that opens an array along this axis.
    bool members(std::size_t axis) {
        if (axis + 1 == shape_.rank()) return elements(shape_[axis]);
        for (std::int64_t i = 0; i < shape_[axis]; ++i) {
            if (i > 0 && !cursor_.take(',')) return false;
            if (!cursor_.take('[') || !members(axis + 1)) return false;
        }
        return cursor_.take(']');
    }

    bool elements(std::int64_t count) {
        for (std::int64_t i = 0; i < count; ++i) {
            if (i > 0 && !cursor_.take(',')) return false;
            if (!take_element(cursor_, dtype_, *out_++)) return false;
        }
        return cursor_.take(']');
    }

    JsonCursor& cursor_;
    const Shape& shape_;
    const DType dtype_;
    T* out_;
};

template <typename T>
bool read_as(JsonCursor& cursor, Tensor& tensor) {
    T* const out = tensor.mutable_values<T>().data();
    return ElementReader<T>(cursor, tensor.shape(), tensor.dtype(), out).read();
}

template <typename T>
void append_number(T value, std::string& text) {
    std::array<char, 32> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    text.append(digits.data(), end);
}

// With a point or an exponent, so that readers see a float.
template <typename T>
void append_float(T value, std::string& text) {
    if (!std::isfinite(value)) {
        text += "null";
        return;
    }
    const std::size_t begin = text.size();
    append_number(value, text);
    if (text.find_first_of(".e", begin) == std::string::npos) text += ".0";
}

template <typename T, typename Append>
void append_all(const Tensor& tensor, std::string& text, Append append) {
    bool first = true;
    for (const T value : tensor.values<T>()) {
        if (!first) text += ',';
        first = false;
        append(value, text);
    }
}

template <typename T>
void append_integers(const Tensor& tensor, std::string& text) {
    append_all<T>(tensor, text, append_number<T>);
}

Status append_elements(const Tensor& tensor, std::string& text) {
    switch (tensor.dtype()) {
        case DType::kF32: append_all<float>(tensor, text, append_float<float>); return {};
        case DType::kF64: append_all<double>(tensor, text, append_float<double>); return {};
        case DType::kF16:
            append_all<std::uint16_t>(tensor, text, [](std::uint16_t bits, std::string& to) {
                append_float(half_to_float(bits), to);
            });
            return {};
        case DType::kBF16:
            append_all<std::uint16_t>(tensor, text, [](std::uint16_t bits, std::string& to) {
                append_float(bfloat_to_float(bits), to);
            });
            return {};
        case DType::kI8: append_integers<std::int8_t>(tensor, text); return {};
        case DType::kI16: append_integers<std::int16_t>(tensor, text); return {};
        case DType::kI32: append_integers<std::int32_t>(tensor, text); return {};
        case DType::kI64: append_integers<std::int64_t>(tensor, text); return {};
        case DType::kU8: append_integers<std::uint8_t>(tensor, text); return {};
        case DType::kU16: append_integers<std::uint16_t>(tensor, text); return {};
        case DType::kU32: append_integers<std::uint32_t>(tensor, text); return {};
        case DType::kU64: append_integers<std::uint64_t>(tensor, text); return {};
        case DType::kBool:
            append_all<std::uint8_t>(tensor, text, [](std::uint8_t truth, std::string& to) {
                to += truth != 0 ? "true" : "false";
            });
            return {};
        case DType::kString: {
            bool first = true;
            for (const std::string& element : tensor.strings()) {
                if (!first) text += ',';
                first = false;
                write_json_string(element, text);
            }
            return {};
        }
        case DType::kC64:
        case DType::kC128: break;
    }
    return unimplemented("complex numbers have no JSON form");
}

}  // namespace

bool read_tensor_text(JsonCursor& cursor, DType dtype, const Shape& shape, Tensor& tensor) {
    // Each element takes a character and what divides it from the next: a bound before memory is
    // taken.
    const auto elements = static_cast<std::uint64_t>(shape.elements());
    if (elements == 0 || elements > cursor.left() / 2) return false;
    if (dtype == DType::kString || dtype == DType::kC64 || dtype == DType::kC128) return false;
    tensor = Tensor(dtype, shape);
    switch (dtype) {
        case DType::kF32: return read_as<float>(cursor, tensor);
        case DType::kF64: return read_as<double>(cursor, tensor);
        case DType::kF16:
        case DType::kBF16:
        case DType::kU16: return read_as<std::uint16_t>(cursor, tensor);
        case DType::kI8: return read_as<std::int8_t>(cursor, tensor);
        case DType::kI16: return read_as<std::int16_t>(cursor, tensor);
        case DType::kI32: return read_as<std::int32_t>(cursor, tensor);
        case DType::kI64: return read_as<std::int64_t>(cursor, tensor);
        case DType::kBool:
        case DType::kU8: return read_as<std::uint8_t>(cursor, tensor);
        case DType::kU32: return read_as<std::uint32_t>(cursor, tensor);
        case DType::kU64: return read_as<std::uint64_t>(cursor, tensor);
        case DType::kString:
        case DType::kC64:
        case DType::kC128: break;
    }
    return false;
}

Status write_tensor_text(const Tensor& tensor, std::string& text) {
    text += '[';
    HF_TRY(append_elements(tensor, text));
    text += ']';
    return {};
}

void write_json_string(std::string_view from, std::string& text) {
    const bool plain = std::all_of(from.begin(), from.end(), [](char c) {
        return static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\' && c != 0x7f;
    });
    if (!plain) {
        text += json::write(json::Value(from));
        return;
    }
    text.append("\"").append(from).append("\"");
}

}  // namespace hf
