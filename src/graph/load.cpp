#include "graph/load.h"

#include "graph/infer.h"
#include "graph/onnx/import.h"
#include "graph/tflite/import.h"
#include "graph/verify.h"

namespace hf::graph {

ExternalData no_external_data() {
    return [](std::string_view path) -> Result<ExternalBytes> {
        return invalid_argument("external data '{}' is not allowed here; embed the weights", path);
    };
}

std::string_view format_name(Format format) {
    switch (format) {
        case Format::kUnknown: return "unknown";
        case Format::kOnnx: return "onnx";
        case Format::kTflite: return "tflite";
    }
    return "unknown";
}

Format detect_format(ByteView bytes) {
    if (bytes.size() >= 8 && as_text(bytes.subspan(4, 4)) == "TFL3") return Format::kTflite;
    if (!bytes.empty() && onnx::looks_like_model(bytes)) return Format::kOnnx;
    return Format::kUnknown;
}

namespace {

Result<Graph> import(ByteView bytes, const ExternalData& external_data,
                     const std::shared_ptr<const void>& owner) {
    switch (detect_format(bytes)) {
        case Format::kOnnx: return onnx::import_model(bytes, external_data);
        case Format::kTflite: return tflite::import_model(bytes, owner);
        case Format::kUnknown: break;
    }
    return invalid_argument("neither an ONNX nor a TFLite model; convert it to one of them");
}

}  // namespace

Result<Graph> load(ByteView bytes, const ExternalData& external_data,
                   const std::shared_ptr<const void>& owner) {
    Graph graph = HF_TRY(import(bytes, external_data, owner));
    HF_TRY(verify(graph));
    HF_TRY(infer_shapes(graph));
    return graph;
}

}  // namespace hf::graph
