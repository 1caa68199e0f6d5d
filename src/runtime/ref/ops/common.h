// What the reference operators share: dispatch over element types, bounded allocation, iteration
// over coordinates, and reading small integer inputs. Internal to runtime/ref.

#pragma once

#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

#include "runtime/ref/op.h"

namespace hf::runtime::ref {

using Outputs = Result<std::vector<Tensor>>;
using Data = Result<std::vector<Datum>>;

// No single tensor of the reference device is larger.
inline constexpr std::uint64_t kMaxTensorBytes = std::uint64_t{4} << 30;

// A zero-filled tensor, or an error when the shape is not valid or too large.
Result<Tensor> make_tensor(DType dtype, const Shape& shape);

inline std::vector<Tensor> one(Tensor tensor) {
    std::vector<Tensor> outputs;
    outputs.push_back(std::move(tensor));
    return outputs;
}

inline std::vector<Datum> one(Datum datum) {
    std::vector<Datum> outputs;
    outputs.push_back(std::move(datum));
    return outputs;
}

// Any element type to any other by ONNX's Cast rules.
Result<Tensor> cast_tensor(const Tensor& tensor, DType to);

// The elements as int64 (from any integer type or bool). INVALID_ARGUMENT for others.
Result<std::vector<std::int64_t>> to_int64s(const Tensor& tensor);
Result<std::vector<double>> to_doubles(const Tensor& tensor);

// The integers of attribute `name`, or of input `index` when the attribute moved there in a later
// opset. Empty when neither is given.
Result<std::vector<std::int64_t>> ints_from(const OpContext& context, std::string_view name,
                                            std::size_t index);

// Calls f(T{}) with the C++ type of a real element type (bool as std::uint8_t).
template <typename F>
auto visit_real(DType dtype, F f) -> decltype(f(float{})) {
    switch (dtype) {
        case DType::kF32: return f(float{});
        case DType::kF64: return f(double{});
        case DType::kI8: return f(std::int8_t{});
        case DType::kI16: return f(std::int16_t{});
        case DType::kI32: return f(std::int32_t{});
        case DType::kI64: return f(std::int64_t{});
        case DType::kU8:
        case DType::kBool: return f(std::uint8_t{});
        case DType::kU16: return f(std::uint16_t{});
        case DType::kU32: return f(std::uint32_t{});
        case DType::kU64: return f(std::uint64_t{});
        default: return unimplemented("element type {} is not supported here", dtype_name(dtype));
    }
}

inline bool is_half(DType dtype) {
    return dtype == DType::kF16 || dtype == DType::kBF16;
}

// Runs an operator on half-precision inputs by widening to f32 and narrowing the outputs of that
// type again.
Outputs widen_halves(const OpContext& context, OpFunction function);

// The next coordinate in row-major order; false after the last.
bool next_coordinate(const Shape& shape, std::vector<std::int64_t>& at);

// Builds a tensor of `shape` by moving elements: source_of(coordinates) is the linear index in
// `source`, or negative to leave the element zero. Any element type.
template <typename F>
Result<Tensor> move_elements(const Tensor& source, const Shape& shape, F source_of) {
    Tensor out = HF_TRY(make_tensor(source.dtype(), shape));
    if (out.elements() == 0) return out;
    std::vector<std::int64_t> at(shape.rank(), 0);
    const std::size_t size = dtype_size(source.dtype());
    std::uint8_t* to = size == 0 ? nullptr : out.mutable_bytes().data();
    std::size_t index = 0;
    do {
        const std::int64_t from = source_of(std::span<const std::int64_t>(at));
        if (from >= 0 && size == 0) {
            out.mutable_strings()[index] = source.strings()[static_cast<std::size_t>(from)];
        } else if (from >= 0) {
            std::memcpy(to + index * size,
                        source.bytes().data() + static_cast<std::size_t>(from) * size, size);
        }
        ++index;
    } while (next_coordinate(shape, at));
    return out;
}

// Strides with 0 where `from` is broadcast to `to` (aligned at the last axis).
std::vector<std::int64_t> broadcast_strides(const Shape& from, const Shape& to);

inline std::int64_t dot(std::span<const std::int64_t> at,
                        const std::vector<std::int64_t>& strides) {
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < at.size(); ++i) sum += at[i] * strides[i];
    return sum;
}

// The tensor broadcast to `shape`.
Result<Tensor> expand_to(const Tensor& tensor, const Shape& shape);

// The tensors one after another along an axis. INVALID_ARGUMENT when there is none, or types, ranks
// or other extents differ.
Result<Tensor> concatenate(std::span<const Tensor> tensors, std::int64_t axis);

// The `count` indices from `first` on along an axis. REQUIRES: they are there.
Result<Tensor> slice_of(const Tensor& tensor, std::size_t axis, std::int64_t first,
                        std::int64_t count);

// Without an axis of extent one, and with a new one. REQUIRES: axis <= rank.
Tensor without_axis(const Tensor& tensor, std::size_t axis);
Result<Tensor> with_axis(const Tensor& tensor, std::size_t axis);

// [outer, axis, inner] extents around an axis.
struct AxisSplit {
    std::int64_t outer = 1;
    std::int64_t extent = 1;
    std::int64_t inner = 1;
};
AxisSplit split_at(const Shape& shape, std::size_t axis);

// The rows of each family.
std::vector<OpRow> unary_rows();
std::vector<OpRow> binary_rows();
std::vector<OpRow> reduce_rows();
std::vector<OpRow> shape_rows();
std::vector<OpRow> move_rows();
std::vector<OpRow> index_rows();
std::vector<OpRow> control_rows();
std::vector<OpRow> scan_rows();
std::vector<OpRow> sequence_rows();
std::vector<OpRow> text_rows();
std::vector<OpRow> hf_rows();
std::vector<OpRow> hf_attention_rows();
std::vector<OpRow> hf_quantized_rows();
std::vector<OpRow> matmul_rows();
std::vector<OpRow> conv_rows();
std::vector<OpRow> pool_rows();
std::vector<OpRow> norm_rows();
std::vector<OpRow> quantize_rows();
std::vector<OpRow> ml_rows();
std::vector<OpRow> recurrent_rows();
std::vector<OpRow> attention_rows();
std::vector<OpRow> contrib_fused_rows();
std::vector<OpRow> contrib_norm_rows();
std::vector<OpRow> detect_rows();
std::vector<OpRow> determinant_rows();
std::vector<OpRow> einsum_rows();
std::vector<OpRow> grid_sample_rows();
std::vector<OpRow> layout_rows();
std::vector<OpRow> loss_rows();
std::vector<OpRow> norm_group_rows();
std::vector<OpRow> qlinear_rows();
std::vector<OpRow> qlinear_contrib_rows();
std::vector<OpRow> random_rows();
std::vector<OpRow> resize_rows();
std::vector<OpRow> signal_rows();
std::vector<OpRow> spectrum_rows();
std::vector<OpRow> train_rows();
std::vector<OpRow> unique_rows();
std::vector<OpRow> unpool_rows();

}  // namespace hf::runtime::ref
