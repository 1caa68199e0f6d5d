// Models with open extents on devices that plan for fixed ones: the graph is compiled again for
// each shape of inputs that comes, and the latest kMostShapes are kept. What the device does not
// take in some shape runs on the reference device in that shape.
//
// The first run in a shape takes as long as compiling does (milliseconds to a second), where
// nobody has asked for it ahead; later ones what the device takes. What the graph's passes make of
// weights is made once, and weights that are packed alike in several shapes are kept once, up
// to three times what the graph has; shapes beyond that have weights of their own. Each shape has,
// in each session, an arena of its own.
//
// Thread-safety: the model may be used by many threads; a session by one at a time.

#pragma once

#include <cstddef>
#include <memory>

#include "base/status.h"
#include "graph/graph.h"
#include "runtime/compile.h"
#include "runtime/model.h"

namespace hf::runtime {

// Compiled models that one model keeps, and sessions of them that one session keeps.
inline constexpr std::size_t kMostShapes = 8;
inline constexpr std::size_t kMostShapedSessions = 8;

// Whether an input of known rank has an open extent.
bool has_open_inputs(const graph::Graph& graph);

// Compiles once with open extents of 1, which the report tells of. UNIMPLEMENTED or
// INVALID_ARGUMENT when cpu does not take that; ref may.
Result<std::shared_ptr<const CompiledModel>> compile_by_shape(graph::Graph graph,
                                                              const CompileOptions& options,
                                                              CompileReport& report);

}  // namespace hf::runtime
