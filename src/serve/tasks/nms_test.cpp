#include "serve/tasks/nms.h"

#include <gtest/gtest.h>

namespace hf::serve::tasks {
namespace {

TEST(Nms, OverlapIsAShareOfTheUnion) {
    EXPECT_DOUBLE_EQ(overlap({0, 0, 2, 2}, {1, 1, 3, 3}), 1.0 / 7);
    EXPECT_DOUBLE_EQ(overlap({0, 0, 2, 2}, {0, 0, 2, 2}), 1);
    EXPECT_DOUBLE_EQ(overlap({0, 0, 1, 1}, {1, 0, 2, 1}), 0);
    EXPECT_DOUBLE_EQ(overlap({2, 2, 0, 0}, {2, 2, 0, 0}), 0);
}

TEST(Nms, TheBestOfThoseOnEachOtherStays) {
    const std::vector<Found> kept = suppress({{{0, 0, 10, 10}, 0.5F, 1},
                                              {{1, 0, 11, 10}, 0.9F, 1},
                                              {{1, 0, 11, 10}, 0.7F, 2},
                                              {{30, 0, 40, 10}, 0.6F, 1},
                                              {{2, 0, 12, 10}, 0.9F, 1}},
                                             0.5, 10);
    ASSERT_EQ(kept.size(), 3U);
    EXPECT_EQ(kept[0].box.left, 1);
    EXPECT_EQ(kept[1].index, 2U);
    EXPECT_EQ(kept[2].box.left, 30);
    EXPECT_EQ(suppress({{{}, 1, 0}, {{}, 1, 1}}, 0.5, 1).size(), 1U);
}

}  // namespace
}  // namespace hf::serve::tasks
