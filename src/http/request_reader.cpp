#include "http/request_reader.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "http/framing.h"

namespace hf::http {
namespace {

constexpr std::string_view kLineEnd = "\r\n";
constexpr std::string_view kVersion = "HTTP/1.";
constexpr std::size_t kSmallBody = 64u << 10;

// What may stand in a target: anything but spaces and control characters.
bool is_target(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return static_cast<unsigned char>(c) > 0x20 && c != 0x7f;
    });
}

}  // namespace

void RequestReader::refuse(int status, std::string_view why) {
    if (!refusal_) refusal_ = Response::error(status, why);
}

std::size_t RequestReader::take(ByteView came) {
    std::size_t used = 0;
    while (!done() && !refusal_) {
        const ByteView rest = came.subspan(used);
        if (part_ == Part::kBody || part_ == Part::kChunk) {
            const std::size_t taken = take_body(rest);
            if (taken == 0) break;
            used += taken;
            continue;
        }
        const std::optional<std::string_view> line = line_of(as_text(rest));
        if (!line) break;
        used += line->size() + kLineEnd.size();
        head_bytes_ += line->size() + kLineEnd.size();
        read_line(*line);
    }
    return used;
}

// The line at the front, without its end; nullopt when it is not whole, or one is refused.
std::optional<std::string_view> RequestReader::line_of(std::string_view came) {
    const std::size_t end = came.find('\n', std::min(searched_, came.size()));
    const bool whole = end != std::string_view::npos;
    const std::size_t length = whole ? end + 1 : came.size();
    if (head_bytes_ + length > limits_.header_bytes) {
        if (has_head()) {
            refuse(400, "malformed HTTP request: lines around chunks are too long");
        } else {
            refuse(431, fmt::format("headers exceed {} bytes", limits_.header_bytes));
        }
        return std::nullopt;
    }
    if (!whole) {
        searched_ = came.size();
        check_unfinished(came);
        return std::nullopt;
    }
    searched_ = 0;
    if (end == 0 || came[end - 1] != '\r') {
        refuse(400, "malformed HTTP request: a line does not end in CR LF");
        return std::nullopt;
    }
    return came.substr(0, end - 1);
}

// Who speaks another protocol is told at once, not when a line of theirs ends.
void RequestReader::check_unfinished(std::string_view came) {
    if (part_ != Part::kStart || came.empty() || came == "\r") return;
    const std::string_view method = came.substr(0, came.find(' '));
    if (!is_header_name(method)) refuse(400, "malformed HTTP request: bad method");
}

void RequestReader::read_line(std::string_view line) {
    switch (part_) {
        case Part::kStart:
            // Some clients send an empty line behind the body before (RFC 9112 section 2.2).
            if (!line.empty()) read_start(line);
            return;
        case Part::kHeaders: line.empty() ? end_head() : read_field(line); return;
        case Part::kChunkSize: read_chunk_size(line); return;
        case Part::kChunkEnd:
            if (!line.empty()) return refuse(400, "malformed HTTP request: bad chunk");
            part_ = Part::kChunkSize;
            return;
        case Part::kTrailers:
            if (!is_header_value(line)) return refuse(400, "malformed HTTP request: bad trailer");
            if (line.empty()) part_ = Part::kDone;
            return;
        case Part::kBody:
        case Part::kChunk:
        case Part::kDone: return;
    }
}

void RequestReader::read_start(std::string_view line) {
    const std::size_t first = line.find(' ');
    const std::size_t last = line.rfind(' ');
    if (first == std::string_view::npos || first == last) {
        return refuse(400, "malformed HTTP request: the first line is not METHOD TARGET VERSION");
    }
    const std::string_view method = line.substr(0, first);
    const std::string_view target = line.substr(first + 1, last - first - 1);
    const std::string_view version = line.substr(last + 1);
    if (!is_header_name(method)) return refuse(400, "malformed HTTP request: bad method");
    if (!is_target(target)) return refuse(400, "malformed HTTP request: bad target");
    const bool known = version.size() == kVersion.size() + 1 && version.starts_with(kVersion) &&
                       (version.back() == '0' || version.back() == '1');
    if (!known) return refuse(400, "malformed HTTP request: bad version; 1.1 and 1.0 are known");
    minor_ = version.back() == '1' ? 1 : 0;
    request_.method = method;
    request_.target = target;
    part_ = Part::kHeaders;
}

