// From an imported graph to the graph that devices get: shapes of inputs fixed as wanted, shapes
// inferred, passes run with the reference device as their evaluator.

#pragma once

#include "base/status.h"
#include "graph/graph.h"
#include "runtime/compile.h"

namespace hf::runtime {

// Fills report.passes. INVALID_ARGUMENT for an input shape that does not fit or the name of a pass
// that there is none of.
Status optimize(graph::Graph& graph, const CompileOptions& options, CompileReport& report);

}  // namespace hf::runtime
