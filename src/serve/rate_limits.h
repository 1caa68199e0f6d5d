// Rate limits: how many requests a second a caller may send (access.h). A token bucket: it holds up
// to `burst` requests, and `per_second` come back each second (J. Turner, "New Directions in
// Communications", 1986).
//
// The idea: admit() is a pure function of a bucket and the time; RateLimits is the table of buckets
// with a clock. A caller is one bucket, whatever he asks for and over which connection.
//
// Thread-safety of RateLimits: all methods from any thread. As many buckets as there are callers
// with a rate.

#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "base/time.h"
#include "env/clock.h"

namespace hf::serve {

struct Rate {
    double per_second = 1;
    double burst = 1;  // at least 1

    friend bool operator==(const Rate&, const Rate&) = default;
};

struct Bucket {
    double requests = 0;  // that may come at once
    Duration at{};        // of the monotonic clock, when it held so many
};

// What one more request makes of a bucket. `wait`: until it may come again; nullopt: it may now.
struct Admission {
    Bucket after;
    std::optional<Duration> wait;
};
Admission admit(const Rate& rate, const Bucket& bucket, Duration now);

class RateLimits final {
public:
    explicit RateLimits(const env::Clock& clock) : clock_(clock) {}  // the clock outlives it

    // Takes one request of the caller's. The time until it may come again; nullopt: it may now.
    std::optional<Duration> take(std::string_view caller, const Rate& rate);

    std::string metrics() const;  // Prometheus text; a series a caller that was turned away

private:
    struct One {
        Bucket bucket;
        std::uint64_t turned_away = 0;
    };

    const env::Clock& clock_;
    mutable Mutex mutex_;
    std::map<std::string, One, std::less<>> callers_ HF_GUARDED_BY(mutex_);
};

}  // namespace hf::serve
