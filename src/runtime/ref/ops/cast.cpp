#include <charconv>
#include <cmath>

#include "base/text.h"
#include "kernels/pointwise.h"
#include "runtime/ref/ops/common.h"

namespace hf::runtime::ref {
namespace {

Tensor halves_to_floats(const Tensor& tensor) {
    Tensor out(DType::kF32, tensor.shape());
    const auto in = tensor.values<std::uint16_t>();
    const auto to = out.mutable_values<float>();
    for (std::size_t i = 0; i < in.size(); ++i) {
        to[i] = tensor.dtype() == DType::kF16 ? half_to_float(in[i]) : bfloat_to_float(in[i]);
    }
    return out;
}

Tensor floats_to_halves(const Tensor& tensor, DType dtype) {
    Tensor out(dtype, tensor.shape());
    const auto in = tensor.values<float>();
    const auto to = out.mutable_values<std::uint16_t>();
    for (std::size_t i = 0; i < in.size(); ++i) {
        to[i] = dtype == DType::kF16 ? float_to_half(in[i]) : float_to_bfloat(in[i]);
    }
    return out;
}

// As Python prints a float of this width, which is what ONNX's cases were made with: shortest text
// that reads back, at least one digit, exponents from 1e16 on.
std::string print(double value, bool single) {
    if (std::isnan(value)) return "NaN";
    if (std::isinf(value)) return value > 0 ? "INF" : "-INF";
    char buffer[64];
    const auto end =
        single ? std::to_chars(buffer, buffer + sizeof buffer, static_cast<float>(value)).ptr
               : std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
    return std::string(buffer, end);
}

Result<Tensor> to_strings(const Tensor& tensor) {
    std::vector<std::string> texts;
    const bool floating = is_float(tensor.dtype());
    if (floating) {
        const Tensor wide = HF_TRY(cast_tensor(tensor, DType::kF64));
        for (double value : wide.values<double>()) {
            texts.push_back(print(value, tensor.dtype() != DType::kF64));
        }
    } else {
        const std::vector<std::int64_t> values = HF_TRY(to_int64s(tensor));
        for (std::int64_t value : values) texts.push_back(fmt::format("{}", value));
    }
    return Tensor::of_strings(tensor.shape(), std::move(texts));
}

Result<double> parse_number(const std::string& text) {
    const std::string lower = to_lower(trim(text));
    if (lower == "nan") return std::nan("");
    if (lower == "inf" || lower == "+inf") return HUGE_VAL;
    if (lower == "-inf") return -HUGE_VAL;
    return parse_double(lower.starts_with('+') ? lower.substr(1) : lower);
}

Result<Tensor> from_strings(const Tensor& tensor, DType to) {
    Tensor wide(DType::kF64, tensor.shape());
    for (std::size_t i = 0; i < tensor.strings().size(); ++i) {
        wide.mutable_values<double>()[i] = HF_TRY(parse_number(tensor.strings()[i]));
    }
    return cast_tensor(wide, to);
}

}  // namespace

Result<Tensor> cast_tensor(const Tensor& tensor, DType to) {
    if (tensor.dtype() == to) return tensor;
    if (tensor.dtype() == DType::kString) return from_strings(tensor, to);
    if (to == DType::kString) return to_strings(tensor);
    if (is_half(tensor.dtype())) return cast_tensor(halves_to_floats(tensor), to);
    if (is_half(to)) {
        return floats_to_halves(HF_TRY(cast_tensor(tensor, DType::kF32)), to);
    }
    Tensor out = HF_TRY(make_tensor(to, tensor.shape()));
    return visit_real(tensor.dtype(), [&](auto from_zero) -> Result<Tensor> {
        using From = decltype(from_zero);
        return visit_real(to, [&](auto to_zero) -> Result<Tensor> {
            using To = decltype(to_zero);
            const auto in = tensor.values<From>();
            const auto values = out.template mutable_values<To>();
            for (std::size_t i = 0; i < in.size(); ++i) {
                values[i] = kernels::convert_element<To>(in[i], to == DType::kBool);
            }
            return std::move(out);
        });
    });
}

}  // namespace hf::runtime::ref
