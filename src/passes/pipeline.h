// The passes in order, and the one runner: it infers shapes before each pass, times each, verifies
// after each, can leave out each by name, and repeats the whole list until nothing changes, at most
// kMaxRounds times.
//
// Pure: time is handed in. INTERNAL names the pass that broke a graph.

#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "base/time.h"
#include "graph/graph.h"
#include "passes/pass.h"

namespace hf::passes {

inline constexpr int kMaxRounds = 8;

// "all" among the disabled passes leaves out every one.
inline constexpr std::string_view kAllPasses = "all";

const std::vector<Pass>& all_passes();

struct PassRow {
    std::string name;
    Duration time{};
    bool changed = false;
    bool disabled = false;
    std::size_t nodes_before = 0;  // in the first round
    std::size_t nodes_after = 0;   // in the last round
};

struct PipelineOptions {
    std::vector<std::string> disabled;
    std::function<Duration()> now;  // empty: times stay 0
};

// INVALID_ARGUMENT for the name of a pass that there is none of, with the nearest one.
Result<std::vector<PassRow>> run_passes(graph::Graph& graph, const PassContext& context,
                                        const PipelineOptions& options);

}  // namespace hf::passes
