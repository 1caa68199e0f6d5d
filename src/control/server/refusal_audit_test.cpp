#include "control/server/refusal_audit.h"

#include <gtest/gtest.h>

namespace hf::control {
namespace {

TEST(RefusalPaceTest, OneInAPauseForEachAndNoMoreThanTheBound) {
    RefusalPace pace;
    const Instant start{};
    EXPECT_TRUE(pace.is_news("ada", "forbidden", start));
    EXPECT_FALSE(pace.is_news("ada", "forbidden", start + kRefusalAuditPause - Duration(1)));
    EXPECT_TRUE(pace.is_news("ada", "own-rollout", start));
    EXPECT_TRUE(pace.is_news("ada", "forbidden", start + kRefusalAuditPause));
    std::size_t news = 0;
    for (std::size_t i = 0; i < 2 * kMaxRefusalsRemembered; ++i)
        news += pace.is_news(std::to_string(i), "forbidden", start + kRefusalAuditPause);
    EXPECT_LE(news, kMaxRefusalsRemembered);
    EXPECT_GT(news, kMaxRefusalsRemembered - 4);
    EXPECT_TRUE(pace.is_news("late", "forbidden", start + 3 * kRefusalAuditPause));
}

}  // namespace
}  // namespace hf::control
