#include "serve/grpc/wire.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "serve/grpc/gzip.h"

namespace hf::serve::grpc {
namespace {

constexpr std::size_t kPrefixBytes = 5;
constexpr Duration kTimeoutMax = std::chrono::hours(24 * 365);  // what is longer counts as this
constexpr std::size_t kMessageTextMax = 1024;  // clients bound all of the trailers to 8 KiB

std::size_t length_of(const std::uint8_t* prefix) {
    std::size_t length = 0;
    for (std::size_t i = 1; i < kPrefixBytes; ++i) length = length << 8 | prefix[i];
    return length;
}

// At most so many bytes, and no character of UTF-8 in part.
std::string_view shorten(std::string_view text) {
    if (text.size() <= kMessageTextMax) return text;
    std::size_t size = kMessageTextMax;
    while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) --size;
    return text.substr(0, size);
}

std::string percent_encode(std::string_view text) {
    std::string out;
    for (char c : text) {
        if (c >= ' ' && c <= '~' && c != '%') {
            out.push_back(c);
        } else {
            out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
        }
    }
    return out;
}

}  // namespace

void MessageReader::add(ByteView bytes) {
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(at_));
    at_ = 0;
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
}

Result<bool> MessageReader::next(Message& message) {
    if (held() < kPrefixBytes) return false;
    const std::uint8_t* const prefix = buffer_.data() + at_;
    if (prefix[0] > 1) {
        return internal_error("a message begins with byte {}, which must be 0 or 1", prefix[0]);
    }
    const std::size_t length = length_of(prefix);
    if (length > bytes_max_) {
        return resource_exhausted(
            "a message of {} bytes exceeds the limit of {}; send less at a time, or raise the "
            "server's limit",
            length, bytes_max_);
    }
    if (held() - kPrefixBytes < length) return false;
    message.compressed = prefix[0] == 1;
    message.bytes.assign(prefix + kPrefixBytes, prefix + kPrefixBytes + length);
    at_ += kPrefixBytes + length;
    return true;
}

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
    Bytes framed;
    framed.reserve(kPrefixBytes + message.size());
    framed.push_back(encoding == Encoding::kGzip);
    for (int shift = 24; shift >= 0; shift -= 8) {
        framed.push_back(static_cast<std::uint8_t>(message.size() >> shift));
    }
    framed.insert(framed.end(), message.begin(), message.end());
    return framed;
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

bool is_grpc(std::string_view content_type) {
    const std::string type = to_lower(trim(content_type.substr(0, content_type.find(';'))));
    return type == "application/grpc" || type == "application/grpc+proto";
}

void add_status(http::Headers& headers, const Status& status) {
    headers.set("grpc-status", fmt::format("{}", static_cast<int>(status.code())));
    if (!status.ok()) headers.set("grpc-message", percent_encode(shorten(status.message())));
}

http::Response trailers_only(const Status& status) {
    http::Response response;
    response.headers.set("Content-Type", "application/grpc");
    response.headers.set("grpc-accept-encoding", std::string(kEncodings));
    add_status(response.headers, status);
    return response;
}

}  // namespace hf::serve::grpc
