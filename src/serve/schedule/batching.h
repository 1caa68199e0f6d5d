// Batches: the inputs of several requests as one, and the outputs as each request's own. Rows are
// what lies along the first axis.
//
// Whether a model may be asked so is not declared but tried when it is loaded, since an open first
// extent may as well be a time axis: its rows are apart when random rows come out of a batch as the
// same bits that each of them gives alone.
//
// Pure but for the session that is asked. Copies; the inputs are left as they are.

#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/model.h"
#include "serve/schedule/schedule.h"

namespace hf::serve {

// Inputs of a batch, at most: a model's own memory grows with them.
inline constexpr std::size_t kBatchInputBytes = 8u << 20;

// False as well when it could not be told. Runs the session a few times.
bool rows_are_apart(runtime::Session& session, const runtime::Signature& signature);

// Inputs whose types and extents agree, but for the first extent, are of one kind. Those that do
// not agree on the number of rows are of none. REQUIRES: the signature's rows are apart, and the
// inputs fit it.
Size size_of(std::span<const Tensor> inputs);

// Runs up to kBatchRowsMax rows as the next power of two, filled up with zeros, which come out of
// nothing that is answered: of a model that is planned for each shape anew, so that it is planned
// for few. REQUIRES: the signature's rows are apart.
Result<std::vector<Tensor>> run_padded(runtime::Session& session, std::span<const Tensor> inputs);

// The rows of all, in order. REQUIRES: at least one, all of one kind.
std::vector<Tensor> join_rows(std::span<const std::span<const Tensor>> requests);

// Undoes join_rows() on outputs: `rows` of each request. INTERNAL when they do not add up.
Result<std::vector<std::vector<Tensor>>> split_rows(std::span<const Tensor> outputs,
                                                    std::span<const std::uint64_t> rows);

}  // namespace hf::serve
