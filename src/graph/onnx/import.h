// ONNX ModelProto to Graph (onnx.proto3 of ONNX 1.16; opsets 1 to 22). Initializers become
// constants and are no inputs; Constant nodes become constants; "ai.onnx" is the domain "".
// Calls of functions local to the model are inlined (functions.h). Maps become tensors of their
// values (maps.h).

#pragma once

#include "base/bytes.h"
#include "base/status.h"
#include "graph/graph.h"
#include "graph/load.h"

namespace hf::graph::onnx {

inline constexpr int kMaxSubgraphDepth = 16;
inline constexpr std::int64_t kMaxOpset = 22;

// Structure only: callers infer and verify afterwards (graph::load does).
Result<Graph> import_model(ByteView bytes, const ExternalData& external_data);

// Whether the bytes parse as a ModelProto's outermost level with a graph in it.
bool looks_like_model(ByteView bytes);

}  // namespace hf::graph::onnx
