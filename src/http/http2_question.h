// The protocol of one HTTP/2 connection for its client, without sockets: bytes of the server go in,
// bytes for it come out. One request at a time. Over libnghttp2, as http2_session.h.
//
// Bounds: a header list above kAnswerHeaderBytesMax ends its stream; how much of a body is held is
// up to the owner, which takes it as it comes. After an error of the protocol itself the library
// says GOAWAY, and the connection is over.
//
// Internal to this module. Owned by one client; not thread-safe.

#pragma once

#include <string>
#include <utility>

#include "http/http2_library.h"
#include "http/message.h"

namespace hf::http {

class Http2Question final {
public:
    Http2Question();
    Http2Question(const Http2Question&) = delete;
    Http2Question& operator=(const Http2Question&) = delete;

    // Begins a request. REQUIRES: is_free(); `body` outlives the answer.
    void ask(const HeaderList& head, ByteView body);

    void receive(ByteView bytes);
    Bytes take_output() { return take_output_of(session_.get(), broken_); }

    // The answer is complete, or none will be.
    bool is_over() const { return ended_ || broken_ || is_reset_ || has_nothing_to_do(); }

    // It has begun: status and header are there. The body is not in it, the trailers are when it is
    // over.
    bool is_headed() const { return headed_; }
    Response& answer() { return answer_; }

    // What came of the body since the last call.
    Bytes take_body() { return std::exchange(body_, {}); }

    // Why there is no complete answer. OK when there is one.
    Status trouble() const;

    // The server says that it did nothing with the request: it may be asked again.
    bool is_refused() const {
        return is_reset_ && !headed_ && reset_code_ == NGHTTP2_REFUSED_STREAM;
    }

    // Another request may be sent over this connection.
    bool is_free() const;

private:
    struct Library;  // the callbacks
    friend struct Library;

    bool has_nothing_to_do() const;
    void add_header(std::string name, std::string value);
    void finish_headers();
    void end(std::int32_t stream);

    SessionHandle session_;
    std::int32_t stream_ = 0;
    ByteView unsent_;
    HeaderList list_;
    std::size_t header_bytes_ = 0;
    Response answer_;
    Bytes body_;
    bool headed_ = false;
    bool ended_ = false;
    bool is_reset_ = false;
    std::uint32_t reset_code_ = 0;
    bool too_large_ = false;  // its header
    bool broken_ = false;
    bool speaks_ = false;  // the server has sent a frame
    bool older_ = false;   // it speaks HTTP/1
};

}  // namespace hf::http
