#include "passes/operators.h"

#include <algorithm>
#include <array>

namespace hf::passes {
namespace {

constexpr std::array<std::string_view, 7> kRandom{
    "Bernoulli",     "Multinomial",       "RandomNormal", "RandomNormalLike",
    "RandomUniform", "RandomUniformLike", "Dropout"};

constexpr std::array<std::string_view, 36> kUnary{"Abs",        "Acos",
                                                  "Asin",       "Atan",
                                                  "Ceil",       "Celu",
                                                  "Clip",       "Cos",
                                                  "Elu",        "Erf",
                                                  "Exp",        "Floor",
                                                  "Gelu",       "HardSigmoid",
                                                  "HardSwish",  "Identity",
                                                  "LeakyRelu",  "Log",
                                                  "Mish",       "Neg",
                                                  "Reciprocal", "Relu",
                                                  "Round",      "Selu",
                                                  "Shrink",     "Sigmoid",
                                                  "Sign",       "Sin",
                                                  "Softplus",   "Softsign",
                                                  "Sqrt",       "Tan",
                                                  "Tanh",       "ThresholdedRelu",
                                                  "Cast",       "Not"};

constexpr std::array<std::string_view, 6> kBinary{"Add", "Sub", "Mul", "Div", "Pow", "PRelu"};

// Whether the first inputs are given and the only output is wanted.
bool has_ends(const graph::Node& node, std::size_t inputs) {
    if (node.outputs.size() != 1 || node.outputs[0] == graph::kNoValue) return false;
    for (std::size_t i = 0; i < inputs; ++i) {
        if (i >= node.inputs.size() || node.inputs[i] == graph::kNoValue) return false;
    }
    return true;
}

template <std::size_t N>
bool holds(const std::array<std::string_view, N>& names, const graph::Node& node) {
    return node.domain.empty() && std::find(names.begin(), names.end(), node.op) != names.end();
}

}  // namespace

const graph::Node* maker_of(const Editor& editor, graph::ValueId id, std::string_view op) {
    const auto maker = editor.maker(id);
    if (!maker || editor.is_erased(*maker) || !is_onnx(editor.node(*maker), op)) return nullptr;
    return &editor.node(*maker);
}

std::optional<float> real_scalar(const Editor& editor, graph::ValueId id) {
    const Tensor* tensor = editor.constant(id);
    if (!tensor || tensor->dtype() != DType::kF32 || tensor->elements() != 1) return std::nullopt;
    return tensor->values<float>()[0];
}

std::optional<float> clip_bound(const Editor& editor, const graph::Node& clip, std::size_t place,
                                float fallback) {
    // Until opset 10 bounds were attributes.
    if (clip.opset < 11) return clip.float_or(place == 1 ? "min" : "max", fallback);
    const graph::ValueId id = input(clip, place);
    return id == graph::kNoValue ? fallback : real_scalar(editor, id);
}

bool is_random(const graph::Node& node) {
    if (!holds(kRandom, node)) return false;
    // Dropout draws only in training, which its third input switches on.
    return node.op != "Dropout" || input(node, 2) != graph::kNoValue;
}

bool has_body(const graph::Node& node) {
    return std::any_of(node.attributes.begin(), node.attributes.end(), [](const auto& attribute) {
        return std::holds_alternative<graph::SubgraphPtr>(attribute.second);
    });
}

bool is_unary_elementwise(const graph::Node& node) {
    return holds(kUnary, node) && has_ends(node, 1);
}

bool is_binary_elementwise(const graph::Node& node) {
    const bool pair = node.op == "Max" || node.op == "Min";
    return node.opset >= 7 && node.inputs.size() == 2 && has_ends(node, 2) &&
           (holds(kBinary, node) || (node.domain.empty() && pair));
}

}  // namespace hf::passes
