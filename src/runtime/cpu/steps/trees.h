// Numbers of "scalar.trees_f32" that its lowering and its step share. Internal to runtime/cpu.

#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/score_transform.h"
#include "kernels/trees.h"

namespace hf::runtime::cpu {

// What becomes of a row's scores. Values are stable: they are written into plan files.
enum class TreeFinish : std::uint8_t {
    kSum = 0,
    kAverage = 1,
    kSmallest = 2,
    kLargest = 3,
    kClasses = 4,         // the class of the largest score; this and what follows: a classifier
    kOneProbability = 5,  // of two classes only one has a score, which is a probability
    kOneScore = 6         // likewise, and its sign decides
};
inline constexpr int kTreeFinishCount = 7;

// So many rows are scored at a time.
inline constexpr std::size_t kTreeRows = 128;
std::uint64_t tree_scratch_bytes(std::size_t rows, std::size_t targets);

}  // namespace hf::runtime::cpu
