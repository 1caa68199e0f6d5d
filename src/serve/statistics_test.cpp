#include "serve/statistics.h"

#include <map>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "testing/script.h"

namespace hf::serve {
namespace {

RequestTimes times_of(std::int64_t infer) {
    RequestTimes times;
    times.queue = Duration(1);
    times.input = Duration(2);
    times.infer = Duration(infer);
    times.output = Duration(3);
    times.all = Duration(infer + 10);
    return times;
}

// Held against a map, which has no bound.
TEST(Statistics, CountsAsAMapWould) {
    Rng rng(testing::seed());
    Statistics statistics;
    std::map<std::uint64_t, Statistics::Total> wanted;
    Statistics::Total all;
    std::uint64_t rows = 0;
    for (int i = 0; i < 1000; ++i) {
        const std::uint64_t batch = rng.below(kBatchSizesMax);
        const auto infer = static_cast<std::int64_t>(rng.below(1000));
        statistics.add_success({batch, batch, true}, times_of(infer));
        wanted[batch].add(Duration(infer));
        all.add(Duration(infer));
        rows += batch;
    }
    EXPECT_EQ(statistics.inferences, rows);
    EXPECT_EQ(statistics.infer.count, all.count);
    EXPECT_EQ(statistics.infer.time, all.time);
    EXPECT_EQ(statistics.succeeded.time, all.time + Duration(10'000));
    EXPECT_EQ(statistics.queue.time, Duration(1000));
    ASSERT_EQ(statistics.batch_sizes, wanted.size());
    for (std::size_t i = 0; i < statistics.batch_sizes; ++i) {
        const Statistics::Batch& batch = statistics.batches[i];
        ASSERT_TRUE(wanted.contains(batch.size)) << batch.size;
        EXPECT_EQ(batch.infer.count, wanted[batch.size].count) << batch.size;
        EXPECT_EQ(batch.infer.time, wanted[batch.size].time) << batch.size;
        EXPECT_EQ(batch.input.time, Duration(2) * batch.input.count) << batch.size;
        EXPECT_EQ(batch.output.count, batch.infer.count) << batch.size;
    }
}

// Whoever asks in ever new sizes makes nothing grow, and is counted in the totals all the same.
TEST(Statistics, SizesOfBatchesAreBounded) {
    Statistics statistics;
    for (std::uint64_t size = 1; size <= 2 * kBatchSizesMax; ++size) {
        statistics.add_success({size, size, true}, times_of(1));
    }
    statistics.add_success({1, 1, true}, times_of(1));
    EXPECT_EQ(statistics.batch_sizes, kBatchSizesMax);
    EXPECT_EQ(statistics.batches[0].infer.count, 2u);
    EXPECT_EQ(statistics.batches[kBatchSizesMax - 1].size, kBatchSizesMax);
    EXPECT_EQ(statistics.succeeded.count, 2 * kBatchSizesMax + 1);
    statistics.add_failure(times_of(5));
    EXPECT_EQ(statistics.failed.count, 1u);
    EXPECT_EQ(statistics.failed.time, Duration(15));
    EXPECT_EQ(statistics.queue.count, statistics.succeeded.count);
}

TEST(Statistics, ABatchIsWhatAllInputsLeaveOpen) {
    const runtime::Port open{"a", DType::kF32, {Shape::kUnknown, 2}};
    const runtime::Port fixed{"b", DType::kF32, {4, 2}};
    const runtime::Port lone{"c", DType::kF32, Shape{}};
    const auto batch = [](std::vector<runtime::Port> ports, std::vector<Shape> shapes) {
        std::vector<Tensor> inputs;
        for (const Shape& shape : shapes) inputs.emplace_back(DType::kF32, shape);
        return batch_of({std::move(ports), {}}, inputs);
    };
    EXPECT_EQ(batch({open}, {{64, 2}}), 64u);
    EXPECT_EQ(batch({open}, {{0, 2}}), 0u);
    EXPECT_EQ(batch({open, open}, {{3, 2}, {3, 2}}), 3u);
    EXPECT_EQ(batch({open, open}, {{3, 2}, {4, 2}}), 1u);
    EXPECT_EQ(batch({open, fixed}, {{3, 2}, {4, 2}}), 1u);
    EXPECT_EQ(batch({fixed}, {{4, 2}}), 1u);
    EXPECT_EQ(batch({lone}, {Shape{}}), 1u);
    EXPECT_EQ(batch({}, {}), 1u);
}

}  // namespace
}  // namespace hf::serve
