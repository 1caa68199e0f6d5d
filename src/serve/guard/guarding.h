// A guard at work: runs what squeezing needs on the model's own sessions, judges, and counts.
//
// A squeezer is one more run of the model for each request, on the thread that has the answer; it
// is not among the model's inferences, nor does it wait for a place of the schedule.
//
// Thread-safety: all functions from any thread.

#pragma once

#include <memory>
#include <optional>
#include <span>

#include "serve/guard/verdict.h"
#include "serve/model_host.h"

namespace hf::serve::guard {

// What a host's guard made of a request.
struct Judged {
    std::shared_ptr<const Guard> guard;
    Verdict verdict;

    // Whether callers are told, and whether they get an answer.
    bool tells() const { return guard->mode != Mode::kObserve; }
    bool refuses() const { return guard->mode == Mode::kRefuse && verdict.suspicious(); }
};

// Before the model runs: what a guard that refuses says of the inputs alone. Nullopt: nothing, the
// model is to be asked. Counts what it refuses.
std::optional<Judged> refuse_inputs(ModelHost& host, std::span<const Tensor> inputs);

// After it ran; takes the hidden layer off the outputs. Nullopt: the host has no guard. Counts.
std::optional<Judged> judge_answer(ModelHost& host, std::span<const Tensor> inputs,
                                   std::vector<Tensor>& outputs);

}  // namespace hf::serve::guard
