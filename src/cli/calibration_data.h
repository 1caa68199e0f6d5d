// Samples for quantising as commands take them: FILE.npy and FILE.npz, whose first axis numbers the
// samples; a folder of .npy files, one a sample, in the order of their names; or "random".

#pragma once

#include <string>

#include "cli/world.h"
#include "graph/graph.h"
#include "runtime/quantize/samples.h"

namespace hf::cli {

struct CalibrationSource {
    std::string path;  // or "random"
    std::size_t samples_max = 0;
    std::uint64_t seed = 0;  // of random ones
};

// At most `samples_max` of them, the first. A model with several inputs takes FILE.npz with an
// array for each, by name. A sample has its input's type and, extents of one aside, its shape; an
// open extent counts as one. Samples that are not finite are refused when they are read. `world`
// must outlive the result.
Result<runtime::Samples> open_calibration(World& world, const graph::Graph& graph,
                                          const CalibrationSource& source);

}  // namespace hf::cli
