// Rows as people send them, in CSV or JSON, as one flat list of cells in the order of a model's
// columns, each what its column wants. Errors name the row and the column.
//
// CSV (csv.h) with or without a header: the first record is one when the media type says
// header=present, or says nothing and all its cells are names of columns. A cell that is one of the
// marks is missing.
//
// JSON: {"rows": [...]} or the array alone; a row is an array in the order of the columns, or an
// object by their names. null, and what an object lacks, is missing.
//
// Pure.

#pragma once

#include <set>
#include <string>

#include "serve/tasks/columns.h"

namespace hf::serve::tasks {

struct RowTable {
    json::Array cells;  // rows times columns
    std::size_t rows = 0;
};

using Marks = std::set<std::string, std::less<>>;

// By the media type; where that tells nothing, JSON begins with a bracket or a brace.
Result<RowTable> read_rows(const Body& body, const Columns& columns, const Marks& missing);

}  // namespace hf::serve::tasks
