// Instants and durations. Always UTC; pure code is handed `Instant now` and never asks a clock.
//
// Duration counts nanoseconds, signed, about 292 years each way; Instant counts them since the Unix
// epoch. Both are std::chrono types underneath, so literals such as 250ms convert.

#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/status.h"

namespace hf {

using Duration = std::chrono::nanoseconds;
using Instant = std::chrono::sys_time<Duration>;

// RFC 3339 in UTC: "2026-11-24T09:17:15Z", and with microseconds "2026-11-24T09:17:15.123456Z".
std::string format_rfc3339(Instant instant);
std::string format_rfc3339_micros(Instant instant);

// Accepts any RFC 3339 date-time, with fraction and offset; and "2013-12-02 21:15:00" (a space, no
// zone), which counts as UTC. INVALID_ARGUMENT names what is wrong.
Result<Instant> parse_rfc3339(std::string_view text);

// "250ms", "1.5s", "3m", "2h", "7d", "100us", "40ns"; and back, in the largest unit that is exact.
Result<Duration> parse_duration(std::string_view text);
std::string format_duration(Duration duration);

}  // namespace hf
