// Composite: a model whose inference is made of those of other models of the same server, as an
// ensemble's is (ensemble/). What the way of a request (inference.h) knows of it.
//
// Thread-safety: immutable; from any thread.

#pragma once

#include <memory>
#include <optional>
#include <string>

#include "serve/guard/guarding.h"
#include "serve/schedule/scheduler.h"

namespace hf::serve {

namespace ensemble {
class Helpers;  // ensemble/helpers.h
}

// What is told of an answer beside its outputs.
struct Composed {
    std::string account;  // of the receipt, as canonical JSON: who answered what
    std::string summary;  // of the answer: "small=32, large=2", the rows that each was asked about

    // What a member's guard says, where it is not that all is well. One that refuses leaves no
    // outputs.
    std::optional<guard::Judged> guarded = {};
};

class Composite {
public:
    virtual ~Composite() = default;

    // Where its members' inferences run: in the turns of a schedule, or without one at once, on the
    // caller's thread, before run() returns.
    struct Places {
        Scheduler* scheduler = nullptr;
        ensemble::Helpers* helpers = nullptr;  // null: nobody but whoever asks

        // Whoever asks is told of a job (Scheduler::Job::done), and so runs what waits anyway.
        bool within_job = false;
    };

    // Runs `job`, whose host this is of, and calls its `done` with Ran::composed. It takes no place
    // of the schedule itself.
    virtual void run(Scheduler::Job job, const Places& places) const = 0;

    // As ModelHost::runs_together(), by what is known of its members.
    virtual bool rows_apart() const = 0;
};

}  // namespace hf::serve
