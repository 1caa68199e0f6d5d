#include "serve/response_cache.h"

#include <gtest/gtest.h>

namespace hf::serve {
namespace {

Digest key(std::uint8_t number) {
    std::array<std::uint8_t, Digest::kSize> bytes{};
    bytes[0] = number;
    return Digest(bytes);
}

ResponseCache::Outputs answer(float value, std::int64_t size = 1) {
    Tensor tensor(DType::kF32, Shape{size});
    for (float& each : tensor.mutable_values<float>()) each = value;
    return std::make_shared<const std::vector<Tensor>>(1, std::move(tensor));
}

float value_of(const ResponseCache::Outputs& outputs) {
    return outputs ? outputs->front().values<float>()[0] : -1;
}

// What is there; null, and nobody computes it, where nothing is.
ResponseCache::Outputs find(ResponseCache& cache, const Digest& key) {
    const ResponseCache::Seen seen = cache.look(key, nullptr);
    if (seen.look == ResponseCache::Look::kLead) cache.land(key, nullptr);
    return seen.outputs;
}

void put(ResponseCache& cache, const Digest& key, ResponseCache::Outputs outputs) {
    if (!cache.look(key, nullptr).outputs) cache.land(key, std::move(outputs));
}

TEST(ResponseCache, GivesBackWhatItWasGiven) {
    ResponseCache cache(1 << 20);
    EXPECT_FALSE(find(cache, key(1)));
    put(cache, key(1), answer(7));
    EXPECT_EQ(value_of(find(cache, key(1))), 7);
    EXPECT_FALSE(find(cache, key(2)));
    const ResponseCache::Counts counts = cache.counts();
    EXPECT_EQ(counts.hits, 1u);
    EXPECT_EQ(counts.misses, 3u) << "with the one that was computed";
    EXPECT_EQ(counts.entries, 1u);
    EXPECT_GT(counts.bytes, 4u);
}

TEST(ResponseCache, WhatWasUsedLongestAgoMakesRoom) {
    ResponseCache cache(3 * (640 + 4000));
    for (std::uint8_t i = 1; i <= 3; ++i) put(cache, key(i), answer(i, 1000));
    EXPECT_EQ(value_of(find(cache, key(1))), 1);
    put(cache, key(4), answer(4, 1000));
    EXPECT_FALSE(find(cache, key(2)));
    EXPECT_EQ(value_of(find(cache, key(1))), 1);
    EXPECT_EQ(value_of(find(cache, key(3))), 3);
    EXPECT_EQ(value_of(find(cache, key(4))), 4);
    EXPECT_EQ(cache.counts().evicted, 1u);
    EXPECT_LE(cache.counts().bytes, 3u * (640 + 4000));
}

TEST(ResponseCache, NeverHoldsMoreThanItsBytesWhateverComes) {
    constexpr std::uint64_t kBytes = 20'000;
    ResponseCache cache(kBytes);
    for (std::uint8_t i = 0; i < 200; ++i) {
        put(cache, key(i), answer(i, 1 + (i * 37) % 6000));
        ASSERT_LE(cache.counts().bytes, kBytes);
    }
    EXPECT_GT(cache.counts().entries, 0u);
    put(cache, key(250), answer(1, 100'000));
    EXPECT_FALSE(find(cache, key(250))) << "larger than all of it";
    EXPECT_GT(cache.counts().entries, 0u);
}

TEST(ResponseCache, OneComputesAndTheOthersWait) {
    ResponseCache cache(1 << 20);
    std::vector<float> told;
    const auto waiter = [&told](const ResponseCache::Outputs& outputs) {
        told.push_back(value_of(outputs));
    };
    using Look = ResponseCache::Look;
    EXPECT_EQ(cache.look(key(1), waiter).look, Look::kLead);
    EXPECT_EQ(cache.look(key(1), waiter).look, Look::kWait);
    EXPECT_EQ(cache.look(key(1), waiter).look, Look::kWait);
    EXPECT_EQ(cache.look(key(2), waiter).look, Look::kLead);
    EXPECT_TRUE(told.empty());
    cache.land(key(1), answer(9));
    EXPECT_EQ(told, (std::vector<float>{9, 9}));
    const ResponseCache::Seen seen = cache.look(key(1), waiter);
    EXPECT_EQ(seen.look, Look::kHit);
    EXPECT_EQ(value_of(seen.outputs), 9);
    EXPECT_EQ(cache.counts().hits, 3u);
    EXPECT_EQ(cache.counts().misses, 2u);
}

TEST(ResponseCache, WhereItFailsEachIsToldAndTheNextLeads) {
    ResponseCache cache(1 << 20);
    std::vector<float> told;
    const auto waiter = [&told](const ResponseCache::Outputs& outputs) {
        told.push_back(value_of(outputs));
    };
    EXPECT_EQ(cache.look(key(1), waiter).look, ResponseCache::Look::kLead);
    EXPECT_EQ(cache.look(key(1), waiter).look, ResponseCache::Look::kWait);
    cache.land(key(1), nullptr);
    EXPECT_EQ(told, (std::vector<float>{-1}));
    EXPECT_EQ(cache.look(key(1), waiter).look, ResponseCache::Look::kLead);
}

TEST(ResponseCache, SoManyWaitAndTheRestComputes) {
    ResponseCache cache(1 << 20);
    const auto nobody = [](const ResponseCache::Outputs&) {};
    EXPECT_EQ(cache.look(key(1), nobody).look, ResponseCache::Look::kLead);
    for (std::size_t i = 0; i < ResponseCache::kWaitersMax; ++i) {
        ASSERT_EQ(cache.look(key(1), nobody).look, ResponseCache::Look::kWait);
    }
    EXPECT_EQ(cache.look(key(1), nobody).look, ResponseCache::Look::kCompute);
}

}  // namespace
}  // namespace hf::serve
