#include "http/framing.h"

#include <algorithm>
#include <array>

#include <boost/beast/core/string.hpp>
#include <boost/beast/http/status.hpp>

#include "base/text.h"

namespace hf::http {
namespace {

namespace beast = boost::beast;
constexpr std::size_t kUsualBytes = 512;  // of a head

// Whether no handler may set this header: it is about the message, not its content.
bool is_ours(std::string_view name) {
    return beast::iequals(name, "Connection") || beast::iequals(name, "Keep-Alive") ||
           beast::iequals(name, "Transfer-Encoding") || beast::iequals(name, "Content-Length");
}

bool may_have_body(int status) {
    return status >= 200 && status != 204 && status != 304;
}

bool is_sendable(const Response& response) {
    const auto& headers = response.headers.all();
    return response.status >= 200 && response.status <= 999 &&
           std::all_of(headers.begin(), headers.end(), [](const auto& header) {
               return is_header_name(header.first) && is_header_value(header.second);
           });
}

}  // namespace

namespace {

// By character: whether it may stand in a token, and in a field's value.
struct Allowed {
    std::array<bool, 256> in_name{};
    std::array<bool, 256> in_value{};
};

constexpr Allowed kAllowed = [] {
    Allowed allowed;
    for (std::size_t c = 0; c < allowed.in_value.size(); ++c) {
        allowed.in_value[c] = (c >= 0x20 && c != 0x7f) || c == '\t';
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        allowed.in_name[c] = letter || (c >= '0' && c <= '9');
    }
    for (const char c : std::string_view("!#$%&'*+-.^_`|~")) {
        allowed.in_name[static_cast<unsigned char>(c)] = true;
    }
    return allowed;
}();

}  // namespace

bool is_header_name(std::string_view name) {
    return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
        return kAllowed.in_name[static_cast<unsigned char>(c)];
    });
}

bool is_header_value(std::string_view value) {
    return std::all_of(value.begin(), value.end(),
                       [](char c) { return kAllowed.in_value[static_cast<unsigned char>(c)]; });
}

bool same_word(std::string_view a, std::string_view b) {
    constexpr auto lower = [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    };
    return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                              [&](char x, char y) { return lower(x) == lower(y); });
}

std::string body_limit_text(const Limits& limits) {
    return fmt::format(
        "the body exceeds the limit of {} bytes; send less at a time, or raise the server's limit",
        limits.body_bytes);
}

void make_sendable(Response& response) {
    if (!is_sendable(response)) {
        response = Response::error(500, "the answer had a status or header that cannot be sent");
    }
    if (!may_have_body(response.status)) {
        response.body.clear();
        response.stream.reset();
    }
}

Head to_head(const Response& response, const Exchange& exchange) {
    const std::optional<std::uint64_t> declared = declared_length(response);
    const bool modern = exchange.version >= 11;
    Head head;
    head.chunked = response.stream && !declared && modern;
    const bool open_ended = response.stream && !declared && !modern;
    head.keep_alive = exchange.keep_alive && !open_ended;

    const auto status = static_cast<unsigned>(response.status);
    const std::string_view reason =
        beast::http::obsolete_reason(beast::http::int_to_status(status));
    head.text.reserve(kUsualBytes);
    head.text.append(modern ? "HTTP/1.1 " : "HTTP/1.0 ").append(std::to_string(status));
    head.text.append(" ").append(reason).append("\r\n");
    const auto add = [&head](std::string_view name, std::string_view value) {
        head.text.append(name).append(": ").append(value).append("\r\n");
    };
    for (const auto& [name, value] : response.headers.all()) {
        if (!is_ours(name)) add(name, trim(value));
    }
    if (modern && !head.keep_alive) add("Connection", "close");
    if (!modern && head.keep_alive) add("Connection", "keep-alive");
    if (head.chunked) add("Transfer-Encoding", "chunked");
    if (!head.chunked && !open_ended) {
        const bool announces = declared && (response.stream || exchange.head);
        add("Content-Length", std::to_string(announces ? *declared : response.body.size()));
    }
    head.text += "\r\n";
    return head;
}

std::optional<std::uint64_t> declared_length(const Response& response) {
    const std::optional<std::string_view> text = response.headers.get("Content-Length");
    if (!text) return std::nullopt;
    const Result<std::int64_t> length = parse_int(*text);
    if (!length.ok() || *length < 0) return std::nullopt;
    return static_cast<std::uint64_t>(*length);
}

}  // namespace hf::http
