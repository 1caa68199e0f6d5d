#include "http/trace_context.h"

#include <algorithm>
#include <vector>

#include "base/bytes.h"
#include "base/text.h"

namespace hf::http {
namespace {

// Where the parts of a traceparent are.
constexpr std::size_t kTraceAt = 3;
constexpr std::size_t kSpanAt = 36;
constexpr std::size_t kFlagsAt = 53;
constexpr std::size_t kParentBytes = 55;

constexpr std::size_t kKeyMax = 256;  // of a tracestate's member, in bytes
constexpr std::size_t kTenantMax = 241;
constexpr std::size_t kSystemMax = 14;
constexpr std::size_t kValueMax = 256;

bool is_lower(char c) {
    return c >= 'a' && c <= 'z';
}
bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_key_char(char c) {
    return is_lower(c) || is_digit(c) || c == '_' || c == '-' || c == '*' || c == '/';
}
bool is_value_char(char c) {
    return c >= 0x20 && c <= 0x7e && c != ',' && c != '=';
}

// Lower case only, unlike from_hex().
Result<Bytes> parse_hex(std::string_view text, std::string_view part) {
    const auto good = [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); };
    if (!std::all_of(text.begin(), text.end(), good)) {
        return invalid_argument("traceparent: the {} is not lower-case hexadecimal", part);
    }
    return from_hex(text);
}

template <std::size_t N>
Status parse_id(std::string_view text, std::string_view part, std::array<std::uint8_t, N>& id) {
    const Bytes bytes = HF_TRY(parse_hex(text, part));
    std::copy(bytes.begin(), bytes.end(), id.begin());
    if (id == std::array<std::uint8_t, N>{}) {
        return invalid_argument("traceparent: the {} is all zeros", part);
    }
    return {};
}

bool is_key_part(std::string_view text, std::size_t bytes_max, bool digit_first) {
    if (text.empty() || text.size() > bytes_max) return false;
    if (!is_lower(text[0]) && !(digit_first && is_digit(text[0]))) return false;
    return std::all_of(text.begin(), text.end(), is_key_char);
}

// "vendor", or "tenant@system" (section 3.3.1.3.1).
bool is_key(std::string_view key) {
    const std::size_t at = key.find('@');
    if (at == std::string_view::npos) return is_key_part(key, kKeyMax, false);
    return is_key_part(key.substr(0, at), kTenantMax, true) &&
           is_key_part(key.substr(at + 1), kSystemMax, false);
}

// REQUIRES: without the white space around a member.
bool is_value(std::string_view value) {
    return !value.empty() && value.size() <= kValueMax &&
           std::all_of(value.begin(), value.end(), is_value_char);
}

// All headers of a name; nullopt where there is none.
std::optional<std::vector<std::string_view>> all_of(const Headers& headers, std::string_view name) {
    std::vector<std::string_view> values;
    for (const auto& [key, value] : headers.all()) {
        if (key.size() == name.size() && to_lower(key) == name) values.emplace_back(value);
    }
    if (values.empty()) return std::nullopt;
    return values;
}

}  // namespace

Result<TraceContext> parse_traceparent(std::string_view header) {
    if (header.size() < kParentBytes) {
        return invalid_argument("traceparent: {} bytes, want {}", header.size(), kParentBytes);
    }
    for (const std::size_t at : {kTraceAt, kSpanAt, kFlagsAt}) {
        if (header[at - 1] != '-')
            return invalid_argument("traceparent: no '-' before byte {}", at);
    }
    const Bytes version = HF_TRY(parse_hex(header.substr(0, 2), "version"));
    if (version[0] == 0xff) return invalid_argument("traceparent: version ff is none");
    const std::string_view rest = header.substr(kParentBytes);
    if (!rest.empty() && (version[0] == 0 || rest[0] != '-')) {
        return invalid_argument("traceparent: more after the flags than its version has");
    }
    TraceContext context;
    HF_TRY(parse_id(header.substr(kTraceAt, 32), "trace", context.trace));
    HF_TRY(parse_id(header.substr(kSpanAt, 16), "parent", context.span));
    const Bytes flags = HF_TRY(parse_hex(header.substr(kFlagsAt, 2), "flags"));
    context.sampled = (flags[0] & 1) != 0;
    return context;
}

std::string write_traceparent(const TraceContext& context) {
    std::string text;
    text.reserve(kParentBytes);
    text.append("00-").append(to_hex(context.trace)).append("-").append(to_hex(context.span));
    return text.append(context.sampled ? "-01" : "-00");
}

Result<std::string> parse_tracestate(std::string_view joined) {
    std::vector<std::string> members;
    std::vector<std::string_view> keys;
    for (const std::string_view raw : split(joined, ',')) {
        const std::string_view member = trim(raw);
        if (member.empty()) continue;
        const std::size_t equals = std::min(member.find('='), member.size());
        const std::string_view key = member.substr(0, equals);
        if (!is_key(key)) return invalid_argument("tracestate: member {}: key", members.size());
        if (!is_value(member.substr(std::min(equals + 1, member.size())))) {
            return invalid_argument("tracestate: member {}: value", members.size());
        }
        if (std::find(keys.begin(), keys.end(), key) != keys.end()) {
            return invalid_argument("tracestate: member {}: its key was there", members.size());
        }
        if (members.size() == kTraceStateMembers) {
            return invalid_argument("tracestate: more than {} members", kTraceStateMembers);
        }
        keys.push_back(key);
        members.emplace_back(member);
    }
    return join(members, ",");
}

std::optional<TraceContext> trace_context_of(const Headers& headers) {
    const auto parents = all_of(headers, kTraceParentHeader);
    if (!parents || parents->size() != 1) return std::nullopt;
    Result<TraceContext> context = parse_traceparent(trim(parents->front()));
    if (!context.ok()) return std::nullopt;
    const auto states = all_of(headers, kTraceStateHeader);
    if (!states) return std::move(*context);
    std::string joined;
    for (const std::string_view state : *states) {
        joined.append(joined.empty() ? "" : ",").append(state);
        if (joined.size() > kTraceStateBytesMax) return std::move(*context);
    }
    Result<std::string> state = parse_tracestate(joined);
    if (state.ok()) context->state = std::move(*state);
    return std::move(*context);
}

void set_trace_context(Headers& headers, const TraceContext& context) {
    headers.set(kTraceParentHeader, write_traceparent(context));
    headers.remove(kTraceStateHeader);
    if (!context.state.empty()) headers.set(kTraceStateHeader, context.state);
}

}  // namespace hf::http
