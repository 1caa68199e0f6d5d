// JsonCursor: reads JSON where it lies, in one pass, without a tree. It knows plain documents only:
// strings without escapes, in ASCII. What is not plain, or not JSON (RFC 8259) at all, it cannot
// tell apart and answers false; whoever needs to know reads again with json::parse(). So a caller
// has a quick way for what nearly everybody sends, and one reader that knows everything.
//
// Values are those of json::parse(): a number is the nearest double, and an integer where it is
// written as one and fits.
//
// Not thread-safe. Borrows the text.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace hf {

class JsonCursor final {
public:
    explicit JsonCursor(std::string_view text)
        : at_(text.data()), end_(text.data() + text.size()) {}

    // Skips spaces, then this character; false, and stays before it, when another comes.
    bool take(char wanted) {
        skip_spaces();
        if (at_ == end_ || *at_ != wanted) return false;
        ++at_;
        return true;
    }

    // Whether this character comes next, behind spaces.
    bool sees(char wanted) {
        skip_spaces();
        return at_ != end_ && *at_ == wanted;
    }

    // Spaces, and then nothing.
    bool at_end() {
        skip_spaces();
        return at_ == end_;
    }

    std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }

    // A string, without its quotes. A view into the text.
    bool take_string(std::string_view& text);

    bool take_bool(bool& truth);

    struct Number {
        double value = 0;
        bool negative = false;
        bool integral = false;        // written without fraction and exponent, and |value| < 2^64
        std::uint64_t magnitude = 0;  // of an integral one
    };
    bool take_number(Number& number);

    // One that is integral and not greater than 2^63 - 1.
    bool take_count(std::int64_t& count);

private:
    void skip_spaces() {
        while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
    }
    bool take_word(std::string_view word);

    const char* at_;
    const char* end_;
};

}  // namespace hf
