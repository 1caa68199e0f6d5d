#include "serve/rate_limits.h"

#include <gtest/gtest.h>

#include "base/rng.h"

namespace hf::serve {
namespace {

using std::chrono::milliseconds;

TEST(RateLimits, ABurstMayComeAtOnceAndThenTheRate) {
    const Rate rate{10, 3};
    Bucket bucket{3, {}};
    const auto comes = [&](milliseconds at) {
        const Admission admission = admit(rate, bucket, at);
        bucket = admission.after;
        return admission.wait;
    };
    for (int i = 0; i < 3; ++i) EXPECT_FALSE(comes(milliseconds(0)));
    EXPECT_EQ(comes(milliseconds(0)), milliseconds(100));
    const auto wait = comes(milliseconds(40));
    ASSERT_TRUE(wait);
    EXPECT_NEAR(std::chrono::duration<double>(*wait).count(), 0.06, 1e-6);
    EXPECT_FALSE(comes(milliseconds(101)));
    EXPECT_TRUE(comes(milliseconds(102)));
    for (int i = 0; i < 3; ++i) EXPECT_FALSE(comes(milliseconds(60'000))) << "never above burst";
    EXPECT_TRUE(comes(milliseconds(60'000)));
}

TEST(RateLimits, WhoWaitsAsLongAsHeIsToldIsAdmitted) {
    Rng rng(3);
    for (int run = 0; run < 200; ++run) {
        const Rate rate{0.01 + 100 * rng.uniform(), 1 + 9 * rng.uniform()};
        Bucket bucket{rate.burst * rng.uniform(), {}};
        Duration now{};
        for (int i = 0; i < 20; ++i) {
            const Admission admission = admit(rate, bucket, now);
            bucket = admission.after;
            if (!admission.wait) continue;
            now += *admission.wait + std::chrono::nanoseconds(100);
            EXPECT_FALSE(admit(rate, bucket, now).wait) << rate.per_second;
        }
    }
}

TEST(RateLimits, NoSecondHasMoreThanTheRateAndABurst) {
    Rng rng(4);
    const Rate rate{50, 5};
    Bucket bucket{5, {}};
    int admitted = 0;
    for (Duration now{}; now < std::chrono::seconds(10);
         now += std::chrono::microseconds(rng.below(3000))) {
        const Admission admission = admit(rate, bucket, now);
        bucket = admission.after;
        admitted += !admission.wait;
    }
    EXPECT_LE(admitted, 505);
    EXPECT_GE(admitted, 490) << "and what may come does";
}

}  // namespace
}  // namespace hf::serve
