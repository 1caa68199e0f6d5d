// CSV as RFC 4180 has it: records of cells between commas, ended by CRLF or LF, with quotes around
// cells that hold such or quotes, which are doubled. A byte order mark at the start and empty lines
// are passed over; nothing is trimmed.
//
// Pure. INVALID_ARGUMENT names the line: a quote that is not closed or stands inside of a cell, a
// record with another number of cells than the first. RESOURCE_EXHAUSTED beyond the bounds.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace hf::serve::tasks {

inline constexpr std::size_t kMaxRows = 65'536;
inline constexpr std::size_t kMaxCells = 2u << 20;

struct CsvRecord {
    std::size_t line = 1;  // where it begins, from 1
    std::vector<std::string> cells;
};

Result<std::vector<CsvRecord>> parse_csv(std::string_view text);

}  // namespace hf::serve::tasks
