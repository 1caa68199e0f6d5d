// One line of the access log: a JSON object (RFC 8259) in ASCII and a newline. Whatever a client
// sends, it stays inside its own text: quotes, control characters and all beyond ASCII are escaped,
// bytes that are no UTF-8 become U+FFFD, and texts are cut at kLogTextMax. Pure.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace hf::serve::seen {

inline constexpr std::size_t kLogTextMax = 1024;  // bytes of one text, before it is escaped

// Empty texts and what is not set are left out.
struct LogLine {
    Instant time{};  // when the request's header was there
    std::string method;
    std::string path;      // as sent, without the query, which may hold secrets
    std::string protocol;  // "HTTP/1.1", "HTTP/2"
    int status = 0;        // 0: none was sent
    std::string grpc_status = {};
    std::uint64_t bytes_in = 0;                  // of the bodies
    std::optional<std::uint64_t> bytes_out = 0;  // not known of a stream
    Duration duration{};                         // to the answer's first byte, or a stream's end
    Duration queue{};                            // until a worker had it
    std::optional<Duration> compute = {};        // in the model; with these three:
    std::string model = {};
    std::string version = {};
    std::uint64_t inferences = 0;  // more than one in a stream, of which the rest is the last one's
    std::string caller = {};
    std::string peer = {};  // "127.0.0.1:50123"
    std::string trace_id = {};
    std::string receipt = {};
    std::string node = {};  // of a gateway: who answered
};

std::string write_log_line(const LogLine& line);

// `text` between quotes.
std::string quote(std::string_view text);

}  // namespace hf::serve::seen
