#include "passes/quantized.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "passes/operators.h"

namespace hf::passes {
namespace {

using graph::kNoValue;
using graph::Node;
using graph::ValueId;

constexpr std::int64_t kToSigned = 128;

const Tensor* constant(const Editor& editor, ValueId id, DType dtype) {
    const Tensor* tensor = id == kNoValue ? nullptr : editor.constant(id);
    return tensor && tensor->dtype() == dtype ? tensor : nullptr;
}

// Narrows the bounds by an activation. False when the node is none.
bool apply_activation(const Editor& editor, const Node& node, float& low, float& high) {
    if (is_onnx(node, "Relu")) {
        low = std::max(low, 0.0f);
        return true;
    }
    if (!is_onnx(node, "Clip")) return false;
    const auto from = clip_bound(editor, node, 1, low), to = clip_bound(editor, node, 2, high);
    if (!from || !to || !(*from <= *to)) return false;
    low = std::max(low, *from);
    high = std::min(high, *to);
    return low <= high;
}

bool is_u8_pair(const Editor& editor, const Node& node, std::int64_t& zero) {
    const Tensor* point = constant(editor, input(node, 2), DType::kU8);
    if (!point || point->elements() != 1) return false;
    zero = point->values<std::uint8_t>()[0];
    return true;
}

void shift_zero(Editor& editor, std::size_t index, std::int64_t zero) {
    const auto shifted = static_cast<std::int8_t>(zero - kToSigned);
    const Tensor point = Tensor::of<std::int8_t>(DType::kI8, {}, std::span(&shifted, 1));
    editor.set_input(index, 2, editor.fresh_constant("zero_point", point));
}

}  // namespace

std::int64_t Affine::stored(float real) const {
    const double raw = std::nearbyint(real / scale) + static_cast<double>(zero);
    return static_cast<std::int64_t>(std::clamp(raw, -128.0, 127.0));
}

std::optional<Affine> affine_of(const Editor& editor, const Node& node) {
    const Tensor* scale = constant(editor, input(node, 1), DType::kF32);
    const Tensor* zero = constant(editor, input(node, 2), DType::kI8);
    if (!scale || !zero || scale->elements() != 1 || zero->elements() != 1) return std::nullopt;
    const float factor = scale->values<float>()[0];
    if (!std::isnormal(factor) || factor <= 0) return std::nullopt;
    return Affine{factor, zero->values<std::int8_t>()[0]};
}

std::optional<Dequantized> dequantized(const Editor& editor, ValueId real) {
    const Node* node = maker_of(editor, real, "DequantizeLinear");
    if (!node || !editor.is(node->inputs[0], DType::kI8)) return std::nullopt;
    const auto affine = affine_of(editor, *node);
    if (!affine) return std::nullopt;
    return Dequantized{node->inputs[0], *affine};
}

std::optional<QuantizedWeights> quantized_weights(const Editor& editor, ValueId real,
                                                  std::size_t axis) {
    const Node* node = maker_of(editor, real, "DequantizeLinear");
    const Tensor* stored = node ? editor.constant(node->inputs[0]) : nullptr;
    const Tensor* scale = node ? constant(editor, input(*node, 1), DType::kF32) : nullptr;
    if (!stored || !scale || stored->shape().rank() <= axis) return std::nullopt;
    const bool is_signed = stored->dtype() == DType::kI8;
    if (!is_signed && stored->dtype() != DType::kU8) return std::nullopt;
    const Tensor* zero = editor.constant(input(*node, 2));
    if (input(*node, 2) != kNoValue && !zero) return std::nullopt;
    if (!zero && !is_signed) return std::nullopt;
    const std::uint8_t want = is_signed ? 0 : 128;
    for (const std::uint8_t byte : zero ? zero->bytes() : ByteView()) {
        if (byte != want) return std::nullopt;
    }
    const std::int64_t channels = stored->shape()[axis];
    const auto along = normalize_axis(node->int_or("axis", 1), stored->shape().rank());
    const bool one = scale->elements() == 1;
    if (!one && (scale->elements() != channels || !along.ok() || *along != axis)) {
        return std::nullopt;
    }
    QuantizedWeights weights{Tensor(DType::kI8, stored->shape()), {}};
    std::transform(stored->bytes().begin(), stored->bytes().end(),
                   weights.stored.mutable_bytes().begin(),
                   [&](std::uint8_t byte) { return static_cast<std::uint8_t>(byte - want); });
    const auto scales = scale->values<float>();
    for (std::int64_t i = 0; i < channels; ++i) {
        weights.scales.push_back(scales[one ? 0 : static_cast<std::size_t>(i)]);
        if (!std::isfinite(weights.scales.back()) || weights.scales.back() < 0) return std::nullopt;
    }
    return weights;
}

std::optional<QuantizedEnd> quantized_end(const Editor& editor, ValueId real) {
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    QuantizedEnd end;
    float low = -kInfinity, high = kInfinity;
    for (;;) {
        if (!editor.has_one_taker(real)) return std::nullopt;
        const std::size_t taker = editor.takers(real)[0];
        const Node& node = editor.node(taker);
        if (editor.is_erased(taker) || node.outputs.size() != 1) return std::nullopt;
        end.nodes.push_back(taker);
        real = node.outputs[0];
        if (apply_activation(editor, node, low, high)) continue;
        const auto affine = affine_of(editor, node);
        if (!is_onnx(node, "QuantizeLinear") || !affine) return std::nullopt;
        end.output = real;
        end.affine = *affine;
        if (low != -kInfinity) end.min = affine->stored(low);
        if (high != kInfinity) end.max = affine->stored(high);
        return end;
    }
}

void make_signed(Editor& editor) {
    for (std::size_t i = 0; i < editor.node_count(); ++i) {
        std::int64_t zero = 0, other = 0;
        const Node& node = editor.node(i);
        if (!is_onnx(node, "QuantizeLinear") || node.outputs.size() != 1 ||
            node.outputs[0] == kNoValue || !is_u8_pair(editor, node, zero)) {
            continue;
        }
        const ValueId output = node.outputs[0];
        const std::vector<std::size_t> takers = editor.takers(output);
        const bool all = std::all_of(takers.begin(), takers.end(), [&](std::size_t taker) {
            if (taker == Editor::kInserted) return false;
            const Node& user = editor.node(taker);
            return is_onnx(user, "DequantizeLinear") && user.inputs[0] == output &&
                   is_u8_pair(editor, user, other) && other == zero;
        });
        if (!all || takers.empty() || editor.is_pinned(output)) continue;
        shift_zero(editor, i, zero);
        for (const std::size_t taker : takers) shift_zero(editor, taker, zero);
        editor.graph().value(output).dtype = DType::kI8;
    }
}

}  // namespace hf::passes
