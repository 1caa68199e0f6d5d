// One column of a CSV file as a time series.
//
// The file is RFC 4180: commas, fields in double quotes where they hold commas, quotes or line
// breaks, lines ending in LF or CRLF, the names of the columns in the first record. A byte order
// mark and empty lines are passed over. Numbers have a decimal point whatever the locale. Times are
// RFC 3339, "2013-12-02 21:15:00" (UTC), or seconds since 1970.
//
// Real logs are untidy, and this says how each kind of untidiness is read: an empty value, "NA",
// "NaN" or "null" is a missing sample and left out; rows are put in order of time; of several
// rows with one time the last in the file counts. The report has the numbers, so that a caller can
// tell the user. Everything else (a value that is no number, a row of the wrong length, an open
// quote, infinity) is INVALID_ARGUMENT with the line and the column.
//
// Thread-safety: a pure function.

#pragma once

#include <cstddef>
#include <string>

#include "base/bytes.h"
#include "base/status.h"
#include "stream/series.h"

namespace hf::stream {

inline constexpr std::size_t kMaxCsvBytes = std::size_t{1} << 30;
inline constexpr std::size_t kMaxCsvColumns = 4096;
inline constexpr std::size_t kMaxCsvFieldBytes = std::size_t{64} << 10;

struct CsvColumns {
    std::string time;
    std::string value;
};

struct CsvSeries {
    Series series;
    std::size_t rows = 0;  // below the header
    std::size_t missing = 0;
    std::size_t out_of_order = 0;  // rows older than one before them
    std::size_t duplicates = 0;    // rows replaced by a later row of the same time

    // "22695 rows; 12 duplicate times, the last counts".
    std::string summary() const;
};

Result<CsvSeries> read_csv(ByteView csv, const CsvColumns& columns);

}  // namespace hf::stream
