// Plan files: a compiled model on disk, version 2. docs/reference/plan-file.md has the format.
//
// Opening one checks its header, its list of operations and every number in it, and uses packed
// weights straight from the caller's mapping: nothing is parsed into a graph or packed again, and
// the weights are not even read (docs/adr/0013 says why), but for the few that kernels follow. What
// a plan says is believed no more than what a model file says: any byte may be anything, weights
// included, and what is opened stays in its memory. Whether the weights are those that were written
// is what verify_plan tells.
//
// Thread-safety: pure functions; models as in model.h.

#pragma once

#include <memory>

#include "base/bytes.h"
#include "base/status.h"
#include "runtime/compile.h"
#include "runtime/model.h"

namespace hf::runtime {

// Weights start at a multiple, so that a mapping shares whole pages.
inline constexpr std::uint64_t kPlanPageBytes = 4096;

// By the first bytes alone.
bool is_plan(ByteView bytes);

// UNIMPLEMENTED for models of a device without plans: the reference device runs graphs.
Result<Bytes> write_plan(const CompiledModel& model);

// DATA_LOSS when any byte after the header is not as it was written, or the header itself is
// damaged. Reads the whole file: about a third of a second for 100 MB where the processor has no
// instructions for SHA-256. Notices accidents; against those who mean it there are signatures.
Status verify_plan(ByteView bytes);

// Borrows `bytes`, which `owner` keeps alive and nobody writes to meanwhile. DATA_LOSS when they
// are truncated or the header or the list changed,
// UNIMPLEMENTED for another version or a kernel that this build lacks, INVALID_ARGUMENT for numbers
// that do not fit; each names the place. `report` may be null.
//
// kOwn leaves the kernels of oneDNN to our own counterparts, which costs neither its start nor its
// second copy of their weights, and may round sums differently.
enum class PlanKernels : unsigned char { kAsPlanned, kOwn };
Result<std::shared_ptr<const CompiledModel>> open_plan(
    ByteView bytes, std::shared_ptr<const void> owner, CompileReport* report,
    PlanKernels kernels = PlanKernels::kAsPlanned);

}  // namespace hf::runtime
