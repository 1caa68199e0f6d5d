// The list of a plan file: signature, kernels, operations and the nodes of reference ones, as bytes
// and back. docs/reference/plan-file.md has the grammar.
//
// Pure. Decoding checks lengths, counts and enumerations; what the numbers mean is checked by
// make_steps.

#pragma once

#include "base/bytes.h"
#include "base/status.h"
#include "runtime/cpu/plan.h"

namespace hf::runtime::cpu {

// UNIMPLEMENTED for a reference node with a subgraph.
Result<Bytes> encode_list(const Plan& plan);

// Fills signature and operations. DATA_LOSS at a truncation, INVALID_ARGUMENT elsewhere, with the
// offset or the operation's name.
Status decode_list(ByteView bytes, Plan& plan);

}  // namespace hf::runtime::cpu
