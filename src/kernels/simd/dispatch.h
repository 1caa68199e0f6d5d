// Which of the compiled instruction sets the kernels use: by default the best that the processor
// has. Highway's library would tell too; it measures the clock when it is loaded, which takes five
// milliseconds of every start, so that its two functions are here and nothing links with it.
//
// Thread-safety: use_instruction_set() must not run beside kernels; it is for tests.

#pragma once

#include <string_view>
#include <vector>

namespace hf::kernels {

// Those that are compiled and that this processor has, best first: "AVX2", "SSE4".
std::vector<std::string_view> instruction_sets();

// From now on this one; false when it is not among instruction_sets(). Empty: the best.
bool use_instruction_set(std::string_view name);

}  // namespace hf::kernels
