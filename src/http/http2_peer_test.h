// A client of HTTP/2 for this module's tests, frame by frame, so that it can say what no decent
// client would. Header lists go out as literals, by hand; libnghttp2 reads those that come. Used by
// tests only.

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "http/http2_headers.h"
#include "http/peers_test.h"

struct nghttp2_hd_inflater;

namespace hf::http {

namespace h2 {
inline constexpr std::uint8_t kData = 0;
inline constexpr std::uint8_t kHeaders = 1;
inline constexpr std::uint8_t kReset = 3;
inline constexpr std::uint8_t kSettings = 4;
inline constexpr std::uint8_t kPing = 6;
inline constexpr std::uint8_t kGoAway = 7;
inline constexpr std::uint8_t kWindowUpdate = 8;
inline constexpr std::uint8_t kContinuation = 9;

inline constexpr std::uint8_t kEndStream = 1;  // of DATA and HEADERS
inline constexpr std::uint8_t kAck = 1;        // of SETTINGS and PING
inline constexpr std::uint8_t kEndHeaders = 4;

inline constexpr std::uint32_t kCancel = 8;
inline constexpr std::uint32_t kRefused = 7;
inline constexpr std::uint32_t kEnhanceYourCalm = 11;
}  // namespace h2

struct Frame {
    std::uint8_t type = 255;  // 255: the connection has ended
    std::uint8_t flags = 0;
    std::uint32_t stream = 0;
    std::string payload;
    HeaderList headers = {};

    bool ends_stream() const { return type <= h2::kHeaders && (flags & h2::kEndStream) != 0; }
};

std::string frame_bytes(const Frame& frame);
std::string number32(std::uint32_t value);
std::uint32_t number_of(std::string_view bytes);
std::string literal_headers(const HeaderList& list);

// POST or GET of a path, with more fields.
HeaderList request_list(std::string_view method, std::string_view path, HeaderList more = {});

// What one stream answered.
struct StreamAnswer {
    std::string status;
    HeaderList headers;
    std::string body;
    HeaderList trailers;
    std::optional<std::uint32_t> reset;  // the code of a RST_STREAM
    bool cut = false;                    // the connection ended before the stream did
    std::optional<std::uint32_t> go_away = {};
};

class Http2Client final {
public:
    // Says the preface and empty SETTINGS.
    explicit Http2Client(std::uint16_t port, std::string_view settings = "");
    ~Http2Client();

    bool send(const Frame& frame) { return socket_.send(frame_bytes(frame)); }
    bool send_raw(std::string_view bytes) { return socket_.send(bytes); }
    bool headers(std::uint32_t stream, const HeaderList& list, std::uint8_t flags);
    bool data(std::uint32_t stream, std::string_view bytes, bool end);

    // The next frame that is neither SETTINGS nor WINDOW_UPDATE.
    Frame next();

    // The next WINDOW_UPDATE of that stream; what else comes is lost.
    Frame next_window(std::uint32_t stream);

    // All of one stream; frames of others are lost.
    StreamAnswer answer(std::uint32_t stream);

    // Asks and reads all of the answer.
    StreamAnswer ask(std::uint32_t stream, const HeaderList& list, std::string_view body = "");

    // The code of the GOAWAY that comes, or nothing when the connection ends without.
    std::optional<std::uint32_t> go_away();

    void close() { socket_.close(); }

private:
    Frame read();
    HeaderList inflate(std::string_view block);

    RawSocket socket_;
    struct Free {
        void operator()(nghttp2_hd_inflater* inflater) const;
    };
    std::unique_ptr<nghttp2_hd_inflater, Free> inflater_;
};

std::string_view value_of(const HeaderList& list, std::string_view name);

// GET /hello over TLS with ALPN "h2" and "http/1.1": what was chosen, a space, and the body.
std::string ask_over_tls(std::uint16_t port, const std::string& ca_pem);

}  // namespace hf::http
