// What a client of HTTP/2 may ask that costs it nothing: frames that bring no request forward, and
// streams that end by a reset. Two buckets: each such frame or reset takes from one, time fills
// them again, and so does, for frames, work that is done. A client that empties one is sent away
// (RFC 9113 section 10.5; CVE-2019-9511 to 9518, CVE-2023-44487, CVE-2025-8671).
//
// Internal to this module. Pure: time is handed in. Owned by one session.

#pragma once

#include <algorithm>

#include "base/time.h"

namespace hf::http {

class Bucket final {
public:
    Bucket(double most, double per_second) : most_(most), per_second_(per_second), level_(most) {}

    // False when it is empty.
    bool take(Duration now) {
        const double seconds = std::chrono::duration<double>(now - last_).count();
        last_ = now;
        level_ = std::min(most_, level_ + std::max(0.0, seconds) * per_second_) - 1;
        return level_ >= 0;
    }

    void add(double count) { level_ = std::min(most_, level_ + count); }

private:
    double most_;
    double per_second_;
    double level_;
    Duration last_{};
};

class Http2Meter final {
public:
    explicit Http2Meter(Duration now) {
        frames_.take(now);
        resets_.take(now);
    }

    // False: the client is to go.
    bool frame(Duration now) { return frames_.take(now); }
    bool reset(Duration now) { return resets_.take(now); }

    // A frame of a request or an answer: clients open windows and measure them as these move.
    void work() { frames_.add(kFramesPerWork); }

private:
    static constexpr double kFramesPerWork = 4;

    Bucket frames_{2000, 200};
    Bucket resets_{300, 50};
};

}  // namespace hf::http
