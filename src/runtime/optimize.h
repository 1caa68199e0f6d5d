// From an imported graph to the graph that devices get: shapes of inputs fixed as wanted, shapes
// inferred, passes run with the reference device as their evaluator.

#pragma once

#include "base/status.h"
#include "graph/graph.h"
#include "runtime/compile.h"

namespace hf::runtime {

// Fills report.passes. For the cpu device, and for "auto" with input shapes, extents of inputs that
// stay open become 1. INVALID_ARGUMENT for an input shape that does not fit or the name of a pass
// that there is none of.
Status optimize(graph::Graph& graph, const CompileOptions& options, CompileReport& report);

// The same for back ends: only the passes that keep to operators of the model's own format, so that
// others understand what is left. `fixed` closes what stays open of inputs.
Status optimize_standard(graph::Graph& graph, const CompileOptions& options, bool fixed,
                         CompileReport& report);

}  // namespace hf::runtime
