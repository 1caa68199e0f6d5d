// Small text helpers that the standard library lacks. Pure functions; ASCII rules, whatever the
// locale.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace hf {

// Splits at every separator; "a,,b" gives three parts, "" gives one empty part.
std::vector<std::string_view> split(std::string_view text, char separator);

std::string join(const std::vector<std::string>& parts, std::string_view separator);

std::string_view trim(std::string_view text);  // spaces, tabs, CR, LF at both ends

std::string to_lower(std::string_view text);

// Whole text, base ten; INVALID_ARGUMENT otherwise (overflow included).
Result<std::int64_t> parse_int(std::string_view text);
Result<double> parse_double(std::string_view text);

// "1.5 MiB", "312 B".
std::string format_bytes(std::uint64_t bytes);

// The candidate nearest to `word` by edit distance, or empty when none is near: for "did you mean".
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

// What to say after "there is no pass 'fold-constant'": ", did you mean 'fold-constants'?"; or,
// where none is near, "; the passes are ..." with `plural` in the place of "passes".
std::string suggestion(std::string_view word, const std::vector<std::string>& candidates,
                       std::string_view plural);

// Whether text is well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms).
bool is_utf8(std::string_view text);

}  // namespace hf
