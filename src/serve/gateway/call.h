// One request's way through the gateway: to which replica it goes, when a second one is asked, and
// which answer is its own.
//
//     first attempt -> answered, failed: that is the answer
//                   -> of a task, "I know none": another replica, which costs nothing
//                   -> pressed, unreachable: another replica, if budget and time allow
//                   -> late: another one besides (a hedge), whichever answers first
//     time is up    -> DEADLINE_EXCEEDED
//     given up      -> CANCELLED
//
// A hedge goes out after the 95th percentile of what recent answers took; while that is unknown,
// after half of the time that was left. Inference is idempotent, so asking twice is safe. Nothing
// is sent that cannot answer in time: when less time is left than the fastest of the recent
// answers took, the request fails at once.
//
// Pure: whoever has threads does what next() says and tells what came of it. Not thread-safe.

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "serve/gateway/balancer.h"

namespace hf::serve::gateway {

inline constexpr std::size_t kAttemptsMax = 5;  // of one request, hedge included
inline constexpr Duration kHedgeDelayMin = std::chrono::milliseconds(2);

// A replica that could not be reached and took so long about it was not refused but silent.
inline constexpr Duration kSilenceMin = std::chrono::milliseconds(200);
inline constexpr Duration kTimeLeftMin = std::chrono::milliseconds(1);  // to be sent at all

class Call final {
public:
    struct Facts {
        std::string service;
        std::string site;  // of the caller
        Instant deadline{};
        bool timed = true;  // an inference: its time is one to learn from
        bool task = false;  // for what people have instead of tensors
    };

    // How an attempt ended. When `stopped`, the caller ended it after the call was done.
    struct Ended {
        Outcome outcome;
        bool answered = false;  // there is a response; else `error` says why not
        bool unusable = false;  // alive, but nobody should ask again: the answer is too large, ...
        bool stopped = false;
        Status error;
    };

    struct Send {
        std::size_t attempt = 0;
        Choice choice;
        bool hedge = false;
        bool patient = false;  // there is no other to go to: worth a longer wait for a connection
    };

    // Exactly one of: send it and ask again; done; wait until an attempt ends, or `wake`.
    struct Step {
        std::optional<Send> send;
        bool done = false;
        std::optional<std::size_t> answer;  // done: the attempt with the answer, else `failure`
        Status failure;
        Instant wake{};
    };

    explicit Call(Facts facts) : facts_(std::move(facts)) {}

    Step next(Balancer& balancer, Instant now, Rng& rng);

    // Nobody waits for the answer any more: CANCELLED, unless it is done already.
    void give_up(Instant now);

    // REQUIRES: next() said to send this attempt; once for each.
    void ended(Balancer& balancer, std::size_t attempt, Ended ended, Instant now);

private:
    struct Attempt {
        Choice choice;
        bool hedge = false;
        std::optional<Ended> ended;
        Instant ended_at{};
    };

    Step first(Balancer& balancer, Instant now, Rng& rng);
    Step again(Balancer& balancer, Instant now, Rng& rng);
    std::optional<Step> hedge(Balancer& balancer, Instant now, Rng& rng);
    Step send(Balancer& balancer, Choice choice, Instant now);
    Step finish(std::optional<std::size_t> answer, Status failure, Instant now);
    Step fall_back(Instant now);  // on the best of what the attempts gave
    Ending ending_when_stopped() const;
    Want want(bool only_serving) const;
    Status too_late(Balancer& balancer, Instant now) const;  // OK when there is time to answer
    std::string tried() const;
    std::size_t under_way() const;

    const Facts facts_;
    std::vector<Attempt> attempts_;
    std::size_t free_retries_ = 0;
    std::optional<Instant> hedge_at_;
    std::optional<Step> done_;
    Instant done_at_{};
};

}  // namespace hf::serve::gateway
