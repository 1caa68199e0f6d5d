// Which of the compiled instruction sets the kernels use: by default the best that the processor
// has. Highway's library would tell too; it measures the clock when it is loaded, which takes five
// milliseconds of every start, so that its two functions are here and nothing links with it.
//
// Thread-safety: use_instruction_set() must not run beside kernels; it is for tests.

#pragma once

#include <string_view>
#include <vector>

namespace hf::kernels {

// Those that are compiled and that this processor has, best first: "AVX3_AMX", "AVX3_BF16",
// "AVX3_VNNI", "AVX3", "AVX2", "SSE4". AVX3 is Highway's name for AVX-512 F, BW, CD, DQ and VL.
std::vector<std::string_view> instruction_sets();

// From now on this one; false when it is not among instruction_sets(). Empty: the best.
bool use_instruction_set(std::string_view name);

// Whether it is AVX3.
bool has_avx3();

// Whether AVX3 code may use the dot product of bytes (AVX-512 VNNI).
bool has_dot_product();

// Whether AVX3 code may use the pairs of AVX-512 BF16.
bool has_bf16_pairs();

// Whether AVX3 code may use AMX's tiles of bfloat16 and of bytes. The first call asks Linux
// for them, which grants them to the whole process and makes each of its signal frames 8 KiB
// larger.
bool has_tiles();

}  // namespace hf::kernels
