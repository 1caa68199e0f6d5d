// W3C Trace Context, level 1 (Recommendation of 23 November 2021): which trace a request belongs
// to, as its headers traceparent and tracestate say it.
//
//     traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
//                  version, trace, span that asks, flags (1: sampled)
//     tracestate:  vendor=opaque,tenant@other=opaque
//
// Pure. Values; from any thread. Errors: INVALID_ARGUMENT says which part is wrong. Whoever gets
// one starts a trace of its own, as the standard wants it; it is never the request's failure.

#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "http/message.h"

namespace hf::http {

using TraceId = std::array<std::uint8_t, 16>;
using SpanId = std::array<std::uint8_t, 8>;

inline constexpr const char* kTraceParentHeader = "traceparent";
inline constexpr const char* kTraceStateHeader = "tracestate";

inline constexpr std::size_t kTraceStateMembers = 32;         // more: it is invalid
inline constexpr std::size_t kTraceStateBytesMax = 4u << 10;  // longer: it is dropped

struct TraceContext {
    TraceId trace{};  // never all zeros, nor is `span`
    SpanId span{};    // who asks
    bool sampled = false;
    std::string state = {};  // tracestate as it goes on; empty: none

    friend bool operator==(const TraceContext&, const TraceContext&) = default;
};

// Without `state`. A version after 00 is read as 00, as far as that goes.
Result<TraceContext> parse_traceparent(std::string_view header);

// In version 00.
std::string write_traceparent(const TraceContext& context);

// The members of all headers of that name with "," between, in their order; empty ones left out.
Result<std::string> parse_tracestate(std::string_view joined);

// What the headers say; nullopt where they say nothing that is valid, two traceparents included.
// An invalid tracestate alone is dropped.
std::optional<TraceContext> trace_context_of(const Headers& headers);

// Replaces both headers.
void set_trace_context(Headers& headers, const TraceContext& context);

}  // namespace hf::http
