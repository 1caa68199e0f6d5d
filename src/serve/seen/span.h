// Span: a stretch of time in which something was done for a trace, as OpenTelemetry has it. A
// value.

#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/time.h"
#include "http/trace_context.h"

namespace hf::serve::seen {

using Attribute = std::pair<std::string, std::variant<std::string, std::int64_t, double>>;

// The numbers are OTLP's.
enum class SpanKind : unsigned char { kInternal = 1, kServer = 2, kClient = 3 };

struct Span {
    http::TraceId trace{};
    http::SpanId id{};
    http::SpanId parent{};   // zeros: the trace begins here
    std::string state = {};  // tracestate
    std::string name = {};
    SpanKind kind = SpanKind::kInternal;
    Instant start{};
    Instant end{};
    std::vector<Attribute> attributes = {};
    bool failed = false;
};

}  // namespace hf::serve::seen
