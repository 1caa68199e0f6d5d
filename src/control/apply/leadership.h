// Leadership: which of several servers over one store decides. The leader's name lies under one key
// that hangs on the leader's lease; whoever writes it while it is not there leads.
//
// A lease alone proves nothing: a server may sleep past its end, and etcd 3.4 may end it early or
// late. So the revision at which the key was written is the leader's fencing token, and every write
// of the leader compares it (fenced_store.h): the store itself refuses a leader that was deposed.
//
// A server that finds its own name from before a restart takes the key over at once, with a new
// token; the server of one machine so leads from its first moment, whatever the store.
//
// decide_leadership() is the decision, pure. Leadership is its shell: thread "hf-leader" looks
// every kLeaderBeat, and when the key changes. Thread-safety: all methods from any thread.

#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "env/clock.h"
#include "store/store.h"

namespace hf::control {

inline constexpr std::string_view kLeaderKey = "/leader";

// The lease: how long nobody leads, about, after a leader died. etcd grants no less than 2 s.
inline constexpr Duration kLeaderTerm = std::chrono::seconds(3);
inline constexpr Duration kLeaderBeat = std::chrono::milliseconds(500);

// What a server knows of its own candidacy.
struct Candidacy {
    std::optional<store::LeaseId> lease;
    Duration lease_ends{};                 // counted from before it was last renewed
    std::optional<store::Revision> token;  // it leads, as far as it knows
    friend bool operator==(const Candidacy&, const Candidacy&) = default;
};

enum class LeaderMove : unsigned char {
    kAskForLease,  // without one nothing else is possible
    kWriteKey,     // compared with what was seen there: nobody, or this server itself
    kLead,
    kStepDown,  // it led, and another does
    kFollow,
};

// `seen`: what lies under kLeaderKey now.
LeaderMove decide_leadership(const Candidacy& self, const std::optional<store::KeyValue>& seen,
                             std::string_view name, Duration now);

struct LeadershipOptions {
    std::string name;  // of this server, the same after a restart and no other's
    Duration term = kLeaderTerm;

    // Called when this server begins or ceases to lead: from start(), later from the thread. May be
    // null.
    std::function<void(bool leads)> on_change;
};

class Leadership {
public:
    virtual ~Leadership() = default;

    // Looks once before it returns. Destruction gives the lead up at once. REQUIRES: store and
    // clock outlive it.
    static std::unique_ptr<Leadership> start(store::Store& store, env::Clock& clock,
                                             LeadershipOptions options);

    // What every write of the leader must compare; nullopt when this server does not lead.
    virtual std::optional<store::Compare> fence() = 0;

    bool leads() { return fence().has_value(); }

    // The name of the server that leads, as last seen; empty when none does.
    virtual std::string leader() = 0;
};

}  // namespace hf::control
