// Allocation of GPUs under a stream of arrivals, by the protocol of Weng et al. (ATC'23): pods of
// the trace in random order, then pods drawn from it with replacement until they ask for 130 % of
// the cluster's GPUs; each is placed when it comes or dropped. The figure is the share of GPU
// thousandths allocated when arrivals reach 100 %.

#pragma once

#include <vector>

#include "control/place/chooser.h"
#include "trace.h"

namespace hf::bench {

struct OpenbOptions {
    bool fill = true;  // our measure of fragmentation; false: FGD's
    control::place::ScoreWeights weights;
    std::uint64_t seed = 42;
};

struct OpenbRun {
    double allocated_percent = 0;  // when arrivals reach 100 %
    std::int64_t arrivals = 0;
    std::int64_t placed = 0;
    std::uint64_t evaluations = 0;
    double seconds = 0;  // of processor time; building the pool included
};

OpenbRun run_openb(const Trace& trace, const OpenbOptions& options);

}  // namespace hf::bench
