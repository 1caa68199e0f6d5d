// The brain of the node agent: all that it decides, without a thread, a clock or a disk. What
// happened goes in, a step comes out as effects for the shell to carry out (agent.h; the simulator
// in sim/ is another shell around the same brain).
//
//   - Until what answered before a restart answers again, or cannot for now, new orders wait. Where
//     they bring up nothing, it is tried again. What its last orders do not name any more, or say
//     may not lie here, does not come up again.
//   - Orders are followed when they are no older than those followed last (desired.h).
//   - A version that replaces another is what a restart brings up only once it has stood its trial;
//     one under which the process ended twice is refused.
//   - What must outlive a restart comes out as one text, to be on the disk before the rest is done;
//     again and again while the disk does not take it.
//
// Owned by one thread. Never fails: what it cannot follow is among the troubles.

#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "node/desired.h"
#include "node/mail.h"
#include "node/report.h"

namespace hf::node {

// What a step did, for which wish, with what the status shall say of its outcome.
struct Finished {
    Done done;
    Wish wish;
    std::optional<Running> running;
};

// In this order.
struct Effects {
    std::optional<std::string> memory;  // write_memory()'s: the disk shall hold it
    Actions work;                      // kRun, kRetire and kCascade, to be done one after the other
    std::vector<ServiceEvent> events;  // to be told
    bool status = false;               // what status() says shall be published
    std::vector<Status> troubles;
};

inline constexpr Duration kKeepAgainAfter = std::chrono::seconds(5);

class Brain final {
public:
    struct Options {
        NodeFacts facts;
        Duration report_every = std::chrono::seconds(30);  // also when nothing changed
    };
    explicit Brain(Options options) : options_(std::move(options)) {}

    // Once, before the first step: what an earlier life left on the disk.
    void recall(Memory memory, Instant now);

    struct Input {
        std::vector<Finished> finished;
        std::optional<api::Object> node;              // the latest that came
        std::map<std::string, Answers> answers;       // by service, as far as watched() wants them
        TimeZones time_zones = {};                    // of unknown_time_zones(), those found
        std::optional<Profile> profile = {};          // what the machine was measured to do
        std::map<std::string, Traffic> traffic = {};  // by service, as far as measured() wants it
        Duration pace = {};  // how often the control plane wants to hear of this machine
    };
    Effects step(Input input, Instant now);

    // The disk did not take the last text (it is full): it comes out again, at the latest after
    // kKeepAgainAfter.
    void note_memory_not_kept(Instant now);

    // When step() has something to do without any input; `now` when it has already.
    Instant next(Instant now) const;

    // Services whose answers are of interest, about once a second: on trial, or in a roll-out.
    std::vector<std::string> watched() const;

    // Services whose traffic is of interest, about twice a second: the orders ask for their load.
    std::vector<std::string> measured() const;

    // Those that maintenance windows name and that no input has brought yet.
    std::set<std::string> unknown_time_zones() const;

    json::Object status(const MailAccount& account, Instant now) const;

    const State& state() const { return state_; }
    const std::optional<Desired>& followed() const { return followed_; }

private:
    void take(Finished finished, Instant now);
    void remember(const std::string& service, const Slot& slot);
    void remember_refusals(const std::string& service, const Slot& slot);
    void judge_trials();
    void take_answers(const std::map<std::string, Answers>& answers, Instant now);
    void take_traffic(const Input& input, Instant now);
    void follow(const api::Object& node);
    Wish in_its_place(const Wish& wish) const;
    void heed(Instant now);
    void apply(Instant now);
    void forget(const std::string& service);
    void carry_out(const Actions& actions);

    const Options options_;
    Memory memory_;
    bool unsaved_ = false;               // memory_ says more than the disk was asked to take
    std::optional<Instant> keep_again_;  // the disk did not take it; tried again then
    std::optional<Desired> followed_;    // the orders, as far as they are known
    bool unapplied_ = false;             // they have not become wishes yet
    State state_;
    std::map<std::string, Running> running_;
    std::map<std::string, Answers> answers_;  // by service, as they were reported last
    Instant answers_reported_;
    std::map<std::string, LoadMeter> meters_;  // by service, of measured()
    std::optional<Profile> profile_;
    std::set<std::string> recalled_;  // services that come up as they were before the restart
    bool changed_status_ = true;
    Instant next_report_;
    Effects effects_;  // of the step under way
};

}  // namespace hf::node
