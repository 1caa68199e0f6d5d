// Whether a model may be computed in bfloat16: compiled both ways, run side by side.

#pragma once

#include "runtime/compile.h"

namespace hf::runtime {

// The model in bf16, or in fp32 where that would change its outputs by more than
// options.max_rounding; the report says which and why. REQUIRES: options.math is kBf16.
Result<std::shared_ptr<const CompiledModel>> compile_in_bf16(graph::Graph graph,
                                                             const CompileOptions& options,
                                                             CompileReport& report);

}  // namespace hf::runtime
