#include "runtime/ref/ops/letter_case.h"

#include <array>
#include <cstdint>

namespace hf::runtime::ref {
namespace {

// Every `step`-th from `first` to `last` is an upper-case letter; its lower case is `shift`
// further.
struct Range {
    std::int32_t first, last, step, shift;
};

constexpr std::array kRanges{
    // Latin.
    Range{0x41, 0x5A, 1, 32},
    Range{0xC0, 0xD6, 1, 32},
    Range{0xD8, 0xDE, 1, 32},
    Range{0x100, 0x12E, 2, 1},
    Range{0x132, 0x136, 2, 1},
    Range{0x139, 0x147, 2, 1},
    Range{0x14A, 0x176, 2, 1},
    Range{0x178, 0x178, 1, -121},
    Range{0x179, 0x17D, 2, 1},
    Range{0x1A0, 0x1A4, 2, 1},
    Range{0x1AF, 0x1AF, 1, 1},
    Range{0x1CD, 0x1DB, 2, 1},
    Range{0x1DE, 0x1EE, 2, 1},
    Range{0x1F8, 0x21E, 2, 1},
    Range{0x222, 0x232, 2, 1},
    Range{0x1E00, 0x1E94, 2, 1},
    Range{0x1EA0, 0x1EFE, 2, 1},
    // Greek.
    Range{0x370, 0x372, 2, 1},
    Range{0x376, 0x376, 1, 1},
    Range{0x386, 0x386, 1, 38},
    Range{0x388, 0x38A, 1, 37},
    Range{0x38C, 0x38C, 1, 64},
    Range{0x38E, 0x38F, 1, 63},
    Range{0x391, 0x3A1, 1, 32},
    Range{0x3A3, 0x3AB, 1, 32},
    Range{0x3D8, 0x3EE, 2, 1},
    // Cyrillic.
    Range{0x400, 0x40F, 1, 80},
    Range{0x410, 0x42F, 1, 32},
    Range{0x460, 0x480, 2, 1},
    Range{0x48A, 0x4BE, 2, 1},
    Range{0x4C0, 0x4C0, 1, 15},
    Range{0x4C1, 0x4CD, 2, 1},
    Range{0x4D0, 0x52E, 2, 1},
    // Armenian.
    Range{0x531, 0x556, 1, 48},
};

// Letters that change in one direction only.
struct Single {
    std::int32_t from, to;
};
constexpr std::array kOnlyUpper{Single{0xB5, 0x39C}, Single{0x131, 0x49}, Single{0x17F, 0x53},
                                Single{0x3C2, 0x3A3}};
constexpr std::array kOnlyLower{Single{0x130, 0x69}, Single{0x1E9E, 0xDF}};

bool holds(const Range& range, std::int32_t letter) {
    return letter >= range.first && letter <= range.last &&
           (letter - range.first) % range.step == 0;
}

std::int32_t to_lower(std::int32_t letter) {
    for (const Single& single : kOnlyLower) {
        if (single.from == letter) return single.to;
    }
    for (const Range& range : kRanges) {
        if (holds(range, letter)) return letter + range.shift;
    }
    return letter;
}

std::int32_t to_upper(std::int32_t letter) {
    for (const Single& single : kOnlyUpper) {
        if (single.from == letter) return single.to;
    }
    for (const Range& range : kRanges) {
        if (holds(range, letter - range.shift)) return letter - range.shift;
    }
    return letter;
}

// How many bytes the letter that starts with this byte has.
std::size_t length_of(std::uint8_t lead) {
    return lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

std::int32_t decode(std::string_view bytes) {
    const auto lead = static_cast<std::uint8_t>(bytes[0]);
    if (bytes.size() == 1) return lead;
    std::int32_t letter = lead & (0x7F >> bytes.size());
    for (char byte : bytes.substr(1)) letter = letter << 6 | (static_cast<std::uint8_t>(byte) & 63);
    return letter;
}

// Letters that change lie below 0x10000.
void append(std::string& text, std::int32_t letter) {
    const auto byte = [](std::int32_t bits) { return static_cast<char>(bits); };
    if (letter < 0x80) {
        text += byte(letter);
    } else if (letter < 0x800) {
        text += byte(0xC0 | letter >> 6);
        text += byte(0x80 | (letter & 63));
    } else {
        text += byte(0xE0 | letter >> 12);
        text += byte(0x80 | (letter >> 6 & 63));
        text += byte(0x80 | (letter & 63));
    }
}

}  // namespace

std::string in_case(std::string_view text, LetterCase wanted) {
    std::string result;
    result.reserve(text.size());
    while (!text.empty()) {
        const std::string_view bytes =
            text.substr(0, length_of(static_cast<std::uint8_t>(text[0])));
        text.remove_prefix(bytes.size());
        const std::int32_t letter = decode(bytes);
        const std::int32_t changed =
            wanted == LetterCase::kLower ? to_lower(letter) : to_upper(letter);
        if (changed == letter) {
            result += bytes;
        } else {
            append(result, changed);
        }
    }
    return result;
}

}  // namespace hf::runtime::ref
