#include "serve/grpc/wire.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "serve/grpc/gzip.h"

namespace hf::serve::grpc {
namespace {

constexpr Duration kTimeoutMax = std::chrono::hours(24 * 365);  // what is longer counts as this

}  // namespace

Result<Encoding> encoding_of(const http::Headers& headers) {
    const std::string_view name = headers.get("grpc-encoding").value_or("identity");
    if (name == "identity") return Encoding::kIdentity;
    if (name == "gzip") return Encoding::kGzip;
    return unimplemented("grpc-encoding '{}' is not known here; these are: {}", name, kEncodings);
}

Encoding answer_encoding(const http::Headers& headers, Encoding came) {
    const std::string_view taken = headers.get("grpc-accept-encoding").value_or("");
    for (std::string_view name : split(taken, ',')) {
        if (trim(name) == "gzip") return came;
    }
    return Encoding::kIdentity;
}

Result<Bytes> unpack(Message message, Encoding encoding, std::size_t bytes_max) {
    if (!message.compressed) return std::move(message.bytes);
    if (encoding == Encoding::kIdentity) {
        return internal_error(
            "a message is said to be compressed, and grpc-encoding names nothing");
    }
    return gunzip(message.bytes, bytes_max);
}

Bytes pack(ByteView message, Encoding encoding) {
    Bytes packed;
    if (encoding == Encoding::kGzip) {
        packed = gzip(message);
        message = packed;
    }
    return http::grpc::frame(message, encoding == Encoding::kGzip);
}

Result<Duration> timeout_of(const http::Headers& headers) {
    const std::optional<std::string_view> header = headers.get("grpc-timeout");
    if (!header) return Duration::max();
    constexpr std::size_t kDigitsMax = 8;
    const std::string_view digits = header->substr(0, std::max<std::size_t>(header->size(), 1) - 1);
    const bool plain =
        !digits.empty() && digits.size() <= kDigitsMax &&
        std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
    const std::int64_t count = plain ? *parse_int(digits) : 0;
    const auto of = [count](auto unit) {
        return Duration(std::min(decltype(unit)(count), decltype(unit)(kTimeoutMax / unit)));
    };
    switch (plain ? header->back() : '?') {
        case 'H': return of(std::chrono::hours(1));
        case 'M': return of(std::chrono::minutes(1));
        case 'S': return of(std::chrono::seconds(1));
        case 'm': return of(std::chrono::milliseconds(1));
        case 'u': return of(std::chrono::microseconds(1));
        case 'n': return of(std::chrono::nanoseconds(1));
        default: break;
    }
    return invalid_argument("grpc-timeout '{}' is not up to eight digits and a unit, as in 250m",
                            header->substr(0, 32));
}

http::Response trailers_only(const Status& status) {
    http::Response response;
    response.headers.set("Content-Type", "application/grpc");
    response.headers.set("grpc-accept-encoding", std::string(kEncodings));
    add_status(response.headers, status);
    return response;
}

}  // namespace hf::serve::grpc
