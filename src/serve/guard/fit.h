// Fitting a guard to samples of what a model is for. Half of the samples, in a seeded order, are
// learned from (ranges, classes, covariance); a quarter sets the thresholds; the last quarter only
// measures how many false alarms there are, so that the figure is of samples that chose nothing.
//
// A threshold is the score of which split conformal prediction says that a sample of the same kind
// is above it with at most the wanted probability (Vovk, Gammerman, Shafer, "Algorithmic Learning
// in a Random World", 2005): of n scores the ceil((n + 1)(1 - a))-th. Parts share the wanted rate
// evenly, so that all of them together keep to it. Ranges have no share: they are what was seen,
// and a margin.
//
// Pure but for the function that runs the model. Errors: INVALID_ARGUMENT, and what running says.

#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/quantize/samples.h"
#include "serve/guard/guard.h"

namespace hf::serve::guard {

struct FitOptions {
    Mode mode = Mode::kFlag;
    double false_alarms = 0.01;  // of all parts together
    double margin = 0.1;         // of the width of what was seen, on either side of a range
    std::uint64_t seed = 1;      // of the order of the samples
    bool energy = true;
    bool mahalanobis = true;
    bool squeezing = true;
    std::string output = {};               // the scores of classes; empty: the first that may be
    std::vector<Squeezer> squeezers = {};  // layout and range are filled in; empty: the usual ones
};

using Run = std::function<Result<std::vector<Tensor>>(std::span<const Tensor> inputs)>;

struct FitSource {
    const runtime::Signature& signature;
    std::string layer;  // an output, hidden or not, for Mahalanobis; empty: the scores of classes
    runtime::Samples samples;
    std::vector<std::int64_t> labels = {};  // of the samples; empty: what the model answers
    Run run;
};

struct FitReport {
    struct Row {
        std::string part;        // "ranges", "energy"
        double threshold = 0;    // of a score
        std::size_t alarms = 0;  // of the samples that measure
    };
    std::vector<Row> rows;
    std::vector<std::string> left_out;  // parts that do not fit this model, and why
    std::size_t learned = 0;
    std::size_t held = 0;      // for thresholds
    std::size_t measured = 0;  // for alarms
    std::size_t alarms = 0;    // by any part
};

struct Fitted {
    Guard guard;  // without the model's digest
    FitReport report;
};
Result<Fitted> fit(const FitSource& source, const FitOptions& options);

// E. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference" (1927), at
// 95 %. REQUIRES: of > 0.
struct Interval {
    double least = 0;
    double most = 0;
};
Interval wilson(std::size_t hits, std::size_t of);

// The smallest number of samples that a rate needs, with so many parts.
std::size_t samples_needed(double false_alarms, std::size_t parts);

}  // namespace hf::serve::guard
