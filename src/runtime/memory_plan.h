// Where tensors lie in one arena when it is known in advance how long each lives: blocks whose
// lives overlap get ranges that do not.
//
// The largest block is placed first, each into the smallest gap between the ranges that are already
// taken during its life (best fit); ties go to the lower offset, so the result depends on nothing
// but the blocks. This is the greedy-by-size planning of Pisarchyk and Lee, "Efficient Memory
// Management for Deep Neural Net Inference", 2020: not always the optimum, which is hard to find.
//
// A pure function. Cannot fail; sizes are bounded by kMaxArenaBytes at the caller.

#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace hf::runtime {

// Every offset is a multiple: whole cache lines, whole vectors.
inline constexpr std::uint64_t kArenaAlignment = 64;

struct MemoryBlock {
    std::uint64_t size_bytes = 0;
    std::uint32_t first = 0;  // the step that writes it
    std::uint32_t last = 0;   // the last step that reads it: not before `first`
};

struct MemoryPlan {
    std::vector<std::uint64_t> offsets;  // of each block
    std::uint64_t total_bytes = 0;
};

MemoryPlan plan_memory(std::span<const MemoryBlock> blocks);

}  // namespace hf::runtime
