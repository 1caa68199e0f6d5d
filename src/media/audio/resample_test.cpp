#include "media/audio/resample.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include <gtest/gtest.h>

namespace hf::media::audio {
namespace {

std::vector<float> tone(double hertz, std::int64_t rate, std::size_t count) {
    std::vector<float> samples;
    for (std::size_t i = 0; i < count; ++i) {
        const double turn = 2 * std::numbers::pi * hertz * static_cast<double>(i);
        samples.push_back(static_cast<float>(std::sin(turn / static_cast<double>(rate))));
    }
    return samples;
}

float loudest(std::span<const float> samples) {
    float most = 0;
    for (const float sample : samples) most = std::max(most, std::abs(sample));
    return most;
}

TEST(Resample, ATonePassesAndIsNotDelayed) {
    for (const std::int64_t from : {8000, 11025, 22050, 44100, 48000, 96000}) {
        const Sound in{from, tone(1000, from, static_cast<std::size_t>(from) / 4)};
        const Sound out = *resample(in, 16000);
        ASSERT_EQ(out.samples.size(), 4000U) << from;
        const std::vector<float> want = tone(1000, 16000, 4000);
        for (std::size_t i = 100; i < 3900; ++i) {  // beyond the ends there is silence
            ASSERT_NEAR(out.samples[i], want[i], 5e-3) << from << " " << i;
        }
    }
}

TEST(Resample, WhatTheNewRateCannotHoldGoes) {
    const Sound in{48000, tone(11000, 48000, 24000)};
    const Sound out = *resample(in, 16000);
    EXPECT_LT(loudest(std::span(out.samples).subspan(100, 7800)), 2e-3F);
}

TEST(Resample, TheSameRateChangesNothing) {
    const Sound in{8000, {1, -2, 3}};
    EXPECT_EQ(resample(in, 8000)->samples, in.samples);
}

TEST(Resample, CountsAreRoundedUp) {
    for (std::size_t count = 1; count < 50; ++count) {
        const Sound out = *resample({44100, std::vector<float>(count, 1)}, 16000);
        EXPECT_EQ(out.samples.size(), (count * 160 + 440) / 441);
        const Sound wider = *resample({8000, std::vector<float>(count, 1)}, 48000);
        EXPECT_EQ(wider.samples.size(), 6 * count);
    }
}

TEST(Resample, AStretchIsAPartOfTheWhole) {
    for (const std::int64_t rate : {16000, 44100, 48000, 8000}) {
        const Sound in{44100, tone(700, 44100, 900)};
        const Sound whole = *resample(in, rate);
        const std::size_t length = resampled_length(in.samples.size(), in.rate, rate);
        ASSERT_EQ(whole.samples.size(), length);
        for (const std::size_t first : {std::size_t{0}, std::size_t{7}, length - 50, length}) {
            const Sound part = *resample(in, rate, {first, 50});
            const auto begin = whole.samples.begin() + static_cast<std::ptrdiff_t>(first);
            const std::size_t count = std::min<std::size_t>(50, length - first);
            EXPECT_EQ(part.samples,
                      std::vector<float>(begin, begin + static_cast<std::ptrdiff_t>(count)));
        }
    }
}

TEST(Resample, HasABound) {
    EXPECT_EQ(resample({1000, std::vector<float>(1 << 20)}, 192000).status().code(),
              Code::kResourceExhausted);
}

TEST(Resample, RatesWithoutACommonDivisorWork) {
    const Sound out = *resample({47999, tone(1000, 47999, 4800)}, 16000);
    ASSERT_EQ(out.samples.size(), 1601U);
    const std::vector<float> want = tone(1000, 16000, 1601);
    for (std::size_t i = 100; i < 1500; ++i) ASSERT_NEAR(out.samples[i], want[i], 5e-3) << i;
}

}  // namespace
}  // namespace hf::media::audio
