// Plan files: a compiled model on disk, version 1. docs/reference/plan-file.md has the format.
//
// Opening one maps it, checks its digests, its list of operations and every number in it, and uses
// packed weights straight from the mapping: nothing is parsed into a graph or packed again. What a
// plan says is believed no more than what a model file says: any byte may be anything.
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

// Borrows `bytes`, which `owner` keeps alive. DATA_LOSS when they are truncated or changed,
// UNIMPLEMENTED for another version or a kernel that this build lacks, INVALID_ARGUMENT for numbers
// that do not fit; each names the place. `report` may be null.
Result<std::shared_ptr<const CompiledModel>> open_plan(ByteView bytes,
                                                       std::shared_ptr<const void> owner,
                                                       CompileReport* report);

}  // namespace hf::runtime
