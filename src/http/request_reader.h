// RequestReader: one request of HTTP/1.1 or 1.0 as its bytes come (RFC 9112), without sockets. It
// is strict where two readers could see a request end in different places: lines end in CRLF,
// nothing is folded, one Host, one Content-Length or one "Transfer-Encoding: chunked", not both.
//
// A line that is not whole is looked at again when more comes, from where the search for its end
// stopped: what a client that sends byte by byte costs is linear. A body takes memory as it comes,
// not as it is announced. Fields behind a chunked body are read and dropped.
//
// Internal to this module. Owned by one connection; not thread-safe. Fuzzed
// (fuzz/http_request.cpp).

#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "http/message.h"
#include "http/server.h"

namespace hf::http {

class RequestReader final {
public:
    // The limits outlive it.
    explicit RequestReader(const Limits& limits) : limits_(limits) {}

    // Takes what it can use from the front of what has come and was not taken yet; how many bytes.
    // What is left is the beginning of a line, or belongs to the next request. The same bytes must
    // come again at the front, with more behind them.
    std::size_t take(ByteView came);

    // True once the head is there: method, target and headers of request() are what they will be.
    bool has_head() const { return part_ > Part::kHeaders; }

    // True once all of it is there.
    bool done() const { return part_ == Part::kDone; }

    // Whether a line of it has been taken. What came before that is still the caller's.
    bool begun() const { return head_bytes_ > 0; }

    // Why nothing more is read: the answer, after which the connection ends.
    const std::optional<Response>& refusal() const { return refusal_; }

    // Where the next bytes of a large body may be read to, past take(): as many as have come. Empty
    // where there is none. Call body_came() with how many it were.
    std::span<std::uint8_t> body_space();
    void body_came(std::size_t count);

    Request& request() { return request_; }
    bool is_modern() const { return minor_ > 0; }  // HTTP/1.1
    bool is_head() const { return request_.method == "HEAD"; }
    bool wants_more() const { return keep_alive_; }  // the connection is to go on
    bool expects_continue() const { return has_head() && expects_continue_ && !done(); }

private:
    enum class Part : std::uint8_t {
        kStart,
        kHeaders,
        kBody,       // by its length
        kChunkSize,  // these three and kTrailers: in chunks
        kChunk,
        kChunkEnd,
        kTrailers,
        kDone,
    };

    std::optional<std::string_view> line_of(std::string_view came);
    void read_line(std::string_view line);
    void read_start(std::string_view line);
    void read_field(std::string_view line);
    void read_length(std::string_view value);
    void end_head();
    void read_chunk_size(std::string_view line);
    void check_unfinished(std::string_view came);
    std::size_t take_body(ByteView came);
    void refuse(int status, std::string_view why);

    const Limits& limits_;
    Request request_;
    std::optional<Response> refusal_;
    Part part_ = Part::kStart;
    std::size_t searched_ = 0;    // of the line that is not whole
    std::size_t head_bytes_ = 0;  // and of the lines around chunks
    unsigned minor_ = 1;
    unsigned hosts_ = 0;
    unsigned codings_ = 0;
    bool chunked_ = false;
    bool keep_alive_ = true;
    bool says_close_ = false;
    bool says_keep_alive_ = false;
    bool expects_continue_ = false;
    std::optional<std::uint64_t> length_;
    std::uint64_t left_ = 0;  // of the body, or of a chunk
    std::size_t filled_ = 0;  // of request_.body, while body_space() is out
};

}  // namespace hf::http
