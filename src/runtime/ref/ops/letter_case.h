// Upper and lower case, letter by letter (Unicode's simple mappings), the same on every machine: no
// locale is asked. Covers ASCII, Latin with the letters of Europe and Vietnam, Greek, Cyrillic and
// Armenian; other letters stay as they are. Pure.

#pragma once

#include <string>
#include <string_view>

namespace hf::runtime::ref {

enum class LetterCase : unsigned char { kLower, kUpper };

// REQUIRES: is_utf8(text).
std::string in_case(std::string_view text, LetterCase wanted);

}  // namespace hf::runtime::ref
