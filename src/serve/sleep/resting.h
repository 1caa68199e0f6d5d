// Resting: what a host knows of a model whose memory may go while nobody asks for it, and that is
// made again at the next request (sleeping_model.h). And when it may go.
//
// Thread-safety: all methods from any thread.

#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/status.h"
#include "base/time.h"
#include "runtime/model.h"

namespace hf::serve::sleep {

struct Wakes {
    std::uint64_t count = 0;  // that succeeded
    std::uint64_t failed = 0;
    double seconds = 0;  // of those that succeeded, together
};

class Resting {
public:
    virtual ~Resting() = default;
    virtual bool asleep() const = 0;

    // Falls asleep. What is returned is the memory that goes, where nobody else has it. REQUIRES:
    // there is no session, and none is made meanwhile.
    virtual std::shared_ptr<const runtime::CompiledModel> let_go() = 0;

    // OK at once when it is awake. Of several that ask at a time one wakes it, and the others wait:
    // all are told the same. UNAVAILABLE when the file is not what it was.
    virtual Status wake() = 0;

    virtual Wakes wakes() const = 0;

    // Why it did not wake when it should have last; empty when it did.
    virtual std::string trouble() const = 0;
};

// What is known of a model when it is to be decided whether it falls asleep.
struct Idleness {
    Duration since_asked{};     // the last request began, or was answered
    std::size_t running = 0;    // inferences
    std::size_t waiting = 0;    // requests, for their turn
    std::size_t sequences = 0;  // whose state it keeps
    bool asleep = false;
};

// Pure.
inline bool may_fall_asleep(const Idleness& idleness, Duration after) {
    const bool busy = idleness.running > 0 || idleness.waiting > 0 || idleness.sequences > 0;
    return !idleness.asleep && !busy && idleness.since_asked >= after;
}

}  // namespace hf::serve::sleep
