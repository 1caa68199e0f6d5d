#include "passes/quantize/prepare.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "graph/infer.h"
#include "graph/verify.h"
#include "passes/pipeline.h"
#include "passes/quantize/from_tflite.h"
#include "passes/quantize/opset.h"

namespace hf::passes {
namespace {

// Those that leave ONNX's operators what they are.
constexpr std::array<std::string_view, 9> kPasses{
    "fold-shapes",      "fold-constants",  "remove-identities", "align-broadcasts", "split-sums",
    "merge-duplicates", "fold-batch-norm", "fuse-gemm",         "remove-dead"};

bool is_integer_operator(const graph::Node& node) {
    static constexpr std::array<std::string_view, 6> kOps{
        "QuantizeLinear", "DequantizeLinear",      "QLinearConv",
        "QLinearMatMul",  "DynamicQuantizeLinear", "ConvInteger"};
    return std::find(kOps.begin(), kOps.end(), node.op) != kOps.end() ||
           node.op == "MatMulInteger" || node.op == "QUANTIZE" || node.op == "DEQUANTIZE";
}

Status refuse_quantized(const graph::Graph& graph) {
    for (const graph::Node& node : graph.nodes) {
        if (!is_integer_operator(node)) continue;
        return failed_precondition("{}: the model is quantised already; give the f32 model",
                                   node.describe());
    }
    // Training leaves ranges on f32 values, too, and an importer may leave what it made f32.
    for (const graph::Node& node : graph.nodes) {
        for (const graph::ValueId id : node.inputs) {
            if (id == graph::kNoValue) continue;
            const graph::Value& value = graph.value(id);
            if (!value.quantization || value.dtype == DType::kF32) continue;
            return failed_precondition(
                "value '{}': the model is quantised already; give the f32 model", value.name);
        }
    }
    return {};
}

}  // namespace

Status prepare_to_quantize(graph::Graph& graph, const PassContext& context) {
    HF_TRY(refuse_quantized(graph));
    HF_TRY(graph::infer_shapes(graph));
    if (has_tflite(graph)) graph = HF_TRY(from_tflite(graph));
    PipelineOptions options;
    for (const Pass& pass : all_passes()) {
        if (std::find(kPasses.begin(), kPasses.end(), pass.name) == kPasses.end()) {
            options.disabled.emplace_back(pass.name);
        }
    }
    HF_TRY(run_passes(graph, context, options));
    if (absorb_bias(graph)) HF_TRY(graph::infer_shapes(graph));
    HF_TRY(raise_opset(graph));
    HF_TRY(graph::infer_shapes(graph));
    return graph::verify(graph);
}

Result<graph::Graph> with_closed_inputs(graph::Graph graph) {
    for (const graph::ValueId id : graph.inputs) {
        std::optional<Shape>& shape = graph.value(id).shape;
        for (std::size_t i = 0; shape && i < shape->rank(); ++i) {
            if ((*shape)[i] == Shape::kUnknown) (*shape)[i] = 1;
        }
    }
    HF_TRY(graph::infer_shapes(graph));
    return graph;
}

}  // namespace hf::passes
