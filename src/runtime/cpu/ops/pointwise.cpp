// Elementwise functions and arithmetic of ONNX and TFLite in fp32, and TFLite's ADD in int8.

#include <algorithm>
#include <limits>
#include <map>

#include "kernels/simd/elementwise_f32.h"
#include "runtime/cpu/ops/families.h"
#include "runtime/cpu/ops/walk.h"

namespace hf::runtime::cpu {
namespace {

using kernels::Binary;
using kernels::Unary;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

Drafts unary_draft(const NodeView& view, Unary function, Clamp parameters) {
    HF_TRY(need_f32(view));
    Draft draft;
    draft.kernel = "simd.unary_f32";
    draft.inputs = {view.operand(0)};
    draft.outputs = {view.node.outputs[0]};
    draft.ints = {static_cast<std::int64_t>(function)};
    draft.floats = {parameters.low, parameters.high};
    return alone(std::move(draft));
}

Drafts draft_unary(const NodeView& view) {
    const std::string& op = view.node.op;
    if (op == "Relu" || op == "RELU") return unary_draft(view, Unary::kClamp, {0, kInfinity});
    if (op == "RELU6") return unary_draft(view, Unary::kClamp, {0, 6});
    if (op == "LeakyRelu") {
        return unary_draft(view, Unary::kLeakyRelu, {view.node.float_or("alpha", 0.01f), 0});
    }
    if (op == "HardSigmoid") {
        return unary_draft(view, Unary::kHardSigmoid,
                           {view.node.float_or("alpha", 0.2f), view.node.float_or("beta", 0.5f)});
    }
    static const std::map<std::string, Unary, std::less<>> functions{
        {"Sigmoid", Unary::kSigmoid},
        {"LOGISTIC", Unary::kSigmoid},
        {"Tanh", Unary::kTanh},
        {"Exp", Unary::kExp},
        {"Erf", Unary::kErf},
        {"Sqrt", Unary::kSqrt},
        {"Abs", Unary::kAbs},
        {"Neg", Unary::kNegate},
        {"Log", Unary::kLog},
        {"Reciprocal", Unary::kReciprocal},
        {"HardSwish", Unary::kHardSwish},
        {"Gelu", Unary::kGelu}};
    const auto found = functions.find(op);
    if (found == functions.end()) return unimplemented("no such function");
    return unary_draft(view, found->second, {0, 0});
}

Result<float> bound(const NodeView& view, std::size_t index, std::string_view attribute,
                    float fallback) {
    if (!view.has_input(index)) return view.node.float_or(attribute, fallback);
    const Tensor constant = HF_TRY(need_constant(view, index, DType::kF32));
    if (constant.elements() != 1) return unimplemented("bounds are not single numbers");
    return constant.values<float>()[0];
}

// Attributes in opset 6, inputs from 11 on.
Drafts draft_clip(const NodeView& view) {
    const float low = HF_TRY(bound(view, 1, "min", std::numeric_limits<float>::lowest()));
    const float high = HF_TRY(bound(view, 2, "max", std::numeric_limits<float>::max()));
    return unary_draft(view, Unary::kClamp, Clamp{low, high});
}

Drafts binary_draft(const NodeView& view, Binary function, Clamp clamp) {
    HF_TRY(need_f32(view));
    if (view.node.inputs.size() != 2) return unimplemented("it has not two inputs");
    const Walks walks = HF_TRY(walks_of(view, 2));
    Draft draft;
    draft.kernel = "simd.binary_f32";
    draft.inputs = {view.operand(0), view.operand(1)};
    draft.outputs = {view.node.outputs[0]};
    draft.ints = {static_cast<std::int64_t>(function), walks.outer, walks.inner};
    for (const Walk& walk : walks.operands) {
        draft.ints.insert(draft.ints.end(), {walk.outer, walk.inner});
    }
    draft.floats = {clamp.low, clamp.high};
    return alone(std::move(draft));
}

// Before opset 7 a broadcast was an attribute with an axis; the shapes alone do not tell it.
Drafts draft_binary(const NodeView& view) {
    if (view.node.has("broadcast") || view.node.has("axis")) {
        return unimplemented("the old kind of broadcast");
    }
    static const std::map<std::string, Binary, std::less<>> functions{
        {"Add", Binary::kAdd},      {"ADD", Binary::kAdd},      {"Sub", Binary::kSubtract},
        {"SUB", Binary::kSubtract}, {"Mul", Binary::kMultiply}, {"MUL", Binary::kMultiply},
        {"Div", Binary::kDivide},   {"Sum", Binary::kAdd},      {"Max", Binary::kMax},
        {"Min", Binary::kMin},      {"PRelu", Binary::kPRelu}};
    const auto found = functions.find(view.node.op);
    if (found == functions.end()) return unimplemented("no such function");
    const bool tflite = view.node.domain == "tflite";
    return binary_draft(view, found->second, tflite ? HF_TRY(tflite_clamp(view)) : no_clamp());
}

// x ^ 2 is a product, x ^ 3 two; exponents that are computed are left to the reference device.
Drafts draft_power(const NodeView& view) {
    HF_TRY(need_f32(view));
    if (view.node.has("broadcast") || view.node.has("axis")) {
        return unimplemented("the old kind of broadcast");
    }
    const Tensor exponent = HF_TRY(need_constant(view, 1, DType::kF32));
    if (exponent.elements() != 1) return unimplemented("there are several exponents");
    if (view.shape(0) != view.out_shape()) return unimplemented("the base is broadcast");
    const float power = exponent.values<float>()[0];
    const graph::ValueId x = view.node.inputs[0], y = view.node.outputs[0];
    if (power != 2 && power != 3) {
        Draft draft;
        draft.kernel = "simd.unary_f32";
        draft.inputs = {DraftInput::of(x)};
        draft.outputs = {y};
        draft.ints = {static_cast<std::int64_t>(Unary::kPower)};
        draft.floats = {power, 0};
        return alone(std::move(draft));
    }
    if (view.out_shape().elements() == 0) return unimplemented("the output is empty");
    const auto times = [&](graph::ValueId left) {
        Draft draft;
        draft.kernel = "simd.binary_f32";
        draft.inputs = {DraftInput::of(left), DraftInput::of(x)};
        draft.outputs = {y};
        draft.ints = {static_cast<std::int64_t>(Binary::kMultiply),
                      1,
                      view.out_shape().elements(),
                      1,
                      1,
                      1,
                      1};
        draft.floats = {no_clamp().low, no_clamp().high};
        return draft;
    };
    std::vector<Draft> drafts{times(x)};
    if (power == 3) drafts.push_back(times(y));
    return drafts;
}

void append_factor(std::vector<std::int64_t>& ints, const kernels::FixedFactor& factor) {
    ints.insert(ints.end(), {factor.multiplier, 0, -factor.shift});
}

// Both inputs are raised by 20 bits and brought to twice the larger scale before they are added.
Drafts draft_add_i8(const NodeView& view) {
    HF_TRY(need_dtype(view, 0, DType::kI8));
    HF_TRY(need_dtype(view, 1, DType::kI8));
    if (view.shape(0) != view.shape(1)) return unimplemented("the inputs have different shapes");
    const Affine a = HF_TRY(affine_of(view.input(0)));
    const Affine b = HF_TRY(affine_of(view.input(1)));
    const Affine out = HF_TRY(affine_of(view.output()));
    const StoredBounds bounds = HF_TRY(stored_bounds(view, out));
    const double twice = 2 * double{std::max(a.scale, b.scale)};
    const kernels::FixedFactor factors[] = {
        kernels::fixed_factor(a.scale / twice), kernels::fixed_factor(b.scale / twice),
        kernels::fixed_factor(twice / ((1 << 20) * double{out.scale}))};
    Draft draft;
    draft.kernel = "simd.add_i8";
    draft.inputs = {view.operand(0), view.operand(1)};
    draft.outputs = {view.node.outputs[0]};
    draft.ints = {a.zero, b.zero, out.zero};
    for (const kernels::FixedFactor& factor : factors) {
        if (factor.shift > 0) return unimplemented("a scale is raised, which could overflow");
        append_factor(draft.ints, factor);
    }
    draft.ints.insert(draft.ints.end(), {bounds.min, bounds.max});
    return alone(std::move(draft));
}

}  // namespace

std::vector<LoweringRow> pointwise_lowerings() {
    std::vector<LoweringRow> rows;
    for (std::string_view op : {"Relu", "LeakyRelu", "HardSigmoid", "HardSwish", "Sigmoid", "Tanh",
                                "Exp", "Erf", "Sqrt", "Abs", "Neg", "Log", "Reciprocal"}) {
        rows.push_back({"", op, {{"simd.unary_f32", draft_unary}}});
    }
    for (std::string_view op : {"RELU", "RELU6", "LOGISTIC"}) {
        rows.push_back({"tflite", op, {{"simd.unary_f32", draft_unary}}});
    }
    rows.push_back({"hf", "Gelu", {{"simd.unary_f32", draft_unary}}});
    rows.push_back({"", "Clip", {{"simd.unary_f32", draft_clip}}});
    for (std::string_view op : {"Div", "Sum", "PRelu"}) {
        rows.push_back({"", op, {{"simd.binary_f32", draft_binary}}});
    }
    for (std::string_view op : {"Add", "Sub", "Mul", "Max", "Min"}) {
        rows.push_back(
            {"", op, {{"simd.binary_f32", draft_binary}, {"scalar.pointwise", draft_pointwise}}});
    }
    rows.push_back({"", "Pow", {{"simd.unary_f32", draft_power}}});
    for (std::string_view op : {"SUB", "MUL"}) {
        rows.push_back({"tflite", op, {{"simd.binary_f32", draft_binary}}});
    }
    rows.push_back(
        {"tflite", "ADD", {{"simd.binary_f32", draft_binary}, {"simd.add_i8", draft_add_i8}}});
    return rows;
}

}  // namespace hf::runtime::cpu
