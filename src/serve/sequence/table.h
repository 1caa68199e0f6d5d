// Table: the sequences of one model: the state of each, and whose turn it is. Within a sequence
// there is one request at a time, in order of arrival; sequences know nothing of each other.
//
// - A request that starts a sequence begins it from nothing, also when it was there.
// - A request of a sequence that is not there (never started, ended, idle for too long, started
//   with a request that failed) is NOT_FOUND.
// - A request that fails leaves the state as it was; the one that ended a sequence ends it all the
//   same.
// - Bounds: sequences_max, all of which may rest, and waiting_max requests of one: beyond them
//   RESOURCE_EXHAUSTED. A sequence that rests for longer than idle_max goes.
//
// Pure. Times are monotonic and handed in. One thread at a time.

#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/named.h"
#include "base/status.h"
#include "base/time.h"
#include "serve/sequence/mark.h"
#include "tensor/tensor.h"

namespace hf::serve::sequence {

using Ticket = Named<struct SequenceTicketTag, std::uint64_t>;  // of a request that waits
using State = std::vector<Tensor>;

class Table final {
public:
    struct Options {
        std::size_t sequences_max = 1024;
        std::size_t waiting_max = 64;  // of each
        Duration idle_max = std::chrono::seconds(60);
    };

    explicit Table(Options options) : options_(options) {}

    // Nullopt: its turn is now, until done(). REQUIRES: the mark has an id.
    Result<std::optional<Ticket>> admit(const SequenceMark& mark, Duration now);

    // Of the sequence whose turn it is; empty at its beginning.
    State state(const std::string& id) const;

    // What comes after a turn.
    struct After {
        std::vector<Ticket> gone;    // for these the sequence has ended before they began
        std::optional<Ticket> next;  // its turn is now
    };
    // `state`: that the request left; null: it failed. REQUIRES: it was its turn.
    After done(const SequenceMark& mark, State* state, Duration now);

    std::size_t size() const { return sequences_.size(); }

    // Sequences that have rested for too long go; every admit() sees to that.
    void expire(Duration now);

    // What the caller is told of a sequence that is not there.
    Status not_here(std::string_view id) const;

private:
    struct Waiting {
        Ticket ticket;
        bool start = false;
    };
    struct Sequence {
        State state = {};
        bool alive = false;  // was started, and has not ended
        bool busy = false;
        Duration last{};  // when it began to rest
        std::deque<Waiting> waiting = {};
    };
    using Sequences = std::map<std::string, Sequence>;

    Result<Sequences::iterator> find(const SequenceMark& mark, Duration now);
    static void begin(Sequence& sequence, bool start);

    const Options options_;
    Sequences sequences_;
    std::set<std::pair<Duration, std::string>> resting_;
    Ticket last_ticket_;
};

}  // namespace hf::serve::sequence
