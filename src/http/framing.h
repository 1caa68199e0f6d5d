// Between Beast's messages and our values, and the strictness in between: requests whose end two
// readers could see in different places are refused (RFC 9112 sections 3.2, 6.1 and 11.2), and no
// header of ours can break a message in two.
//
// Internal to this module. Pure functions.

#pragma once

#include <optional>
#include <string>

#include <boost/beast/http/message.hpp>

#include "http/message.h"
#include "http/server.h"

namespace hf::http {

// Letters, digits and the marks of RFC 9110's `token`; and no control characters, respectively.
bool is_header_name(std::string_view name);
bool is_header_value(std::string_view value);

// What we need to know of a request to answer it.
struct Exchange {
    unsigned version = 11;
    bool head = false;
    bool keep_alive = false;
};

// The answer to a request that could not be read; nullopt when the client just went away.
std::optional<Response> answer_to(const boost::system::error_code& code, const Limits& limits);

// What a body above the limit is told.
std::string body_limit_text(const Limits& limits);

// The answer to a header that is well-formed by itself but must not be believed.
std::optional<Response> refuse_framing(const boost::beast::http::request_header<>& header);

// All but the body and the peer. Taken before the body is read, so that fields after a chunked body
// cannot pass as header fields.
Request to_request(const boost::beast::http::request_header<>& header);

bool expects_continue(const boost::beast::http::request_header<>& header);

// Replaces an answer that cannot be sent (a status out of range, a header with a line break) by
// 500, and takes the body from one that must not have any (204, 304).
void make_sendable(Response& response);

// The first line and the header fields of a response as they are sent.
struct Head {
    std::string text;
    bool chunked = false;
    bool keep_alive = false;  // false also when only the connection's end can end the body
};

// Headers about the message itself (Connection, Transfer-Encoding, Content-Length) are set here,
// whatever the handler says, but for the length that it gives a stream or the answer to HEAD.
Head to_head(const Response& response, const Exchange& exchange);

// What the Content-Length of a response says, if it is a length.
std::optional<std::uint64_t> declared_length(const Response& response);

}  // namespace hf::http