void RequestReader::read_field(std::string_view line) {
    const std::size_t colon = line.find(':');
    const std::string_view name = line.substr(0, colon);
    if (colon == std::string_view::npos || !is_header_name(name)) {
        return refuse(400, "malformed HTTP request: bad field");
    }
    std::string_view value = line.substr(colon + 1);
    while (value.starts_with(' ') || value.starts_with('\t')) value.remove_prefix(1);
    while (value.ends_with(' ') || value.ends_with('\t')) value.remove_suffix(1);
    if (!is_header_value(value)) return refuse(400, "malformed HTTP request: bad value");
    // By the length first: most names are none of these.
    switch (name.size()) {
        case 4: hosts_ += same_word(name, "host"); break;
        case 6:
            if (same_word(name, "expect")) expects_continue_ = same_word(value, "100-continue");
            break;
        case 10:
            if (!same_word(name, "connection")) break;
            for (const std::string_view word : split(value, ',')) {
                says_close_ = says_close_ || same_word(trim(word), "close");
                says_keep_alive_ = says_keep_alive_ || same_word(trim(word), "keep-alive");
            }
            break;
        case 14:
            if (same_word(name, "content-length")) read_length(value);
            break;
        case 17:
            if (!same_word(name, "transfer-encoding")) break;
            ++codings_;
            chunked_ = same_word(value, "chunked");
            break;
        default: break;
    }
    request_.headers.add(std::string(name), std::string(value));
}

void RequestReader::read_length(std::string_view value) {
    std::uint64_t length = 0;
    const auto read = std::from_chars(value.data(), value.data() + value.size(), length);
    const bool whole = read.ec == std::errc() && read.ptr == value.data() + value.size();
    if (!whole || length_) return refuse(400, "malformed HTTP request: bad Content-Length");
    length_ = length;
}

void RequestReader::end_head() {
    if (hosts_ > 1 || (hosts_ == 0 && is_modern())) {
        return refuse(400, fmt::format("{} Host headers; want exactly one", hosts_));
    }
    if (codings_ > 0 && (!is_modern() || length_)) {
        return refuse(400,
                      "Transfer-Encoding with Content-Length or HTTP/1.0: where the request ends "
                      "is ambiguous");
    }
    if (codings_ > 1 || (codings_ == 1 && !chunked_)) {
        return refuse(400, "the only Transfer-Encoding known here is chunked, once");
    }
    expects_continue_ = expects_continue_ && is_modern();
    keep_alive_ = is_modern() ? !says_close_ : says_keep_alive_ && !says_close_;
    if (chunked_) {
        head_bytes_ = 1;  // of the lines around chunks from now on
        part_ = Part::kChunkSize;
        return;
    }
    left_ = length_.value_or(0);
    if (left_ > limits_.body_bytes) return refuse(413, body_limit_text(limits_));
    part_ = left_ > 0 ? Part::kBody : Part::kDone;
}

// A size in hex; what follows ";" is ignored.
void RequestReader::read_chunk_size(std::string_view line) {
    std::string_view digits = line.substr(0, line.find(';'));
    while (digits.ends_with(' ') || digits.ends_with('\t')) digits.remove_suffix(1);
    std::uint64_t size = 0;
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), size, 16);
    const bool whole = read.ec == std::errc() && read.ptr == digits.data() + digits.size();
    if (!whole || !is_header_value(line)) {
        return refuse(400, "malformed HTTP request: bad chunk");
    }
    if (size > limits_.body_bytes - request_.body.size()) {
        return refuse(413, body_limit_text(limits_));
    }
    left_ = size;
    part_ = size > 0 ? Part::kChunk : Part::kTrailers;
    // Each chunk may have a line as long as a head; an endless one, or endless trailers, may not.
    head_bytes_ = 1;
}

std::size_t RequestReader::take_body(ByteView came) {
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(left_, came.size()));
    request_.body.insert(request_.body.end(), came.begin(),
                         came.begin() + static_cast<std::ptrdiff_t>(count));
    left_ -= count;
    if (left_ == 0) part_ = part_ == Part::kBody ? Part::kDone : Part::kChunkEnd;
    return count;
}

std::span<std::uint8_t> RequestReader::body_space() {
    filled_ = request_.body.size();
    if (part_ != Part::kBody || filled_ < kSmallBody) return {};
    request_.body.resize(filled_ +
                         static_cast<std::size_t>(std::min<std::uint64_t>(left_, filled_)));
    return std::span(request_.body).subspan(filled_);
}

void RequestReader::body_came(std::size_t count) {
    request_.body.resize(filled_ + count);
    left_ -= count;
    if (left_ == 0) part_ = Part::kDone;
}

}  // namespace hf::http
