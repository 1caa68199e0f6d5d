#include "runtime/memory_plan.h"

#include <algorithm>
#include <numeric>

namespace hf::runtime {
namespace {

struct Range {
    std::uint64_t begin, end;
};

std::uint64_t rounded(std::uint64_t bytes) {
    return (bytes + kArenaAlignment - 1) / kArenaAlignment * kArenaAlignment;
}

// The start of the smallest gap of at least `size` between ranges sorted by begin.
std::uint64_t best_gap(std::span<const Range> taken, std::uint64_t size) {
    std::uint64_t best = 0, best_size = 0, end = 0;
    bool found = false;
    for (const Range& range : taken) {
        if (range.begin >= end + size) {
            const std::uint64_t gap = range.begin - end;
            if (!found || gap < best_size) {
                found = true;
                best = end;
                best_size = gap;
            }
        }
        end = std::max(end, range.end);
    }
    return found ? best : end;
}

}  // namespace

MemoryPlan plan_memory(std::span<const MemoryBlock> blocks) {
    std::vector<std::size_t> order(blocks.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        return blocks[a].size_bytes > blocks[b].size_bytes;
    });
    MemoryPlan plan;
    plan.offsets.assign(blocks.size(), 0);
    std::vector<std::size_t> placed;
    std::vector<Range> taken;
    for (const std::size_t index : order) {
        const MemoryBlock& block = blocks[index];
        if (block.size_bytes == 0) continue;
        taken.clear();
        for (const std::size_t other : placed) {
            if (blocks[other].last < block.first || block.last < blocks[other].first) continue;
            const std::uint64_t begin = plan.offsets[other];
            taken.push_back({begin, begin + rounded(blocks[other].size_bytes)});
        }
        std::sort(taken.begin(), taken.end(),
                  [](const Range& a, const Range& b) { return a.begin < b.begin; });
        plan.offsets[index] = best_gap(taken, rounded(block.size_bytes));
        plan.total_bytes =
            std::max(plan.total_bytes, plan.offsets[index] + rounded(block.size_bytes));
        placed.push_back(index);
    }
    return plan;
}

}  // namespace hf::runtime
