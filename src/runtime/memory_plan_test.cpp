#include "runtime/memory_plan.h"

#include <algorithm>
#include <numeric>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "testing/script.h"

namespace hf::runtime {
namespace {

std::uint64_t rounded(std::uint64_t bytes) {
    return (bytes + kArenaAlignment - 1) / kArenaAlignment * kArenaAlignment;
}

bool live_together(const MemoryBlock& a, const MemoryBlock& b) {
    return a.first <= b.last && b.first <= a.last;
}

std::vector<MemoryBlock> random_blocks(Rng& rng, std::size_t count) {
    std::vector<MemoryBlock> blocks(count);
    for (MemoryBlock& block : blocks) {
        block.size_bytes = rng.below(8) * 64 + rng.below(64);
        block.first = static_cast<std::uint32_t>(rng.below(10));
        block.last = block.first + static_cast<std::uint32_t>(rng.below(5));
    }
    return blocks;
}

// The most bytes that are alive at one step: no plan can be smaller.
std::uint64_t live_bytes_max(const std::vector<MemoryBlock>& blocks) {
    std::uint64_t most = 0;
    for (std::uint32_t step = 0; step < 16; ++step) {
        std::uint64_t live = 0;
        for (const MemoryBlock& block : blocks) {
            if (block.first <= step && step <= block.last) live += rounded(block.size_bytes);
        }
        most = std::max(most, live);
    }
    return most;
}

// Every order of placing each block as low as it goes; one of them is optimal.
std::uint64_t optimum(const std::vector<MemoryBlock>& blocks) {
    std::vector<std::size_t> order(blocks.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::uint64_t best = ~std::uint64_t{0};
    do {
        std::vector<std::uint64_t> offsets(blocks.size());
        std::uint64_t total = 0;
        for (std::size_t i = 0; i < order.size(); ++i) {
            const MemoryBlock& block = blocks[order[i]];
            std::uint64_t at = 0;
            for (bool moved = true; moved;) {
                moved = false;
                for (std::size_t j = 0; j < i; ++j) {
                    const MemoryBlock& other = blocks[order[j]];
                    const std::uint64_t begin = offsets[order[j]];
                    if (live_together(block, other) && at < begin + rounded(other.size_bytes) &&
                        begin < at + rounded(block.size_bytes)) {
                        at = begin + rounded(other.size_bytes);
                        moved = true;
                    }
                }
            }
            offsets[order[i]] = at;
            total = std::max(total, at + rounded(block.size_bytes));
        }
        best = std::min(best, total);
    } while (std::next_permutation(order.begin(), order.end()));
    return best;
}

TEST(MemoryPlan, BlocksThatLiveTogetherNeverOverlap) {
    Rng rng(testing::seed());
    for (int round = 0; round < 500; ++round) {
        const std::vector<MemoryBlock> blocks = random_blocks(rng, rng.below(30));
        const MemoryPlan plan = plan_memory(blocks);
        ASSERT_EQ(plan.offsets.size(), blocks.size());
        for (std::size_t a = 0; a < blocks.size(); ++a) {
            ASSERT_EQ(plan.offsets[a] % kArenaAlignment, 0u);
            ASSERT_LE(plan.offsets[a] + blocks[a].size_bytes, plan.total_bytes);
            for (std::size_t b = 0; b < a; ++b) {
                if (!live_together(blocks[a], blocks[b])) continue;
                ASSERT_TRUE(plan.offsets[a] + blocks[a].size_bytes <= plan.offsets[b] ||
                            plan.offsets[b] + blocks[b].size_bytes <= plan.offsets[a])
                    << "round " << round << ": blocks " << a << " and " << b;
            }
        }
        ASSERT_GE(plan.total_bytes, live_bytes_max(blocks));
    }
}

TEST(MemoryPlan, IsCloseToTheOptimumOnSmallCases) {
    Rng rng(testing::seed());
    std::uint64_t planned = 0, best = 0;
    for (int round = 0; round < 100; ++round) {
        const std::vector<MemoryBlock> blocks = random_blocks(rng, 6);
        const std::uint64_t least = optimum(blocks);
        ASSERT_GE(plan_memory(blocks).total_bytes, least);
        planned += plan_memory(blocks).total_bytes;
        best += least;
    }
    EXPECT_LE(planned, best * 105 / 100) << "more than 5 % above the optimum on average";
}

TEST(MemoryPlan, AChainNeedsTwoBuffers) {
    const std::vector<MemoryBlock> chain{{640, 0, 1}, {640, 1, 2}, {640, 2, 3}, {640, 3, 4}};
    EXPECT_EQ(plan_memory(chain).total_bytes, 1280u);
    EXPECT_EQ(plan_memory({}).total_bytes, 0u);
}

}  // namespace
}  // namespace hf::runtime
