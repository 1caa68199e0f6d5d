// The families of lowerings, one file each, and what they share. Internal to runtime/cpu.

#pragma once

#include <optional>

#include "kernels/fixed_point.h"
#include "runtime/cpu/lower.h"

namespace hf::runtime::cpu {

std::vector<LoweringRow> attention_lowerings();
std::vector<LoweringRow> conv_lowerings();
std::vector<LoweringRow> dense_lowerings();
std::vector<LoweringRow> pool_lowerings();
std::vector<LoweringRow> pointwise_lowerings();
std::vector<LoweringRow> rows_lowerings();
std::vector<LoweringRow> shape_lowerings();
std::vector<LoweringRow> quantize_lowerings();
std::vector<LoweringRow> tree_lowerings();
std::vector<LoweringRow> scalar_lowerings();
std::vector<LoweringRow> move_lowerings();
std::vector<LoweringRow> reduce_lowerings();

// Integers and comparisons, for operators whose fp32 form has a vector kernel.
Drafts draft_pointwise(const NodeView& view);

// Softmax and LogSoftmax along any axis.
Drafts draft_softmax_columns(const NodeView& view);

// A node as one operation.
std::vector<Draft> alone(Draft draft);

// The same operations, the first by another kernel.
Drafts by_kernel(Drafts drafts, std::string_view kernel);

// A plain convolution by Winograd's algorithm; UNIMPLEMENTED where it may not be or does not pay.
Drafts by_winograd(const NodeView& view, Drafts plain);

// The same operations, the first of which, a convolution of one group or a product with weights,
// rounds to bfloat16. UNIMPLEMENTED where bfloat16 cannot hold the weights.
Drafts by_bf16(const NodeView& view, Drafts plain, std::string_view kernel);

// UNIMPLEMENTED unless input `index` has this type: the refusal that reports read.
Status need_dtype(const NodeView& view, std::size_t index, DType dtype);
Status need_f32(const NodeView& view);  // all inputs and output 0

// The constant at an input. UNIMPLEMENTED when it is computed.
Result<Tensor> need_constant(const NodeView& view, std::size_t index, DType dtype);

// The integers of a constant input, or of an attribute when there is no such input.
Result<std::vector<std::int64_t>> integers_of(const NodeView& view, std::size_t index,
                                              std::string_view attribute);

struct Clamp {
    float low, high;
};
Clamp no_clamp();

// What an "activation" of a hf operator or a "fused_activation" of tflite is: a clamp that the
// kernel itself applies, or an operation of its own afterwards, in place.
struct ActivationDrafts {
    Clamp clamp;
    std::optional<Draft> after;
};
Result<ActivationDrafts> hf_activation(const NodeView& view);
Result<Clamp> tflite_clamp(const NodeView& view);

// Per-tensor quantisation of a value.
struct Affine {
    float scale;
    std::int32_t zero;
};
Result<Affine> affine_of(const graph::Value& value);

// Where a stored int8 output may lie after the fused activation.
struct StoredBounds {
    std::int32_t min, max;
};
Result<StoredBounds> stored_bounds(const NodeView& view, const Affine& output);

// The table of one output channel's bias and factor (steps/integer.h) for weights [channel][depth],
// or [depth][channel] when `channels_last`. Refuses what the vector arithmetic does not do exactly:
// weights with a zero point, factors whose left shift could overflow.
struct ChannelSums {
    const Tensor& weights;
    std::size_t channels = 0;
    bool channels_last = false;
};
Result<Tensor> channel_table(const NodeView& view, const ChannelSums& sums);

// The same for hf.QConv2d and hf.QGemm, whose weights have their channels first: biases and factors
// are inputs 2 and 3. And the fields that go with it, from the node's attributes.
Result<Tensor> real_channel_table(const NodeView& view, const Tensor& weights);
std::vector<std::int64_t> real_fields(const NodeView& view);

// For hf nodes and ONNX: f32 constants packed for simd/gemm_f32.h; columns padded with zeros.
Tensor pack_dense_f32(const float* weights, std::size_t columns, std::size_t depth);
Tensor padded_bias(const Tensor* bias, std::size_t columns);

}  // namespace hf::runtime::cpu
