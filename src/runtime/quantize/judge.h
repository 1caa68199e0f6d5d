// How much a changed model differs from the one it was made from, measured on held-out samples:
// for a classifier the share of samples that get another class, else the relative L2 error of the
// output that is worst.

#pragma once

#include <string_view>
#include <vector>

#include "base/status.h"
#include "graph/graph.h"
#include "runtime/model.h"
#include "runtime/quantize/samples.h"

namespace hf::runtime {

enum class Measure : unsigned char {
    kAuto,  // classes for one f32 output of two or more scores a row that is no copy of an input
    kTop1,  // share of rows whose largest score is another one
    kRelative,  // |changed - original| / |original| over all samples, of the worst output
};

// "auto", "top1", "relative". INVALID_ARGUMENT otherwise.
Result<Measure> parse_measure(std::string_view name);
std::string_view measure_name(Measure measure);

struct Loss {
    double relative = 0;
    double top1 = 0;  // 0 where outputs are no scores

    double by(Measure measure) const { return measure == Measure::kTop1 ? top1 : relative; }
};

class Judge final {
public:
    // Runs the original. INVALID_ARGUMENT when it has no f32 output, or no scores for kTop1.
    static Result<Judge> create(const CompiledModel& original, Measure measure,
                                const Samples& samples, std::vector<std::size_t> held_out);
    static Result<Judge> create(const graph::Graph& original, Measure measure,
                                const Samples& samples, std::vector<std::size_t> held_out);

    Measure measure() const { return measure_; }
    std::size_t held_out() const { return held_out_.size(); }

    // By the first `most` held-out samples.
    Result<Loss> judge(const CompiledModel& changed, std::size_t most) const;
    Result<Loss> judge(const graph::Graph& changed, std::size_t most) const;

private:
    Judge() = default;
    Status choose_measure(Measure measure);
    bool has_scores() const;

    Measure measure_ = Measure::kRelative;
    Samples samples_;
    std::vector<std::size_t> held_out_;
    std::vector<std::vector<Tensor>> wanted_;  // the original's outputs, by held-out sample
};

}  // namespace hf::runtime
