#include "http/grpc_wire.h"

#include <algorithm>
#include <optional>
#include <string>

#include "base/text.h"

namespace hf::http::grpc {
namespace {

constexpr std::size_t kPrefixBytes = 5;
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

// What is no code stays as it is, as the protocol asks.
std::string percent_decode(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const std::size_t plain = std::min(text.find('%'), text.size());
        out += text.substr(0, plain);
        text.remove_prefix(plain);
        if (text.empty()) break;
        const Result<Bytes> byte = from_hex(text.substr(1, 2));
        const bool is_code = byte.ok() && byte->size() == 1;
        out.push_back(is_code ? static_cast<char>(byte->front()) : '%');
        text.remove_prefix(is_code ? 3 : 1);
    }
    return out;
}

Code code_of_http(int status) {
    switch (status) {
        case 400: return Code::kInternal;
        case 401: return Code::kUnauthenticated;
        case 403: return Code::kPermissionDenied;
        case 404: return Code::kUnimplemented;
        case 429:
        case 502:
        case 503:
        case 504: return Code::kUnavailable;
        default: return Code::kUnknown;
    }
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
            "a message of {} bytes exceeds the limit of {}; less at a time is taken", length,
            bytes_max_);
    }
    if (held() - kPrefixBytes < length) return false;
    message.compressed = prefix[0] == 1;
    message.bytes.assign(prefix + kPrefixBytes, prefix + kPrefixBytes + length);
    at_ += kPrefixBytes + length;
    return true;
}

Bytes frame(ByteView message, bool compressed) {
    Bytes framed;
    framed.reserve(kPrefixBytes + message.size());
    framed.push_back(compressed);
    for (int shift = 24; shift >= 0; shift -= 8) {
        framed.push_back(static_cast<std::uint8_t>(message.size() >> shift));
    }
    framed.insert(framed.end(), message.begin(), message.end());
    return framed;
}

bool is_grpc(std::string_view content_type) {
    const std::string type = to_lower(trim(content_type.substr(0, content_type.find(';'))));
    return type == "application/grpc" || type == "application/grpc+proto";
}

void add_status(Headers& headers, const Status& status) {
    headers.set("grpc-status", fmt::format("{}", static_cast<int>(status.code())));
    if (!status.ok()) headers.set("grpc-message", percent_encode(shorten(status.message())));
}

bool has_status(const Response& response) {
    return response.trailers.get("grpc-status") || response.headers.get("grpc-status");
}

Status status_of(const Response& response) {
    const Headers& told =
        response.trailers.get("grpc-status") ? response.trailers : response.headers;
    const std::optional<std::string_view> number = told.get("grpc-status");
    if (response.status != 200 && !number) {
        return Status(code_of_http(response.status),
                      fmt::format("HTTP status {}, which no gRPC server gives", response.status));
    }
    if (!number) return internal_error("the answer ended without a grpc-status");
    const Result<std::int64_t> code = parse_int(*number);
    if (code.ok() && *code == 0) return {};
    const std::string message = percent_decode(told.get("grpc-message").value_or(""));
    const bool known = code.ok() && *code > 0 && *code <= static_cast<int>(Code::kUnauthenticated);
    return Status(known ? static_cast<Code>(*code) : Code::kUnknown, message);
}

}  // namespace hf::http::grpc
