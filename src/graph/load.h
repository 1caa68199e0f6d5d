// From a model file to a verified Graph, whatever its format. The format is told by content, never
// by name: TFLite by its "TFL3" identifier, ONNX by parsing as a ModelProto.

#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/status.h"
#include "graph/graph.h"

namespace hf::graph {

// Gives the bytes of an external-data file named by an ONNX model. The name is relative, has no
// "..", no leading "/", no backslash, no control character and no empty part (checked before the
// call); the callee must
// also refuse links that leave the model's folder. The returned bytes must live as long as `owner`.
struct ExternalBytes {
    ByteView bytes;
    std::shared_ptr<const void> owner;

    // They stay as they are, so that tensors that are aligned in them need no copy.
    bool lasting = false;
};
using ExternalData = std::function<Result<ExternalBytes>(std::string_view relative_path)>;

// An ExternalData for models that must not have any.
ExternalData no_external_data();

enum class Format : unsigned char { kUnknown, kOnnx, kTflite };
std::string_view format_name(Format format);  // "onnx", "tflite", "unknown"
Format detect_format(ByteView bytes);

// Imports, infers shapes and verifies. INVALID_ARGUMENT names the node and the remedy;
// UNIMPLEMENTED names an operator or feature that Holdfast does not have.
//
// TFLite constants are copied, or, with an `owner` that keeps `bytes` alive, borrowed.
Result<Graph> load(ByteView bytes, const ExternalData& external_data,
                   const std::shared_ptr<const void>& owner = nullptr);

}  // namespace hf::graph
