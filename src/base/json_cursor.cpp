#include "base/json_cursor.h"

#include <array>
#include <charconv>
#include <limits>

namespace hf {
namespace {

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

// The digits of a number as they come: so many as 64 bits hold, and how many there were.
struct Digits {
    static constexpr unsigned kMost = 19;

    std::uint64_t value = 0;
    unsigned count = 0;  // without leading zeros
    int scale = 0;       // decimal places after the point

    void add(char digit) {
        if (count > 0 || digit != '0') ++count;
        if (count <= kMost) value = value * 10 + static_cast<std::uint64_t>(digit - '0');
    }
};

// Both factors are exact, so that the product is rounded once: the nearest double (W. D. Clinger,
// How to read floating point numbers accurately, 1990).
bool scale_exactly(const Digits& digits, int exponent, double& value) {
    static constexpr std::array<double, 23> kTens{1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                  1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                                  1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    constexpr std::uint64_t kExact = std::uint64_t{1} << std::numeric_limits<double>::digits;
    const int most = static_cast<int>(kTens.size()) - 1;
    if (digits.count > Digits::kMost || digits.value > kExact) return false;
    if (exponent < -most || exponent > most) return false;
    value = static_cast<double>(digits.value);
    if (exponent < 0) value /= kTens[static_cast<std::size_t>(-exponent)];
    if (exponent > 0) value *= kTens[static_cast<std::size_t>(exponent)];
    return true;
}

// Reads "e-7", if that is what comes. A number whose exponent is longer is not plain.
bool take_exponent(const char*& at, const char* end, int& exponent) {
    if (at == end || (*at != 'e' && *at != 'E')) return true;
    ++at;
    const bool minus = at != end && *at == '-';
    if (at != end && (*at == '-' || *at == '+')) ++at;
    constexpr int kDigitsMost = 4;
    const char* const begin = at;
    while (at != end && is_digit(*at) && at - begin < kDigitsMost) {
        exponent = exponent * 10 + (*at++ - '0');
    }
    if (at == begin || (at != end && is_digit(*at))) return false;
    if (minus) exponent = -exponent;
    return true;
}

}  // namespace

bool JsonCursor::take_string(std::string_view& text) {
    if (!take('"')) return false;
    const char* const begin = at_;
    for (; at_ != end_; ++at_) {
        const auto c = static_cast<unsigned char>(*at_);
        if (c == '"') {
            text = {begin, static_cast<std::size_t>(at_ - begin)};
            ++at_;
            return true;
        }
        if (c < 0x20 || c >= 0x80 || c == '\\') return false;
    }
    return false;
}

bool JsonCursor::take_word(std::string_view word) {
    skip_spaces();
    if (left() < word.size() || std::string_view(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
}

bool JsonCursor::take_bool(bool& truth) {
    truth = sees('t');
    return take_word(truth ? "true" : "false");
}

bool JsonCursor::take_number(Number& number) {
    skip_spaces();
    const char* const begin = at_;
    const char* at = at_;
    number.negative = at != end_ && *at == '-';
    if (number.negative) ++at;
    const char* const first = at;
    Digits digits;
    while (at != end_ && is_digit(*at)) digits.add(*at++);
    if (at == first || (*first == '0' && at - first > 1)) return false;
    bool whole = true;
    if (at != end_ && *at == '.') {
        whole = false;
        const char* const point = at++;
        while (at != end_ && is_digit(*at)) digits.add(*at++);
        digits.scale = static_cast<int>(at - point - 1);
        if (digits.scale == 0) return false;
    }
    int exponent = 0;
    const char* const mantissa_end = at;
    if (!take_exponent(at, end_, exponent)) return false;
    whole = whole && at == mantissa_end;
    number.integral = whole && digits.count <= Digits::kMost;
    number.magnitude = digits.value;
    if (scale_exactly(digits, exponent - digits.scale, number.value)) {
        if (number.negative) number.value = -number.value;
    } else if (std::from_chars(begin, at, number.value).ec != std::errc()) {
        return false;
    }
    at_ = at;
    return true;
}

bool JsonCursor::take_count(std::int64_t& count) {
    Number number;
    if (!take_number(number) || !number.integral || number.negative) return false;
    if (number.magnitude > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
        return false;
    }
    count = static_cast<std::int64_t>(number.magnitude);
    return true;
}

}  // namespace hf
