// TimeFloor: a moment that has certainly passed, kept on the disk, so that a machine whose clock
// was set back, by a flat battery or by somebody who wants an ended certificate believed, does not
// judge signers as of then. What is judged is judged at the later of clock and floor.
//
// The floor only grows, and only by what others vouch for: when this program was released, when
// the machine's certificate began, and what its server says the time is, over TLS and to this
// machine alone. The machine's own clock never raises it: one that once ran years ahead would leave
// the machine there. A server whose clock did so has that effect: removing the file undoes it.
//
// On the disk it is at most kTimeFloorStep behind, which spares the flash. A file that cannot be
// read or written costs that much of the past, never a start.
//
// Thread-safety: any thread. Errors: saw() says when the floor cannot be kept; it counts all the
// same until the process ends.

#pragma once

#include <memory>
#include <string>

#include "base/mutex.h"
#include "env/clock.h"
#include "env/files.h"

namespace hf::node {

inline constexpr Duration kTimeFloorStep = std::chrono::hours(1);

// No machine with this program lives before it. Raised with each release.
inline constexpr Instant kReleased{std::chrono::sys_days{std::chrono::year{2026} / 11 / 1}};

class TimeFloor final {
public:
    // Reads what was kept. REQUIRES: files and clock outlive it.
    TimeFloor(env::Files& files, const env::Clock& clock, std::string path);

    // The later of the clock and the floor.
    Instant now() const;

    // `moment` has passed, as somebody says whom this machine believes.
    Status saw(Instant moment);

private:
    env::Files& files_;
    const env::Clock& clock_;
    const std::string path_;
    mutable Mutex mutex_;
    Instant floor_ HF_GUARDED_BY(mutex_) = kReleased;
    Instant kept_ HF_GUARDED_BY(mutex_);  // what the disk has
};

}  // namespace hf::node
