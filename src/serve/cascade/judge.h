// What a cascade decides of one answer of its small model: which rows it is sure of, and which the
// larger model is asked about; and how the rows that come back take their places.
//
// A request is judged row by row where its rows are independent for all that can be seen: every
// input and output has the same open first extent in the signature and the same number of rows.
// Otherwise it is one row: unsure as soon as any of its rows is, and asked about whole.
//
// Pure. Values.

#pragma once

#include <span>
#include <string>
#include <vector>

#include "runtime/model.h"
#include "serve/cascade/confidence.h"

namespace hf::serve::cascade {

struct When {
    std::string output;  // of the small model; empty: its first
    Measure measure = Measure::kMaxSoftmax;
    double below = 0;  // a row of less confidence is unsure

    friend bool operator==(const When&, const When&) = default;
};

struct Verdict {
    std::size_t rows = 1;
    bool whole = true;                // the request is one row
    std::vector<std::size_t> unsure;  // the least confident first; equals in order
};

struct Answered {
    const runtime::Signature& signature;
    std::span<const Tensor> inputs;
    std::span<const Tensor> outputs;
};

// INVALID_ARGUMENT when the model has no such output, or it has no such measure.
Result<Verdict> judge(const When& when, const Answered& answered);

// These rows of a tensor, in that order. REQUIRES: rank 1 or more, and each row is there.
Tensor take_rows(const Tensor& tensor, std::span<const std::size_t> rows);

// `tensor` with row rows[i] taken from row i of `from`. INVALID_ARGUMENT when type or shape of
// `from` is not that of so many of its rows.
Result<Tensor> put_rows(const Tensor& tensor, std::span<const std::size_t> rows,
                        const Tensor& from);

}  // namespace hf::serve::cascade
