// A model that is a program: a runner (src/runner) with a plan behind its end. Started, it finds
// its own tail and runs the plan.
//
//     executable = runner, zeros up to a multiple of kPlanPageBytes, plan, tail
//     tail       = u64 where the plan starts, u64 its bytes, "HFSELF" FF 0A
//
// A signature over the file covers both; holdfast's own are by the file as a whole.
//
// Pure. Thread-safe.

#pragma once

#include <string_view>

#include "base/bytes.h"
#include "base/status.h"
#include "runtime/model.h"

namespace hf::runtime {

Bytes make_executable(ByteView runner, ByteView plan);

// Views into `file`. NOT_FOUND when it ends in no tail, DATA_LOSS when what the tail says does not
// fit.
Result<ByteView> plan_within(ByteView file);

// Every kernel is among those of the smallest runner, `holdfast-micro`: int8 networks of
// convolutions, dense layers, pooling, sums and softmax.
bool fits_micro(const CompiledModel& model);

}  // namespace hf::runtime
