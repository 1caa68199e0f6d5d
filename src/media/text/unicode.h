// Unicode as tokenizers need it: code points, categories, normal forms. By utf8proc, which shows in
// no other file.
//
// Pure. REQUIRES of every text: UTF-8.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace hf::media::text {

std::u32string to_points(std::string_view text);
std::string to_utf8(std::u32string_view points);
void append_utf8(std::string& text, char32_t point);

bool is_letter(char32_t point);       // \p{L}
bool is_number(char32_t point);       // \p{N}
bool is_punctuation(char32_t point);  // \p{P}
bool is_space(char32_t point);        // White_Space
bool is_other(char32_t point);        // \p{C}: control, format, private, not assigned
bool is_mark(char32_t point);         // \p{M}
bool is_accent(char32_t point);       // \p{Mn}: marks that take no place

enum class Form : unsigned char { kNfc, kNfd, kNfkc, kNfkd };
std::u32string normalized(std::u32string_view points, Form form);

// Where graphemes end (UAX #29, extended): asked of every two neighbours of a text, in order.
class GraphemeBreaks final {
public:
    bool between(char32_t before, char32_t after);

private:
    std::int32_t state_ = 0;
};

// Each point by itself, wherever it stands; one may become two.
std::u32string lower(std::u32string_view points);

}  // namespace hf::media::text
