#include "graph/onnx/zip_map.h"

#include "base/text.h"

namespace hf::graph::onnx {

void unzip_maps(Graph& graph) {
    for (Node& node : graph.nodes) {
        if (node.domain != "ai.onnx.ml" || node.op != "ZipMap" || node.outputs.size() != 1 ||
            node.outputs[0] == kNoValue) {
            continue;
        }
        std::vector<std::string> labels = node.strings_or("classlabels_strings", {});
        for (std::int64_t label : node.ints_or("classlabels_int64s", {})) {
            labels.push_back(fmt::format("{}", label));
        }
        Value& scores = graph.value(node.outputs[0]);
        scores.kind = ValueKind::kTensor;
        scores.dtype = DType::kF32;
        scores.shape = Shape{Shape::kUnknown, static_cast<std::int64_t>(labels.size())};
        graph.metadata["classes." + scores.name] = join(labels, ",");
        // Its scores stay what they are; the standard's first Identity will do.
        node.domain = "";
        node.op = "Identity";
        node.opset = 1;
        node.attributes.clear();
    }
}

}  // namespace hf::graph::onnx
