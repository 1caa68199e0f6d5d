// What may stand in the header of a message of HTTP/1.1, and how an answer's is written: no header
// of ours can break a message in two (RFC 9110 section 5, RFC 9112 section 11.1).
//
// Internal to this module. Pure functions.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "http/message.h"
#include "http/server.h"

namespace hf::http {

// Letters, digits and the marks of RFC 9110's `token`; and no control characters, respectively.
bool is_header_name(std::string_view name);
bool is_header_value(std::string_view value);

// Without regard to the case of ASCII letters.
bool same_word(std::string_view a, std::string_view b);

// What we need to know of a request to answer it.
struct Exchange {
    unsigned version = 11;
    bool head = false;
    bool keep_alive = false;
};

// What a body above the limit is told.
std::string body_limit_text(const Limits& limits);

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
