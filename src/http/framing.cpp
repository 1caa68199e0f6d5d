#include "http/framing.h"

#include <algorithm>

#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/status.hpp>

#include "base/text.h"

namespace hf::http {
namespace {

namespace beast = boost::beast;
using beast::http::field;

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

bool is_header_name(std::string_view name) {
    return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        return letter || (c >= '0' && c <= '9') ||
               std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
    });
}

bool is_header_value(std::string_view value) {
    return std::all_of(value.begin(), value.end(), [](char c) {
        return (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) || c == '\t';
    });
}

std::string body_limit_text(const Limits& limits) {
    return fmt::format(
        "the body exceeds the limit of {} bytes; send less at a time, or raise the server's limit",
        limits.body_bytes);
}

std::optional<Response> answer_to(const boost::system::error_code& code, const Limits& limits) {
    using beast::http::error;
    if (code == error::header_limit) {
        return Response::error(431, fmt::format("headers exceed {} bytes", limits.header_bytes));
    }
    if (code == error::body_limit) {
        return Response::error(413, body_limit_text(limits));
    }
    const bool gone =
        code == error::end_of_stream || code == error::partial_message ||
        code.category() != beast::http::make_error_code(error::end_of_stream).category();
    if (gone) return std::nullopt;
    return Response::error(400, fmt::format("malformed HTTP request: {}", code.message()));
}

std::optional<Response> refuse_framing(const beast::http::request_header<>& header) {
    const std::size_t hosts = header.count(field::host);
    if (hosts > 1 || (hosts == 0 && header.version() >= 11)) {
        return Response::error(400, fmt::format("{} Host headers; want exactly one", hosts));
    }
    const std::size_t codings = header.count(field::transfer_encoding);
    if (codings == 0) return std::nullopt;
    if (header.version() < 11 || header.count(field::content_length) > 0) {
        return Response::error(400,
                               "Transfer-Encoding with Content-Length or HTTP/1.0: where the "
                               "request ends is ambiguous");
    }
    if (codings > 1 || !beast::iequals(header[field::transfer_encoding], "chunked")) {
        return Response::error(400, "the only Transfer-Encoding known here is chunked, once");
    }
    return std::nullopt;
}

Request to_request(const beast::http::request_header<>& header) {
    Request request;
    request.method = std::string(header.method_string());
    request.target = std::string(header.target());
    for (const auto& entry : header) {
        request.headers.add(std::string(entry.name_string()), std::string(entry.value()));
    }
    return request;
}

bool expects_continue(const beast::http::request_header<>& header) {
    return header.version() >= 11 && beast::iequals(header[field::expect], "100-continue");
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
    head.text = fmt::format("HTTP/1.{} {} {}\r\n", modern ? 1 : 0, status, reason);
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
        add("Content-Length", fmt::format("{}", announces ? *declared : response.body.size()));
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
