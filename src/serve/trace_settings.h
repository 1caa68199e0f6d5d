// TraceSettings: which requests are traced, as the trace extension of the Open Inference Protocol
// tells and sets it (triton-inference-server/server: docs/protocol/extension_trace.md). Where the
// spans go is not among them: that is said when the server is started (seen/span_exporter.h).
//
// Values and pure functions.

#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace hf::serve {

struct TraceSettings {
    bool on = true;          // false: no request is recorded, whatever its traceparent says
    double ratio = 0;        // of the traces that begin here, so many are recorded, 0 to 1
    std::int64_t left = -1;  // how many more of them are; -1: no limit

    friend bool operator==(const TraceSettings&, const TraceSettings&) = default;
};

using TraceValues = std::vector<std::string>;

// The settings as the extension names them, in order:
//
//     trace_level  "TIMESTAMPS", or "OFF"
//     trace_rate   of so many traces that begin here one is recorded; "0": none
//     trace_count  how many more are; "-1": no limit
//     trace_mode   "opentelemetry", which nothing changes
std::vector<std::pair<std::string, TraceValues>> describe_trace(const TraceSettings& settings);

// Setting to values; no values: back to what it falls back to.
using TraceChange = std::map<std::string, TraceValues>;

// INVALID_ARGUMENT begins with the setting's name as a JSON pointer.
Result<TraceSettings> change_trace(TraceSettings now, const TraceSettings& fallback,
                                   const TraceChange& change);

}  // namespace hf::serve
