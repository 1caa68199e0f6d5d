// ONNX GraphProto to Graph: names become identifiers, nodes get in order, calls of the model's
// functions are inlined (functions.h). Internal to graph/onnx.

#pragma once

#include "graph/graph.h"
#include "graph/load.h"
#include "graph/onnx/functions.h"

namespace hf::graph::onnx {

struct ModelContext {
    Opsets opsets;
    const ExternalData& external_data;
    Functions functions;
};

// The outermost graph, bodies in it included. Throws std::exception on malformed bytes.
Result<Graph> import_graph(ModelContext& context, ByteView bytes);

}  // namespace hf::graph::onnx
