// Steps that oneDNN runs, on the operands of our own kernels of the same name (docs/adr/0009).
// Internal to runtime/cpu.

#pragma once

#include "runtime/cpu/plan.h"
#include "runtime/onednn/primitive.h"

namespace hf::runtime::cpu {

// REQUIRES for each: the kernel's `make` took the operation. UNIMPLEMENTED says why the library
// does not do it.
Result<onednn::Choice> choose_conv_f32(const Operation& operation);

// `weights` are the plan's; they are read while the step is made, biases also while it runs.
// RESOURCE_EXHAUSTED when the library of this machine wants more scratch than the plan has: it was
// compiled beside another.
Result<StepPtr> make_library_step(const Operation& operation, const std::uint8_t* weights);

}  // namespace hf::runtime::cpu
