// absorb-bias: an Add of one constant number a channel behind a Conv with constant weights becomes
// the Conv's bias, as integer kernels want it.

#include <algorithm>

#include "passes/editor.h"
#include "passes/operators.h"
#include "passes/quantize/prepare.h"

namespace hf::passes {
namespace {

using graph::kNoValue;
using graph::Node;
using graph::ValueId;

// The addend as one number a channel, of an image with channels on axis 1.
std::optional<std::vector<float>> by_channel(const Tensor& addend, std::size_t channels) {
    if (addend.dtype() != DType::kF32) return std::nullopt;
    const auto values = addend.values<float>();
    const Shape& shape = addend.shape();
    if (values.size() == 1 && shape.rank() <= 4) return std::vector<float>(channels, values[0]);
    const bool along = (shape.rank() == 3 || shape.rank() == 4) &&
                       shape[shape.rank() - 3] == static_cast<std::int64_t>(channels) &&
                       values.size() == channels;
    if (!along) return std::nullopt;
    return std::vector<float>(values.begin(), values.end());
}

// The Conv's bias and the addend; nullopt when they are not constants by channel.
std::optional<Tensor> new_bias(const Editor& editor, const Node& conv, ValueId addend) {
    const Tensor* weights = editor.constant(input(conv, 1));
    const Tensor* extra = editor.constant(addend);
    if (!weights || !extra || weights->shape().rank() != 4) return std::nullopt;
    const auto channels = static_cast<std::size_t>(weights->shape()[0]);
    auto sum = by_channel(*extra, channels);
    if (!sum) return std::nullopt;
    if (input(conv, 2) != kNoValue) {
        const Tensor* bias = editor.constant(conv.inputs[2]);
        if (!bias || bias->dtype() != DType::kF32 || bias->values<float>().size() != channels) {
            return std::nullopt;
        }
        for (std::size_t c = 0; c < channels; ++c) (*sum)[c] += bias->values<float>()[c];
    }
    return Tensor::of<float>(DType::kF32, {static_cast<std::int64_t>(channels)}, *sum);
}

}  // namespace

bool absorb_bias(graph::Graph& graph) {
    Editor editor(graph);
    for (std::size_t i = 0; i < editor.node_count(); ++i) {
        const Node& conv = editor.node(i);
        if (!is_onnx(conv, "Conv") || editor.is_erased(i) ||
            !editor.has_one_taker(conv.outputs[0])) {
            continue;
        }
        const std::size_t taker = editor.takers(conv.outputs[0])[0];
        const Node& add = editor.node(taker);
        if (!is_onnx(add, "Add") || !is_binary_elementwise(add)) continue;
        const ValueId addend = add.inputs[add.inputs[0] == conv.outputs[0] ? 1 : 0];
        if (addend == conv.outputs[0]) continue;
        auto bias = new_bias(editor, conv, addend);
        if (!bias) continue;
        const ValueId output = add.outputs[0];
        editor.set_input(i, 2, editor.fresh_constant(conv.name + "_bias", std::move(*bias)));
        editor.node(i).outputs[0] = output;
        editor.erase(taker);
    }
    return editor.finish();
}

}  // namespace hf::passes
