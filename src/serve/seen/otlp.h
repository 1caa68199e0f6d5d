// OTLP/HTTP with JSON (OpenTelemetry Protocol 1.x, opentelemetry-proto's trace/v1 in the mapping
// that the protocol's "JSON Protobuf Encoding" defines): identifiers in hexadecimal, times as texts
// of nanoseconds since the epoch, enumerations as numbers. In a text that is no UTF-8, which
// Protocol Buffers forbid, what is beyond ASCII becomes '?'. Pure.

#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "serve/seen/span.h"

namespace hf::serve::seen {

// What is appended to a collector's base URL.
inline constexpr std::string_view kTracesPath = "/v1/traces";

// An ExportTraceServiceRequest. `resource`: who made the spans, "service.name" at least.
std::string write_spans(const std::vector<Attribute>& resource, std::span<const Span> spans);

// What is to be done with a batch after an answer of this HTTP status.
enum class Delivery : unsigned char {
    kTaken,
    kAgain,    // 429, 502, 503, 504: to be sent again, later
    kRefused,  // anything else: to be dropped
};
Delivery delivery_of(int status);

// How many spans of a batch that was taken the collector has refused all the same, by its body, an
// ExportTraceServiceResponse. What cannot be read refuses none.
std::uint64_t rejected_spans(std::string_view body);

}  // namespace hf::serve::seen
