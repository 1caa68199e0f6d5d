// Whether bytes come fast enough: a peer that sends a byte now and then keeps a transfer alive for
// ever without a time-out. Counted is the time spent waiting for the peer, not what the receiver
// does with the bytes, in windows, so that a short stop in a good transfer ends nothing.
//
// Internal to this module. Pure: durations are handed in. Owned by one transfer.

#pragma once

#include <cstdint>

#include "base/status.h"
#include "base/time.h"

namespace hf::http {

class Pace final {
public:
    // 0 bytes a second: any pace will do.
    Pace(std::uint64_t least_bytes_per_second, Duration window)
        : least_(least_bytes_per_second), window_(window) {}

    // DEADLINE_EXCEEDED when a window is over and brought too little.
    Status add(std::uint64_t bytes, Duration waited);

private:
    std::uint64_t least_;
    Duration window_;
    std::uint64_t bytes_ = 0;
    Duration waited_ = Duration::zero();
};

}  // namespace hf::http
