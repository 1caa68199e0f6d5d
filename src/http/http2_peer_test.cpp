#include "http/http2_peer_test.h"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <nghttp2/nghttp2.h>

namespace hf::http {
namespace {

constexpr std::size_t kHeadBytes = 9;

// A string of a header block (RFC 7541 section 5.2), without Huffman's code.
std::string literal(std::string_view text) {
    std::string out;
    std::size_t size = text.size();
    if (size < 127) {
        out.push_back(static_cast<char>(size));
    } else {
        out.push_back(127);
        for (size -= 127; size >= 128; size /= 128) {
            out.push_back(static_cast<char>(size % 128 + 128));
        }
        out.push_back(static_cast<char>(size));
    }
    return out.append(text);
}

}  // namespace

std::uint32_t number_of(std::string_view bytes) {
    std::uint32_t value = 0;
    for (char c : bytes.substr(0, 4)) value = value << 8 | static_cast<std::uint8_t>(c);
    return value;
}

std::string number32(std::uint32_t value) {
    std::string out;
    for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift));
    return out;
}

std::string frame_bytes(const Frame& frame) {
    std::string out = number32(static_cast<std::uint32_t>(frame.payload.size())).substr(1);
    out.push_back(static_cast<char>(frame.type));
    out.push_back(static_cast<char>(frame.flags));
    return out.append(number32(frame.stream)).append(frame.payload);
}

std::string literal_headers(const HeaderList& list) {
    std::string block;
    for (const auto& [name, value] : list) {
        block.push_back(0);
        block += literal(name) + literal(value);
    }
    return block;
}

HeaderList request_list(std::string_view method, std::string_view path, HeaderList more) {
    HeaderList list{{":method", std::string(method)},
                    {":scheme", "http"},
                    {":path", std::string(path)},
                    {":authority", "localhost"}};
    list.insert(list.end(), more.begin(), more.end());
    return list;
}

std::string_view value_of(const HeaderList& list, std::string_view name) {
    for (const auto& [key, value] : list) {
        if (key == name) return value;
    }
    return "";
}

void Http2Client::Free::operator()(nghttp2_hd_inflater* inflater) const {
    nghttp2_hd_inflate_del(inflater);
}

Http2Client::Http2Client(std::uint16_t port, std::string_view settings) : socket_(port) {
    nghttp2_hd_inflater* inflater = nullptr;
    HF_CHECK(nghttp2_hd_inflate_new(&inflater) == 0);
    inflater_.reset(inflater);
    socket_.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    send({h2::kSettings, 0, 0, std::string(settings)});
}

Http2Client::~Http2Client() = default;

bool Http2Client::headers(std::uint32_t stream, const HeaderList& list, std::uint8_t flags) {
    const auto all = static_cast<std::uint8_t>(flags | h2::kEndHeaders);
    return send({h2::kHeaders, all, stream, literal_headers(list)});
}

bool Http2Client::data(std::uint32_t stream, std::string_view bytes, bool end) {
    constexpr std::size_t kFrameBytes = 16384;
    while (bytes.size() > kFrameBytes) {
        if (!send({h2::kData, 0, stream, std::string(bytes.substr(0, kFrameBytes))})) return false;
        bytes.remove_prefix(kFrameBytes);
    }
    const std::uint8_t flags = end ? h2::kEndStream : std::uint8_t{0};
    return send({h2::kData, flags, stream, std::string(bytes)});
}

Frame Http2Client::read() {
    const std::string head = socket_.read(kHeadBytes);
    Frame frame;
    if (head.size() < kHeadBytes) return frame;
    const std::uint32_t size = number_of(std::string(1, '\0') + head.substr(0, 3));
    frame.type = static_cast<std::uint8_t>(head[3]);
    frame.flags = static_cast<std::uint8_t>(head[4]);
    frame.stream = number_of(std::string_view(head).substr(5));
    frame.payload = socket_.read(size);
    if (frame.type == h2::kHeaders) frame.headers = inflate(frame.payload);
    return frame;
}

Frame Http2Client::next() {
    for (;;) {
        Frame frame = read();
        const bool housekeeping = frame.type == h2::kSettings || frame.type == h2::kWindowUpdate;
        if (!housekeeping) return frame;
    }
}

