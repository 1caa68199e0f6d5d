// The small programs that a plan is put behind, as they lie beside this one.

#pragma once

#include <string_view>

#include "base/bytes.h"
#include "cli/world.h"
#include "runtime/model.h"

namespace hf::cli {

// `holdfast-micro` when its kernels suffice, else `holdfast-run`. NOT_FOUND says where it was
// looked for, and that --runner names another.
Result<Bytes> read_runner(World& world, const runtime::CompiledModel& model);

inline constexpr std::uint64_t kMaxRunnerBytes = std::uint64_t{256} << 20;

}  // namespace hf::cli
