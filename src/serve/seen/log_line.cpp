#include "serve/seen/log_line.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "base/text.h"

namespace hf::serve::seen {
namespace {

constexpr char32_t kReplacement = 0xfffd;

// Takes one character from the front of `text`; a byte that begins none is taken alone.
// REQUIRES: text is not empty.
char32_t take_character(std::string_view& text) {
    const auto first = static_cast<unsigned char>(text[0]);
    const std::size_t size = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (size > text.size() || !is_utf8(text.substr(0, size))) {
        text.remove_prefix(1);
        return kReplacement;
    }
    char32_t character = size == 1 ? first : first & (0xffu >> (size + 1));
    for (std::size_t i = 1; i < size; ++i) {
        character = character << 6 | (static_cast<unsigned char>(text[i]) & 0x3fu);
    }
    text.remove_prefix(size);
    return character;
}

void append_escaped(std::string& out, char32_t character) {
    const auto unit = [&out](std::uint32_t value) {
        fmt::format_to(std::back_inserter(out), "\\u{:04x}", value);
    };
    if (character == '"' || character == '\\') {
        out += '\\';
        out += static_cast<char>(character);
    } else if (character >= 0x20 && character < 0x7f) {
        out += static_cast<char>(character);
    } else if (character < 0x10000) {
        unit(character);
    } else {
        unit(0xd800 + ((character - 0x10000) >> 10));
        unit(0xdc00 + ((character - 0x10000) & 0x3ff));
    }
}

class Writer final {
public:
    void text(std::string_view key, std::string_view value) {
        if (!value.empty()) raw(key, quote(value));
    }
    template <typename Number>
    void number(std::string_view key, Number value) {
        raw(key, fmt::format("{}", value));
    }
    void microseconds(std::string_view key, Duration value) {
        number(key, std::chrono::duration_cast<std::chrono::microseconds>(value).count());
    }
    std::string take() { return std::move(out_) + "}\n"; }

private:
    void raw(std::string_view key, std::string_view value) {
        out_.append(out_.empty() ? "{\"" : ",\"").append(key).append("\":").append(value);
    }

    std::string out_;
};

}  // namespace

std::string quote(std::string_view text) {
    const bool cut = text.size() > kLogTextMax;
    text = text.substr(0, kLogTextMax);
    std::string out = "\"";
    while (!text.empty()) append_escaped(out, take_character(text));
    return out.append(cut ? "...\"" : "\"");
}

std::string write_log_line(const LogLine& line) {
    Writer to;
    to.text("time", format_rfc3339_micros(line.time));
    to.text("method", line.method);
    to.text("path", line.path);
    to.text("protocol", line.protocol);
    to.number("status", line.status);
    to.text("grpc_status", line.grpc_status);
    to.number("bytes_in", line.bytes_in);
    if (line.bytes_out) to.number("bytes_out", *line.bytes_out);
    to.microseconds("duration_us", line.duration);
    to.microseconds("queue_us", line.queue);
    if (line.compute) to.microseconds("compute_us", *line.compute);
    to.text("model", line.model);
    to.text("version", line.version);
    if (line.inferences > 1) to.number("inferences", line.inferences);
    to.text("caller", line.caller);
    to.text("peer", line.peer);
    to.text("trace_id", line.trace_id);
    to.text("receipt", line.receipt);
    to.text("node", line.node);
    return to.take();
}

}  // namespace hf::serve::seen
