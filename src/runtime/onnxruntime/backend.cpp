#include "runtime/onnxruntime/backend.h"

#include "runtime/onnxruntime/model.h"
#include "runtime/split/partition.h"

namespace hf::runtime::onnxruntime {
namespace {

// What ONNX has no words for.
std::string inexpressible(const graph::Graph& graph, const graph::Node& node) {
    if (node.domain == "tflite") return "an operator of TensorFlow Lite, not of ONNX";
    for (const auto* ids : {&node.inputs, &node.outputs}) {
        for (graph::ValueId id : *ids) {
            if (id == graph::kNoValue || !graph.value(id).quantization) continue;
            return fmt::format("'{}' is quantised in a way that ONNX has no words for",
                               graph.value(id).name);
        }
    }
    return "";
}

}  // namespace

Result<Refusals> OnnxRuntimeBackend::refusals(const graph::Graph& graph) const {
    Refusals refusals;
    for (const graph::Node& node : graph.nodes) refusals.push_back(inexpressible(graph, node));
    return refusals;
}

Result<Refusals> OnnxRuntimeBackend::refusals_alone(const graph::Graph& part) const {
    Refusals refusals(part.nodes.size());
    const std::vector<std::size_t> reads = count_reads(part);
    for (std::size_t i = 0; i < refusals.size(); ++i) {
        const PartGraph alone = extract(part, {0, {i}}, reads);
        if (alone.outputs.empty()) continue;
        const auto model = OrtModel::create(library_, alone.graph);
        if (!model.ok()) refusals[i] = std::string(model.status().message());
    }
    return refusals;
}

Result<std::shared_ptr<const CompiledModel>> OnnxRuntimeBackend::compile(graph::Graph part) const {
    return HF_TRY(OrtModel::create(library_, part));
}

}  // namespace hf::runtime::onnxruntime
