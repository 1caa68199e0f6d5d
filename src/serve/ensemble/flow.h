// Flow: one request on its way through a plan: which values are there, for which rows, and which
// steps may run now. Whoever runs them (run.h) brings what came of each.
//
// A value is given up as soon as nobody reads it any more. What a condition says is decided when
// all that the step reads is there, and a step whose condition holds nowhere is passed over.
//
// Pure. One thread at a time.

#pragma once

#include <span>
#include <vector>

#include "base/status.h"
#include "serve/ensemble/plan.h"
#include "tensor/tensor.h"

namespace hf::serve::ensemble {

class Flow final {
public:
    // REQUIRES: the plan outlives it, and the inputs fit the plan's signature.
    Flow(const Plan& plan, std::span<const Tensor> inputs);

    struct Ready {
        std::size_t step = 0;  // of the plan
        std::vector<Tensor> inputs;
    };

    // The steps that may run and have not been told yet; none of them waits for another.
    // INVALID_ARGUMENT when rows that belong together do not add up, or a value has no such
    // measure.
    Result<std::vector<Ready>> take_ready();

    // What came of a step, in signature order. FAILED_PRECONDITION when it has not as many rows as
    // it was asked about. REQUIRES: take_ready() told it, once.
    Status finish(std::size_t step, std::vector<Tensor> outputs);

    bool done() const { return left_ == 0; }

    // REQUIRES: done(). Once.
    Result<std::vector<Tensor>> take_outputs();

private:
    using Rows = std::vector<std::size_t>;  // in order

    // What there is of a value, or of the first of several. All of the rows unless it says which.
    struct There {
        bool any = true;
        std::optional<Rows> rows = {};
        std::size_t of = 0;  // the request's rows, of which these are some; 0: it has none
    };
    struct Value {
        bool decided = false;
        There there = {};
        Tensor tensor = {};
        std::size_t readers = 0;
    };
    enum class State : unsigned char { kWaiting, kTold, kOver };
    struct Step {
        State state = State::kWaiting;
        There there = {};  // the rows it runs for
    };

    bool may_run(const Plan::Step& step) const;
    There where(const Plan::Source& source) const;
    Result<There> where_runs(const Plan::Step& step) const;
    Result<There> where_holds(const Test& test) const;
    Result<Tensor> take(const Plan::Source& source, const There& wanted) const;
    Result<Tensor> put_together(const Plan::Source& source, const There& wanted) const;
    void read(const Plan::Source& source);
    void pass_over(std::size_t index);

    const Plan& plan_;
    std::vector<Value> values_;
    std::vector<Step> steps_;
    std::size_t left_;  // steps that are neither over nor passed over
};

}  // namespace hf::serve::ensemble
