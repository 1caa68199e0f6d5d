// What the attention step and its lowering share. Internal to runtime/cpu.

#pragma once

#include <cstddef>

namespace hf::runtime::cpu {

// Queries whose scores are held at a time.
inline constexpr std::size_t kQueryBlock = 48;

struct AttentionExtents {
    std::size_t batch = 0, queries = 0, keys = 0, heads = 0;
    std::size_t size = 0;  // of a head
};

// Floats that "simd.attention_f32" works in.
std::size_t attention_scratch(const AttentionExtents& extents);

}  // namespace hf::runtime::cpu
