// A graph for back ends and our own devices together: the standard passes run, the back ends are
// asked node by node, the graph is split where all of them refuse, and each part is compiled by its
// owner. What nobody takes goes through the whole pipeline of passes to the device that was asked
// for.

#pragma once

#include <memory>

#include "base/status.h"
#include "graph/graph.h"
#include "runtime/compile.h"
#include "runtime/model.h"

namespace hf::runtime {

// Fills report.parts besides the rest. A graph that needs no splitting gives its owner's own model.
// Errors of a back end name it. REQUIRES: options.offers is not empty.
Result<std::shared_ptr<const CompiledModel>> compile_split(graph::Graph graph,
                                                           const CompileOptions& options,
                                                           CompileReport& report);

}  // namespace hf::runtime
