#include "media/audio/fft.h"

#include <numbers>

#include <gtest/gtest.h>

#include "base/rng.h"

namespace hf::media::audio {
namespace {

// By the definition.
RealFft::Complex bin_of(std::span<const double> in, std::size_t k) {
    RealFft::Complex sum = 0;
    for (std::size_t t = 0; t < in.size(); ++t) {
        const double turn = -2 * std::numbers::pi * static_cast<double>(k * t % in.size()) /
                            static_cast<double>(in.size());
        sum += in[t] * std::polar(1.0, turn);
    }
    return sum;
}

TEST(RealFft, IsTheSumOfItsDefinition) {
    Rng rng(7);
    std::size_t built = 0;
    for (std::size_t length = 2; length <= 512; ++length) {
        if (!RealFft::supports(length)) continue;
        ++built;
        std::vector<double> in(length);
        for (double& value : in) value = rng.uniform() - 0.5;
        const RealFft fft(length);
        std::vector<RealFft::Complex> out(fft.bins());
        fft.transform(in, out);
        for (std::size_t k = 0; k < out.size(); ++k) {
            EXPECT_LT(std::abs(out[k] - bin_of(in, k)), 1e-11) << length << " " << k;
        }
    }
    EXPECT_EQ(built, 77U);
}

TEST(RealFft, SaysWhatIsBuilt) {
    for (const std::size_t good : {2, 4, 6, 400, 480, 512, 1024, 14, 32768}) {
        EXPECT_TRUE(RealFft::supports(good)) << good;
    }
    for (const std::size_t bad : {0, 1, 3, 401, 22, 26, 65536}) {
        EXPECT_FALSE(RealFft::supports(bad)) << bad;
    }
}

}  // namespace
}  // namespace hf::media::audio
