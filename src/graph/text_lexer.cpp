#include "graph/text_lexer.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/text.h"
#include "graph/text_words.h"

namespace hf::graph {

void Lexer::skip_space() {
    while (at_ < text_.size()) {
        const char c = text_[at_];
        if (c == '#') {
            at_ = std::min(text_.find('\n', at_), text_.size());
        } else if (c == ' ' || c == '\n' || c == '\t' || c == '\r') {
            ++at_;
        } else {
            return;
        }
    }
}

bool Lexer::at_end() {
    skip_space();
    return at_ == text_.size();
}

char Lexer::peek() {
    return at_end() ? '\0' : text_[at_];
}

bool Lexer::accept(std::string_view mark) {
    skip_space();
    if (!text_.substr(at_).starts_with(mark)) return false;
    at_ += mark.size();
    return true;
}

bool Lexer::accept_word(std::string_view keyword) {
    skip_space();
    const std::string_view rest = text_.substr(at_);
    if (!rest.starts_with(keyword)) return false;
    if (rest.size() > keyword.size() && is_word_char(rest[keyword.size()])) return false;
    at_ += keyword.size();
    return true;
}

Status Lexer::expect(std::string_view mark) {
    return accept(mark) ? Status() : error(fmt::format("'{}'", mark));
}

Result<std::string> Lexer::word() {
    if (peek() == '"') return string();
    const std::size_t start = at_;
    while (at_ < text_.size() && is_word_char(text_[at_])) ++at_;
    if (at_ == start) return error("a name");
    return std::string(text_.substr(start, at_ - start));
}

Result<std::string> Lexer::string() {
    if (!accept("\"")) return error("a string");
    std::string out;
    while (at_ < text_.size() && text_[at_] != '"') {
        char c = text_[at_++];
        if (c == '\\' && at_ < text_.size()) {
            c = text_[at_++];
            if (c == 'n') c = '\n';
            if (c == 'x') {
                const Bytes byte = HF_TRY(from_hex(text_.substr(at_, 2)).context("an escape"));
                if (byte.size() != 1) return error("two hexadecimal digits");
                at_ += 2;
                c = static_cast<char>(byte[0]);
            }
        }
        out += c;
    }
    HF_TRY(expect("\""));
    return out;
}

Result<std::string_view> Lexer::number() {
    skip_space();
    const std::size_t start = at_;
    while (at_ < text_.size() && (is_word_char(text_[at_]) || text_[at_] == '+')) ++at_;
    if (at_ == start) return error("a number");
    return text_.substr(start, at_ - start);
}

Result<std::int64_t> Lexer::integer() {
    const std::size_t start = at_;
    const Result<std::int64_t> value = parse_int(HF_TRY(number()));
    if (value.ok()) return value;
    at_ = start;
    return error("an integer");
}

Result<std::string_view> Lexer::until(char mark) {
    skip_space();
    const std::size_t end = text_.find(mark, at_);
    if (end == std::string_view::npos) return error(fmt::format("'{}'", mark));
    const std::string_view inside = text_.substr(at_, end - at_);
    at_ = end + 1;
    return inside;
}

Status Lexer::error(std::string_view want) {
    skip_space();
    const std::string_view rest = text_.substr(at_, 20);
    return invalid_argument("want {}, got '{}'", want, rest.substr(0, rest.find('\n')));
}

std::size_t Lexer::line() {
    skip_space();
    for (; counted_ < at_; ++counted_) line_ += text_[counted_] == '\n';
    return line_;
}

}  // namespace hf::graph
