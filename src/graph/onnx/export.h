// Graph to ONNX ModelProto (onnx.proto of ONNX 1.16), the way back from import.h: a model that was
// made or changed here can leave for any other ONNX runtime.
//
// Constants become initializers with raw data; the opset of each domain is what the nodes say;
// every known type of a value in between is written, so that others need not infer it again. The
// metadata entry "producer" is the model's producer_name, all others are metadata_props. What
// import.h drops (documentation, names of dimensions) is not there to be written.
//
// Equal graphs give equal bytes: fields in the order of their numbers, lengths without padding,
// maps by key, no time and no path. Thread-safety: a pure function.

#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/bytes.h"
#include "base/status.h"
#include "graph/graph.h"

namespace hf::graph::onnx {

// A protobuf message cannot be longer.
inline constexpr std::uint64_t kMaxModelBytes = (std::uint64_t{1} << 31) - 1;

struct ExportOptions {
    std::string documentation;  // the model's doc_string

    // Opsets of domains that no node uses. "" is needed in every model; where neither a node nor
    // this map has it, it is kDefaultOpset.
    std::map<std::string, std::int64_t> opsets;
    static constexpr std::int64_t kDefaultOpset = 17;
};

// UNIMPLEMENTED for what ONNX has no words for: operators of the domains "tflite" and "hf",
// quantised values, sequences and optionals of unknown element type at the edge of the model.
// FAILED_PRECONDITION when two nodes want different opsets of one domain, and for an input or
// output of unknown type. RESOURCE_EXHAUSTED above kMaxModelBytes.
// REQUIRES: the graph satisfies the invariants of the representation (graph.h).
Result<Bytes> export_model(const Graph& graph, const ExportOptions& options = {});

}  // namespace hf::graph::onnx
