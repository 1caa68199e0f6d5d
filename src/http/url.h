// Absolute http and https URLs (RFC 3986), as far as a client needs them. A URL with a user name
// or password is refused: such secrets end up in logs.
//
// A value. Errors: INVALID_ARGUMENT with the URL and what is wrong with it.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace hf::http {

struct Url {
    bool tls = false;
    std::string host;  // lower case; IPv6 addresses without brackets
    std::uint16_t port = 0;
    std::string target;  // path and query as they are sent; begins with "/"

    // What a connection is made to: "https://[::1]:6443". The port is left out when it is the
    // scheme's own.
    std::string origin() const;
    std::string authority() const;  // for the Host header

    friend bool operator==(const Url&, const Url&) = default;
};

Result<Url> parse_url(std::string_view text);

// What `reference` (a Location header) means when `base` gave it: absolute, "//host/path",
// "/path", "?query" or "path", with "." and ".." resolved.
Result<Url> resolve(const Url& base, std::string_view reference);

// Percent-encodes all but letters, digits and "-._~", for one part of a path or one query value.
std::string percent_encode(std::string_view text);

}  // namespace hf::http