Frame Http2Client::next_window(std::uint32_t stream) {
    for (;;) {
        Frame frame = read();
        const bool found = frame.type == h2::kWindowUpdate && frame.stream == stream;
        if (found || frame.type == 255) return frame;
    }
}

HeaderList Http2Client::inflate(std::string_view block) {
    HeaderList list;
    const auto* at = reinterpret_cast<const std::uint8_t*>(block.data());
    std::size_t left = block.size();
    for (;;) {
        nghttp2_nv field{};
        int flags = 0;
        const ssize_t used = nghttp2_hd_inflate_hd2(inflater_.get(), &field, &flags, at, left, 1);
        HF_CHECK(used >= 0, "the server's header block is malformed");
        at += used;
        left -= static_cast<std::size_t>(used);
        if (flags & NGHTTP2_HD_INFLATE_EMIT) {
            list.emplace_back(std::string(as_text({field.name, field.namelen})),
                              std::string(as_text({field.value, field.valuelen})));
        }
        if (flags & NGHTTP2_HD_INFLATE_FINAL) break;
    }
    nghttp2_hd_inflate_end_headers(inflater_.get());
    return list;
}

StreamAnswer Http2Client::answer(std::uint32_t stream) {
    StreamAnswer answer;
    for (;;) {
        Frame frame = next();
        if (frame.type == 255) {
            answer.cut = true;
            return answer;
        }
        if (frame.type == h2::kGoAway) answer.go_away = number_of(frame.payload.substr(4));
        if (frame.stream != stream) continue;
        if (frame.type == h2::kReset) {
            answer.reset = number_of(frame.payload);
            return answer;
        }
        if (frame.type == h2::kData) answer.body += frame.payload;
        const std::string_view status = value_of(frame.headers, ":status");
        if (frame.type == h2::kHeaders && status.empty()) {
            answer.trailers = std::move(frame.headers);
        } else if (frame.type == h2::kHeaders) {
            answer.status = status;
            answer.headers = std::move(frame.headers);
        }
        if (frame.ends_stream()) return answer;
    }
}

StreamAnswer Http2Client::ask(std::uint32_t stream, const HeaderList& list, std::string_view body) {
    headers(stream, list, body.empty() ? h2::kEndStream : std::uint8_t{0});
    if (!body.empty()) data(stream, body, true);
    return answer(stream);
}

std::optional<std::uint32_t> Http2Client::go_away() {
    for (;;) {
        const Frame frame = next();
        if (frame.type == 255) return std::nullopt;
        if (frame.type == h2::kGoAway) return number_of(std::string_view(frame.payload).substr(4));
    }
}

std::string ask_over_tls(std::uint16_t port, const std::string& ca_pem) {
    namespace asio = boost::asio;
    asio::io_context loop;
    asio::ssl::context context(asio::ssl::context::tls_client);
    context.add_certificate_authority(asio::buffer(ca_pem));
    context.set_verify_mode(asio::ssl::verify_peer);
    asio::ssl::stream<asio::ip::tcp::socket> stream(loop, context);
    constexpr unsigned char kProtocols[] = "\x08http/1.1\x02h2";
    SSL_set_alpn_protos(stream.native_handle(), kProtocols, sizeof kProtocols - 1);
    stream.next_layer().connect({asio::ip::make_address("127.0.0.1"), port});
    stream.handshake(asio::ssl::stream_base::client);
    const unsigned char* chosen = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(stream.native_handle(), &chosen, &size);
    std::string told(as_text({chosen, size}));
    constexpr std::uint8_t kAll = h2::kEndHeaders | h2::kEndStream;
    const std::string asked =
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame_bytes({h2::kSettings, 0, 0, ""}) +
        frame_bytes({h2::kHeaders, kAll, 1, literal_headers(request_list("GET", "/hello"))});
    asio::write(stream, asio::buffer(asked));
    std::string came;
    char space[4096];
    for (boost::system::error_code error; !error;) {
        came.append(space, stream.read_some(asio::buffer(space), error));
        while (came.size() >= 9 && came.size() >= 9 + number_of('\0' + came.substr(0, 3))) {
            const std::size_t length = number_of('\0' + came.substr(0, 3));
            if (came[3] == h2::kData) return told + " " + came.substr(9, length);
            came.erase(0, 9 + length);
        }
    }
    return told + " nothing";
}

}  // namespace hf::http
