// Between the header lists of HTTP/2 and our values (RFC 9113 section 8): pseudo-headers, the
// fields that have no meaning there, lower-case names.
//
// Internal to this module. Pure functions. That names and values are well-formed, and that each
// pseudo-header comes once and first, the library has checked before.

#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "http/message.h"

namespace hf::http {

using HeaderList = std::vector<std::pair<std::string, std::string>>;

// INVALID_ARGUMENT when it names no host, two, or nothing that is asked for.
Result<Request> request_of(HeaderList list);

// What the body's length is told from: it is there, it comes in pieces, or it is left out (HEAD).
enum class BodyForm : unsigned char { kWhole, kPieces, kNone };

// REQUIRES: the response was made sendable (framing.h).
HeaderList list_of(const Response& response, BodyForm form);

// Trailers have neither pseudo-headers nor fields about the message; what cannot be sent is left
// out.
HeaderList list_of(const Headers& trailers);

}  // namespace hf::http
