#include "serve/tasks/ports.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "serve/signature_check.h"

namespace hf::serve::tasks {
namespace {

template <typename T>
void write_integers(std::span<const float> numbers, const Quantization& q, Tensor& tensor) {
    const std::span<T> out = tensor.mutable_values<T>();
    constexpr double kLeast = std::numeric_limits<T>::min();
    constexpr double kMost = std::numeric_limits<T>::max();
    const auto zero = static_cast<double>(q.zero_point);
    for (std::size_t i = 0; i < out.size(); ++i) {
        const double value = std::nearbyint(static_cast<double>(numbers[i]) / q.scale + zero);
        out[i] = static_cast<T>(std::isnan(value) ? 0 : std::clamp(value, kLeast, kMost));
    }
}

template <typename T>
void read_integers(const Tensor& tensor, const Quantization& q, std::span<float> out) {
    const std::span<const T> in = tensor.values<T>();
    for (std::size_t i = 0; i < in.size(); ++i) {
        const auto steps = static_cast<double>(in[i]) - static_cast<double>(q.zero_point);
        out[i] = static_cast<float>(q.scale * steps);
    }
}

template <typename T>
void copy_floats(const Tensor& tensor, std::span<float> out) {
    const std::span<const T> in = tensor.values<T>();
    for (std::size_t i = 0; i < in.size(); ++i) out[i] = static_cast<float>(in[i]);
}

}  // namespace

Result<Quantization> read_quantization(const Fields& fields, std::string_view key,
                                       const runtime::Port& port) {
    const std::optional<Fields> given = HF_TRY(fields.child(key));
    if (!given) {
        if (port.dtype != DType::kI8 && port.dtype != DType::kI32) return Quantization{};
        return invalid_argument(
            "{}: is missing, and '{}' has integers ({}); say how they stand for numbers: "
            "{{\"scale\": S, \"zero_point\": Z}}",
            fields.place(key), port.name, dtype_name(port.dtype));
    }
    HF_TRY(given->only({"scale", "zero_point"}));
    if (!is_integer(port.dtype)) {
        return invalid_argument("{}: '{}' has {}, which needs none", fields.place(key), port.name,
                                dtype_name(port.dtype));
    }
    Quantization quantization;
    quantization.scale = HF_TRY(given->number("scale", 1));
    quantization.zero_point = HF_TRY(given->integer("zero_point", 0, {-32768, 32767}));
    if (!(quantization.scale > 0)) {
        return invalid_argument("{}: want a number above 0", given->place("scale"));
    }
    return quantization;
}

Result<std::size_t> read_port(const Fields& fields, std::string_view key,
                              const std::vector<runtime::Port>& ports) {
    if (fields.has(key)) {
        const std::string name = HF_TRY(fields.text(key, ""));
        for (std::size_t i = 0; i < ports.size(); ++i) {
            if (ports[i].name == name) return i;
        }
        return invalid_argument("{}: the model has no '{}'; it has: {}", fields.place(key), name,
                                names_of(ports));
    }
    if (ports.size() == 1) return std::size_t{0};
    return invalid_argument("{}: is missing, and the model has {}; these are: {}",
                            fields.place(key), ports.size(), names_of(ports));
}

bool is_numeric(DType dtype) {
    constexpr DType kAll[] = {DType::kF32, DType::kF64, DType::kF16,
                              DType::kU8,  DType::kI8,  DType::kI32};
    return std::find(std::begin(kAll), std::end(kAll), dtype) != std::end(kAll);
}

void write_numbers(std::span<const float> numbers, const Quantization& quantization,
                   Tensor& tensor) {
    HF_CHECK(numbers.size() == static_cast<std::size_t>(tensor.elements()), "{} numbers",
             numbers.size());
    switch (tensor.dtype()) {
        case DType::kF32:
            std::copy(numbers.begin(), numbers.end(), tensor.mutable_values<float>().begin());
            return;
        case DType::kF64:
            std::copy(numbers.begin(), numbers.end(), tensor.mutable_values<double>().begin());
            return;
        case DType::kF16:
            std::transform(numbers.begin(), numbers.end(),
                           tensor.mutable_values<std::uint16_t>().begin(), float_to_half);
            return;
        case DType::kU8: return write_integers<std::uint8_t>(numbers, quantization, tensor);
        case DType::kI8: return write_integers<std::int8_t>(numbers, quantization, tensor);
        case DType::kI32: return write_integers<std::int32_t>(numbers, quantization, tensor);
        default: HF_CHECK(false, "write_numbers() of {}", dtype_name(tensor.dtype()));
    }
}

std::vector<float> read_numbers(const Tensor& tensor, const Quantization& quantization) {
    std::vector<float> out(static_cast<std::size_t>(tensor.elements()));
    switch (tensor.dtype()) {
        case DType::kF32: copy_floats<float>(tensor, out); break;
        case DType::kF64: copy_floats<double>(tensor, out); break;
        case DType::kF16: {
            const std::span<const std::uint16_t> in = tensor.values<std::uint16_t>();
            std::transform(in.begin(), in.end(), out.begin(), half_to_float);
            break;
        }
        case DType::kU8: read_integers<std::uint8_t>(tensor, quantization, out); break;
        case DType::kI8: read_integers<std::int8_t>(tensor, quantization, out); break;
        case DType::kI32: read_integers<std::int32_t>(tensor, quantization, out); break;
        default: HF_CHECK(false, "read_numbers() of {}", dtype_name(tensor.dtype()));
    }
    return out;
}

}  // namespace hf::serve::tasks
