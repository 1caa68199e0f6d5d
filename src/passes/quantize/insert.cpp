#include "passes/quantize/insert.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "passes/editor.h"

namespace hf::passes {
namespace {

using graph::kNoValue;
using graph::Node;
using graph::ValueId;

constexpr float kMostStored = 127;
constexpr float kMostBias = 1 << 30;

// The scale of each channel's weights. It also keeps the bias within 32 bits: a channel of next to
// nothing with a bias gets coarser weights.
std::vector<float> weight_scales(const Tensor& weights, std::size_t axis, const Tensor* bias,
                                 float x_scale) {
    const auto channels = static_cast<std::size_t>(weights.shape()[axis]);
    const auto stride = static_cast<std::size_t>(weights.shape().strides()[axis]);
    std::vector<float> scales(channels, 0);
    const auto values = weights.values<float>();
    for (std::size_t i = 0; i < values.size(); ++i) {
        float& most = scales[i / stride % channels];
        most = std::max(most, std::abs(values[i]));
    }
    for (std::size_t c = 0; c < channels; ++c) {
        scales[c] /= kMostStored;
        if (bias) {
            scales[c] =
                std::max(scales[c], std::abs(bias->values<float>()[c]) / kMostBias / x_scale);
        }
        // So small that products of scales would vanish: all weights are zero to any purpose.
        if (!(scales[c] * x_scale >= std::numeric_limits<float>::min())) scales[c] = 1;
    }
    return scales;
}

Tensor vector_of(const std::vector<float>& values) {
    return Tensor::of<float>(DType::kF32, {static_cast<std::int64_t>(values.size())}, values);
}

Tensor stored_weights(const Tensor& weights, std::size_t axis, const std::vector<float>& scales) {
    const auto stride = static_cast<std::size_t>(weights.shape().strides()[axis]);
    Tensor out(DType::kI8, weights.shape());
    const auto from = weights.values<float>();
    const auto to = out.mutable_values<std::int8_t>();
    for (std::size_t i = 0; i < to.size(); ++i) {
        const float steps = std::nearbyint(from[i] / scales[i / stride % scales.size()]);
        to[i] = static_cast<std::int8_t>(std::clamp(steps, -kMostStored, kMostStored));
    }
    return out;
}

class Inserter final {
public:
    Inserter(graph::Graph& graph, const Layers& layers, const Conversions& placed,
             const std::vector<Stored>& stored)
        : editor_(graph), layers_(layers), placed_(placed), stored_(stored) {
        for (const Node& node : graph.nodes) {
            if (node.domain.empty()) opset_ = node.opset;
        }
        dequantized_.resize(graph.values.size(), kNoValue);
    }

    void run() {
        const std::size_t values = dequantized_.size();
        for (std::uint32_t id = 0; id < values; ++id) {
            if (placed_.made[id]) {
                behind_maker(ValueId(id));
            } else if (placed_.wanted[id]) {
                beside(ValueId(id));
            }
        }
        for (std::size_t i = 0; i < layers_.layers.size(); ++i) {
            if (placed_.is_int8[i]) convert(layers_.layers[i]);
        }
        editor_.finish();
    }

private:
    const Stored& stored(ValueId id) const { return stored_[layers_.range_of[id.value()].value()]; }

    // The two conversions of `real`, which give `back`.
    std::pair<Node, Node> conversions(ValueId real, ValueId back, const Stored& how) {
        const std::string name = editor_.value(back).name;
        const std::optional<Shape> shape = editor_.value(back).shape;
        const ValueId scale = editor_.fresh_constant(
            name + "_scale", Tensor::of<float>(DType::kF32, {}, std::span(&how.scale, 1)));
        const ValueId zero = editor_.fresh_constant(
            name + "_zero", Tensor::of<std::uint8_t>(DType::kU8, {}, std::span(&how.zero, 1)));
        const ValueId steps = editor_.fresh(name + "_u8", DType::kU8, shape);
        return {
            {name + "_quantize", "", "QuantizeLinear", opset_, {real, scale, zero}, {steps}, {}},
            {name + "_dequantize",
             "",
             "DequantizeLinear",
             opset_,
             {steps, scale, zero},
             {back},
             {}}};
    }

