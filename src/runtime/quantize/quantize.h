// Post-training quantisation: from an f32 model and samples to a QDQ model whose loss is measured,
// not hoped for. Everything that can be int8 is; while the loss on held-out samples is above the
// budget, the layer that loses most by itself goes back to f32.
//
// The same model, samples and options give the same graph. Thread-safety: a function without state.

#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "graph/graph.h"
#include "passes/quantize/ranges.h"
#include "runtime/quantize/judge.h"
#include "runtime/quantize/samples.h"

namespace hf::runtime {

struct QuantizeOptions {
    passes::CalibrationRule rule;
    Measure measure = Measure::kAuto;
    double loss_max = 0.005;
    std::vector<std::string> keep;  // layers by name that stay f32
    std::uint64_t seed = 1;         // of the split
    Progress progress;              // may be empty
};

// A layer's own loss is measured with no more held-out samples than this.
inline constexpr std::size_t kMaxLayerSamples = 32;

struct QuantizeReport {
    struct Row {
        std::string name;
        std::string op;
        bool is_int8 = false;
        std::string why;  // why it is f32
        bool measured = false;
        Loss own;               // of the model when only this layer is int8
        passes::Stored output;  // the range of what it gives
    };
    std::vector<Row> rows;  // in the order of the graph; without moves
    Measure measure = Measure::kRelative;
    std::size_t calibration_samples = 0, held_out_samples = 0;
    Loss everything;  // with every layer int8 that can be, but for `keep`
    Loss chosen;
};

struct Quantized {
    graph::Graph graph;
    QuantizeReport report;
};

// FAILED_PRECONDITION for a model that is quantised already, that has nothing to quantise, or that
// loses more than the budget with any layer. INVALID_ARGUMENT names the sample or the option.
Result<Quantized> quantize(graph::Graph graph, const Samples& samples,
                           const QuantizeOptions& options);

}  // namespace hf::runtime
