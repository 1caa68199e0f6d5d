// The protocol of one HTTP/2 connection, without sockets: bytes of the client go in, bytes for it
// come out, and in between requests, answers and the bounds of both. Over libnghttp2 (frames,
// HPACK, windows, the order that RFC 9113 demands).
//
// Bounds, and what happens at each: a header list above Limits::header_bytes is answered 431, one
// of four times that ends the connection, and so does a header in too many frames; a body above
// Limits::body_bytes is answered 413, and a stream is refused when all bodies that still come have
// kBodiesMax times that; more than Limits::streams are refused; a request that is not complete, and
// an answer of which nothing could be sent, for Limits::request_timeout are reset; a connection
// without streams for Limits::idle_timeout is ended, and one whose client does not answer a PING in
// that time; for the rest see http2_meter.h. After an error of the protocol itself the library says
// GOAWAY, and over() becomes true.
//
// Internal to this module. Time is handed in, as a duration since an arbitrary start. Owned by one
// connection; not thread-safe.

#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "http/http2_headers.h"
#include "http/http2_library.h"
#include "http/http2_meter.h"
#include "http/server.h"

namespace hf::http {

using StreamId = std::int32_t;

// Bodies that still come, of all streams of a connection, in times of the longest that may.
inline constexpr std::size_t kBodiesMax = 4;

struct Http2Event {
    enum class Kind : unsigned char {
        kRequest,  // complete; of a duplex route, its head
        kBody,     // of a duplex route
        kEnded,    // the same: nothing more of the request comes
        kDrained,  // what was handed over to be sent has gone out
        kGone,     // the stream is over, one way or another
    };
    Kind kind;
    StreamId stream;
    Request request = {};
    Bytes body = {};
};

class Http2Session final {
public:
    struct Options {
        Limits limits;
        std::function<bool(const Request&)> is_duplex;
        Rephrase rephrase;  // null: as it is
        Duration now{};
    };

    explicit Http2Session(Options options);
    ~Http2Session();
    Http2Session(const Http2Session&) = delete;
    Http2Session& operator=(const Http2Session&) = delete;

    void receive(ByteView bytes, Duration now);

    // What is to be sent next, some tens of kilobytes at most; empty: nothing now.
    Bytes take_output(Duration now);

    // What has happened since the last call, in order.
    std::vector<Http2Event> take_events() { return std::exchange(events_, {}); }

    // Looks at what has taken too long. To be called every now and then.
    void tick(Duration now);

    // Nothing is to be sent and nothing that comes counts: the connection may be closed.
    bool over() const;

    // Answers a request, unless its stream is gone. `goes_on`: send() and finish() follow, and the
    // body does not count. REQUIRES: once a stream; the response was made sendable.
    void respond(StreamId id, Response response, bool goes_on);
    void send(StreamId id, Bytes piece);
    void finish(StreamId id, const Headers& trailers);

    // Ends a stream whose answer cannot be given; `refused`: nothing was done with the request.
    void reset(StreamId id, bool refused);

    // Bytes handed over that have not gone out.
    std::size_t unsent(StreamId id) const;

    // Of a duplex route: so much of what came is dealt with, so that more may come; so much of it
    // is still held.
    void take_in(StreamId id, std::size_t bytes, std::size_t kept);

    // The client shall not send new requests; `last`: those that have not come are not answered.
    void drain(bool last);

private:
    struct Library;  // the callbacks
    friend struct Library;

    struct Stream {
        HeaderList list;
        std::size_t header_bytes = 0;
        bool too_large = false;  // its header
        Request request;
        std::string content_type;
        std::size_t body_bytes = 0;  // so far
        std::size_t pending = 0;     // of these, told of and not dealt with
        std::size_t kept = 0;        // held besides
        bool head = false;           // the method is HEAD
        bool duplex = false;
        bool headed = false;  // its header was complete
        bool ended = false;   // its body was
        bool deaf = false;    // what comes of it does not count any more
        bool told = false;    // of in an event
        bool answered = false;
        bool complete = false;  // all of the answer has gone out

        std::deque<Bytes> out;
        std::size_t out_bytes = 0;
        std::size_t out_at = 0;  // in the first of them
        bool goes_on = false;
        bool deferred = false;  // the library waits for more
        HeaderList trailers;
        Duration since{};  // the last progress
    };

    Stream* find(StreamId id);
    void add_header(Stream& stream, std::string name, std::string value);
    void finish_head(StreamId id, Stream& stream);
    void add_body(StreamId id, ByteView data);
    void end_request(StreamId id, Stream& stream);
    void tell(StreamId id, Stream& stream);
    void refuse(StreamId id, int status, const std::string& message);
    void close(StreamId id, bool by_reset);
    void resume(StreamId id, Stream& stream);
    void hold(Stream& stream, std::size_t pending, std::size_t kept);
    bool is_full() const { return held_ > kBodiesMax * options_.limits.body_bytes; }
    std::ptrdiff_t read_answer(StreamId id, std::span<std::uint8_t> space, std::uint32_t* flags);
    bool is_late(const Stream& stream) const;
    void begin_frame(std::uint8_t type, std::size_t length);

    const Options options_;
    SessionHandle session_;
    std::map<StreamId, Stream> streams_;
    std::vector<Http2Event> events_;
    Http2Meter meter_;
    Duration now_;
    Duration heard_;        // the last frame that came, or the PING
    Duration in_use_;       // when there last was a stream
    StreamId heading_ = 0;  // whose header is still coming
    Duration heading_since_{};
    std::size_t parts_ = 0;  // frames of that header, but for the first
    std::size_t held_ = 0;   // by all streams
    bool flooded_ = false;   // the client is to go
    bool broken_ = false;    // nothing more can be read
    bool asked_ = false;     // whether the client is there, by a PING
};

}  // namespace hf::http