    // All that take the value take what was stored: its maker gives another, and the value itself
    // is the dequantised one.
    void behind_maker(ValueId id) {
        const std::size_t maker = *editor_.maker(id);
        const ValueId real =
            editor_.fresh(editor_.value(id).name + "_real", DType::kF32, editor_.value(id).shape);
        for (ValueId& output : editor_.node(maker).outputs) {
            if (output == id) output = real;
        }
        auto [quantize, dequantize] = conversions(real, id, stored(id));
        editor_.insert_after(maker, std::move(quantize));
        editor_.insert_after(maker, std::move(dequantize));
        dequantized_[id.value()] = id;
    }

    // Only int8 layers take what was stored.
    void beside(ValueId id) {
        const ValueId back =
            editor_.fresh(editor_.value(id).name + "_stored", DType::kF32, editor_.value(id).shape);
        auto [quantize, dequantize] = conversions(id, back, stored(id));
        if (const auto maker = editor_.maker(id)) {
            editor_.insert_after(*maker, std::move(quantize));
            editor_.insert_after(*maker, std::move(dequantize));
        } else {
            editor_.insert_before(0, std::move(quantize));
            editor_.insert_before(0, std::move(dequantize));
        }
        dequantized_[id.value()] = back;
    }

    void convert(const Layer& layer) {
        const ValueId x = editor_.node(layer.node).inputs[0];
        for (const std::size_t place : layer.places) {
            const ValueId real = editor_.node(layer.node).inputs[place];
            editor_.set_input(layer.node, place, dequantized_[real.value()]);
        }
        if (layer.kind == Layer::Kind::kWeighted) convert_weights(layer, stored(x).scale);
    }

    void convert_weights(const Layer& layer, float x_scale) {
        const Node& node = editor_.node(layer.node);
        const std::string stem = node.name;
        const bool has_bias = node.inputs.size() > 2 && node.inputs[2] != kNoValue;
        const Tensor weights = *editor_.constant(node.inputs[1]);
        const Tensor bias = has_bias ? *editor_.constant(node.inputs[2]) : Tensor();
        const std::vector<float> scales =
            weight_scales(weights, layer.channel_axis, has_bias ? &bias : nullptr, x_scale);
        const auto axis = static_cast<std::int64_t>(layer.channel_axis);
        set_constant(layer.node, 1, {stem + "_weights", axis},
                     {stored_weights(weights, layer.channel_axis, scales), scales});
        if (!has_bias) return;
        std::vector<float> units;
        Tensor steps(DType::kI32, {bias.elements()});
        for (std::size_t c = 0; c < scales.size(); ++c) {
            units.push_back(x_scale * scales[c]);
            steps.mutable_values<std::int32_t>()[c] = static_cast<std::int32_t>(
                std::nearbyint(double{bias.values<float>()[c]} / double{units[c]}));
        }
        set_constant(layer.node, 2, {stem + "_bias", 0}, {std::move(steps), units});
    }

    struct Place {
        std::string stem;
        std::int64_t axis;
    };
    struct Steps {
        Tensor stored;
        std::vector<float> scales;
    };

    // The input becomes a DequantizeLinear of a constant, by channel.
    void set_constant(std::size_t index, std::size_t input, const Place& place, Steps steps) {
        const Shape shape = steps.stored.shape();
        const Tensor zeros(steps.stored.dtype(), {static_cast<std::int64_t>(steps.scales.size())});
        const ValueId scale =
            editor_.fresh_constant(place.stem + "_scale", vector_of(steps.scales));
        const ValueId zero = editor_.fresh_constant(place.stem + "_zero", zeros);
        const ValueId stored =
            editor_.fresh_constant(place.stem + "_stored", std::move(steps.stored));
        const ValueId real = editor_.fresh(place.stem, DType::kF32, shape);
        Node node{place.stem + "_dequantize",
                  "",
                  "DequantizeLinear",
                  opset_,
                  {stored, scale, zero},
                  {real},
                  {}};
        node.attributes["axis"] = place.axis;
        editor_.insert_before(index, std::move(node));
        editor_.set_input(index, input, real);
    }

    Editor editor_;
    const Layers& layers_;
    const Conversions& placed_;
    const std::vector<Stored>& stored_;
    std::int64_t opset_ = 0;
    std::vector<ValueId> dequantized_;  // by ValueId: what int8 layers take in its place
};

}  // namespace

void insert_conversions(graph::Graph& graph, const Layers& layers, const Conversions& placed,
                        const std::vector<Stored>& stored) {
    Inserter(graph, layers, placed, stored).run();
}

}  // namespace hf::passes
