// A CSV file as commands take it: --time and --value name the columns.

#pragma once

#include <string>
#include <vector>

#include "base/digest.h"
#include "cli/command.h"
#include "stream/csv.h"

namespace hf::cli {

// The options that every command over a time series shares: --time, --value.
std::vector<Option> series_options();

struct SeriesFile {
    stream::CsvSeries read;
    Digest digest;  // of the whole file
};

// Notes on standard error what was left out, sorted or repeated.
Result<SeriesFile> read_series(World& world, const std::string& path, const Arguments& arguments);

}  // namespace hf::cli
