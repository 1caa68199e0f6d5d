#include "serve/seen/otlp.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/json.h"
#include "base/text.h"
#include "serve/inference.h"

namespace hf::serve::seen {
namespace {

constexpr int kStatusError = 2;  // STATUS_CODE_ERROR

// Of 64 bits, which JSON's numbers do not hold everywhere.
std::string as_text(std::int64_t value) {
    return fmt::format("{}", value);
}

std::string nanoseconds(Instant instant) {
    return as_text(instant.time_since_epoch().count());
}

std::string as_utf8(std::string text) {
    if (is_utf8(text)) return text;
    for (char& c : text) {
        if (static_cast<unsigned char>(c) >= 0x80) c = '?';
    }
    return text;
}

json::Object value_of(const Attribute& attribute) {
    if (const auto* text = std::get_if<std::string>(&attribute.second)) {
        return {{"stringValue", as_utf8(*text)}};
    }
    if (const auto* whole = std::get_if<std::int64_t>(&attribute.second)) {
        return {{"intValue", as_text(*whole)}};
    }
    return {{"doubleValue", std::get<double>(attribute.second)}};
}

json::Array describe(const std::vector<Attribute>& attributes) {
    json::Array list;
    for (const Attribute& attribute : attributes) {
        list.push_back({{"key", attribute.first}, {"value", value_of(attribute)}});
    }
    return list;
}

json::Object describe(const Span& span) {
    json::Object object{{"traceId", to_hex(span.trace)}, {"spanId", to_hex(span.id)}};
    if (span.parent != http::SpanId{}) object["parentSpanId"] = to_hex(span.parent);
    if (!span.state.empty()) object["traceState"] = span.state;
    object["name"] = span.name;
    object["kind"] = static_cast<int>(span.kind);
    object["startTimeUnixNano"] = nanoseconds(span.start);
    object["endTimeUnixNano"] = nanoseconds(std::max(span.start, span.end));
    object["attributes"] = describe(span.attributes);
    object["status"] = span.failed ? json::Object{{"code", kStatusError}} : json::Object();
    return object;
}

}  // namespace

std::string write_spans(const std::vector<Attribute>& resource, std::span<const Span> spans) {
    json::Array list;
    for (const Span& span : spans) list.push_back(describe(span));
    const json::Object scope{{"name", kServerName}, {"version", kServerVersion}};
    json::Array scopes;
    scopes.push_back({{"scope", scope}, {"spans", std::move(list)}});
    json::Array resources;
    resources.push_back({{"resource", json::Object{{"attributes", describe(resource)}}},
                         {"scopeSpans", std::move(scopes)}});
    return json::write(json::Object{{"resourceSpans", std::move(resources)}});
}

Delivery delivery_of(int status) {
    if (status >= 200 && status < 300) return Delivery::kTaken;
    const bool again = status == 429 || status == 502 || status == 503 || status == 504;
    return again ? Delivery::kAgain : Delivery::kRefused;
}

std::uint64_t rejected_spans(std::string_view body) {
    const Result<json::Value> answer = json::parse(body);
    if (!answer.ok()) return 0;
    const json::Value* count = json::find_path(*answer, {"partialSuccess", "rejectedSpans"});
    if (!count) return 0;
    if (count->is_int64())
        return static_cast<std::uint64_t>(std::max<std::int64_t>(0, count->get_int64()));
    if (!count->is_string()) return 0;
    const Result<std::int64_t> number = parse_int(json::as_view(count->get_string()));
    return number.ok() ? static_cast<std::uint64_t>(std::max<std::int64_t>(0, *number)) : 0;
}

}  // namespace hf::serve::seen
