// The life of a service's model on a node, as a state machine without effects:
//
//     resolve -> pull -> verify -> compile -> reproduce -> activate
//
// One step of a service is in flight at a time. What answers now keeps answering until the next
// version has passed every step; a version that was refused for good (not for want of network, disk
// or memory) is remembered with the policy that refused it, and not tried again until either
// changes. A version that replaces another is on trial for kTrialFor: should it answer with errors,
// the node goes back to the one before by itself, and refuses it from then on; a way back that
// fails for want of something is tried until it is gone. What answered before a restart and could
// not come up at once does so later, while the wish brings up nothing.
//
// A change of version waits for the order's maintenance windows, by this machine's own clock: what
// comes after resolving, or after verifying where it may fetch ahead. What answers is brought up
// again, gone back to and judged by newer policies at any time.
//
// Everything the agent must do comes out as actions; see agent.h for the shell.
//
// Pure. Times are handed in. A State belongs to one thread.

#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/window.h"
#include "base/named.h"
#include "base/status.h"
#include "base/time.h"
#include "node/data_budget.h"

namespace hf::node {

enum class Step : unsigned char { kResolve, kPull, kVerify, kCompile, kReproduce, kActivate };
inline constexpr std::size_t kStepCount = 6;

// "Resolved", "Pulled", ...: the condition that a step makes true.
std::string_view condition_of(Step step);

// What is wanted of this node for one service.
struct Wish {
    std::string service;  // "namespace/name"
    std::string uid;      // the service's
    std::int64_t generation = 0;
    std::int64_t epoch = 0;      // of the order: reported back, so that an old one shows
    std::string rollout;         // of the order, where a roll-out gave it: reported back too
    std::string reference;       // "pump:v1" or "pump@sha256:..."
    std::string digest;          // what it stands for; empty: the vault says
    std::string device;          // "auto", "cpu", "ref"
    std::string policy;          // the TrustPolicy's name
    std::string policy_version;  // of the policy below; empty when there is no such policy
    std::string policy_text;     // its spec, as JSON
    std::vector<std::string> jurisdictions;  // data may lie only there; none: anywhere
    std::vector<std::string> forbidden;      // jurisdictions where it may not
    api::Windows windows;                    // in which its version may change; none: always
    bool download_ahead = false;             // it may be fetched and verified before
    std::optional<DataLimit> data_limit;     // of this machine's link
    std::string cascade;       // whom it asks when unsure, as ordered (cascade.h); empty: nobody
    bool report_load = false;  // how much it is asked is of interest (load.h)

    // Whether nothing has to be done for this one that was not done for the other.
    bool asks_the_same(const Wish& other) const;

    // The same version, but data may lie and go where `newest` says.
    Wish in_place_of(const Wish& newest) const;

    friend bool operator==(const Wish&, const Wish&) = default;
};

struct Condition {
    std::string type;
    bool truth = false;
    std::string reason;
    std::string message;
    Instant changed;  // when `truth` last became what it is
};

inline constexpr Duration kRetryFirst = std::chrono::seconds(1);
inline constexpr Duration kRetryMost = std::chrono::seconds(60);
inline constexpr std::size_t kMaxRefusals = 32;  // remembered a service; the oldest goes first

struct Refusal {
    std::string digest;
    std::string policy_version;
    std::string device;
    Step step = Step::kResolve;
    Status why;
};

// A version on trial that failed so many requests, and more than it answered, is gone back from.
inline constexpr Duration kTrialFor = std::chrono::seconds(60);
inline constexpr std::uint64_t kTrialFailures = 5;

// How a version has answered since it was activated.
struct Answers {
    std::uint64_t succeeded = 0;
    std::uint64_t failed = 0;  // not by the caller's fault
    std::int64_t p99_ms = 0;
    std::uint64_t compared = 0;  // answers held against the previous version's
    std::uint64_t agreed = 0;    // of these
    friend bool operator==(const Answers&, const Answers&) = default;
};

// Names one run of a step, so that an answer which comes after the service went is not taken for
// one of its successor.
using RunId = Named<struct RunIdTag, std::uint64_t>;

// One service on this node.
struct Slot {
    Wish wish;
    std::optional<Step> in_flight;
    RunId in_flight_run;
    Wish in_flight_wish;
    bool superseded = false;    // the wish changed since the step in flight began
    std::string digest;         // what the wish resolved to; empty before
    std::string active_digest;  // what answers; empty when nothing does
    Wish answered;     // by which something did before a restart, until something answers again
    Wish active_wish;  // by which it was wished for, with its digest
    Wish previous;     // what answered before, while what answers is on trial or has failed it
    std::optional<Instant> trial_ends;
    bool falling_back = false;  // the steps are run for `previous`
    bool settled = false;       // the wish is active or refused: nothing to do until it changes
    int attempts = 0;           // that failed for a passing reason since the wish or activation
    std::optional<Instant> retry_at;
    std::optional<Instant> look_at;  // while it waits for a window: when to look again
    std::optional<Instant>
        again_at;                // `previous` or `answered` could not come up: when to try again
    Step waiting = Step::kPull;  // the step that does
    std::vector<Refusal> refusals;
    std::vector<Condition> conditions;

    // What answers has failed its trial, and what did before could not be brought up yet.
    bool owes_way_back() const;

    const Condition* condition(std::string_view type) const;
};

struct Action {
    enum class Kind : unsigned char {
        kRun,      // do `step` for `wish` and `digest`; answer with on_done()
        kRetire,   // stop answering for the service
        kCascade,  // from now on its unsure answers are dealt with as `wish` says
        kReport,   // the slot's status changed: publish it
        kEvent,    // tell people
    };
    Kind kind = Kind::kRun;
    std::string service;
    Step step = Step::kResolve;
    RunId run;
    Wish wish;
    std::string digest;
    std::vector<std::string> in_use = {};  // to pull: the versions that this machine may yet need
    bool warning = false;                  // of an event
    std::string reason;
    std::string message;
};
using Actions = std::vector<Action>;

struct State {
    std::map<std::string, Slot> slots;  // by service
    RunId last_run;
    TimeZones time_zones;  // those of windows, as far as this machine knows them
};

Actions on_wish(State& state, const Wish& wish, Instant now);
Actions on_gone(State& state, const std::string& service);

struct Done {
    std::string service;
    Step step = Step::kResolve;
    RunId run;
    Status status;
    std::string digest;   // of kResolve: what the reference stands for; of kActivate: what answers
    bool banned = false;  // of kResolve: it may not lie here, by check_residency() and nothing else
};
Actions on_done(State& state, const Done& done, Instant now);

// How what answers has done since it does.
Actions on_answers(State& state, const std::string& service, const Answers& answers, Instant now);

// Starts what waited for its time or a window, and ends trials.
Actions on_tick(State& state, Instant now);

// When on_tick() has something to do next.
std::optional<Instant> next_tick(const State& state);

}  // namespace hf::node
