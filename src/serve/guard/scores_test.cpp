#include "serve/guard/scores.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace hf::serve::guard {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

Tensor tensor(Shape shape, std::vector<float> values) {
    return Tensor::of<float>(DType::kF32, std::move(shape), values);
}

std::vector<float> values_of(const Tensor& tensor) {
    const auto values = tensor.values<float>();
    return {values.begin(), values.end()};
}

TEST(GuardScores, EnergyIsThatOfTheWorstRow) {
    // -T log(exp(a/T) + exp(b/T)), also where the exponentials have no room.
    EXPECT_NEAR(energy_of(tensor({1, 2}, {0, 0}), 1), -std::log(2.0), 1e-12);
    EXPECT_NEAR(energy_of(tensor({2, 2}, {1000, 1000, -3, -3}), 2), 3 - 2 * std::log(2.0), 1e-9);
    EXPECT_NEAR(energy_of(tensor({2}, {0, 0}), 1), -std::log(2.0), 1e-12) << "no axis of rows";
    EXPECT_TRUE(std::isnan(energy_of(tensor({2, 2}, {1, 2, kNan, 2}), 1)));
    EXPECT_TRUE(std::isnan(energy_of(Tensor(DType::kI64, {1, 2}), 1)));
    EXPECT_TRUE(std::isnan(energy_of(Tensor(DType::kF32, {0, 2}), 1)));
}

TEST(GuardScores, DistanceIsFromTheNearestClassUnderTheSharedCovariance) {
    // Covariance diag(4, 1): L^-1 = diag(1/2, 1). Centres at (0, 0) and (8, 0), whitened around the
    // mean (4, 0): (-2, 0) and (2, 0).
    Mahalanobis part;
    part.width = 2;
    part.classes = 2;
    part.mean = {4, 0};
    part.whitening = {0.5F, 0, 1};
    part.centres = {-2, 0, 2, 0};
    EXPECT_NEAR(distance_of(part, tensor({1, 2}, {8, 3})), 9, 1e-6);
    EXPECT_NEAR(distance_of(part, tensor({1, 2}, {2, 0})), 1, 1e-6);
    EXPECT_NEAR(distance_of(part, tensor({2, 2}, {2, 0, 10, 1})), 2, 1e-6) << "the worst row";
    EXPECT_TRUE(std::isnan(distance_of(part, tensor({1, 3}, {1, 2, 3})))) << "another width";
    EXPECT_TRUE(std::isnan(distance_of(part, tensor({1, 2}, {kNan, 0}))));
    part.reduce = Reduce::kMean;
    EXPECT_NEAR(distance_of(part, tensor({1, 2, 2, 1}, {7, 9, 2, 4})), 9, 1e-6)
        << "the means of two channels";
}

TEST(GuardScores, DisagreementIsTheDistanceOfProbabilities) {
    const Tensor sure = tensor({1, 2}, {1, 0});
    const Tensor other = tensor({1, 2}, {0, 1});
    EXPECT_NEAR(disagreement_of(sure, other, false), 2, 1e-12);
    EXPECT_NEAR(disagreement_of(sure, sure, true), 0, 1e-12);
    const double p = 1 / (1 + std::exp(-1.0));
    EXPECT_NEAR(disagreement_of(sure, other, true), 2 * (2 * p - 1), 1e-9);
    EXPECT_TRUE(std::isnan(disagreement_of(sure, tensor({1, 3}, {0, 0, 1}), true)));
}

TEST(GuardScores, BitDepthLeavesEvenlySpacedValues) {
    Squeezer squeezer;
    squeezer.bits = 2;
    squeezer.least = -1;
    squeezer.most = 2;
    const Tensor out = squeeze(tensor({1, 6}, {-1, -0.4F, 0.4F, 0.6F, 1.9F, 7}), squeezer);
    EXPECT_EQ(values_of(out), (std::vector<float>{-1, 0, 0, 1, 2, 2}));
}

TEST(GuardScores, MediansAreThoseOfScipy) {
    // scipy.ndimage.median_filter(x, size=K, mode='reflect') of the same numbers.
    const Tensor image = tensor({1, 1, 3, 4}, {9, 1, 8, 2, 3, 7, 4, 6, 5, 0, 11, 10});
    Squeezer squeezer;
    squeezer.kind = Squeezer::Kind::kMedian;
    squeezer.size = 3;
    EXPECT_EQ(values_of(squeeze(image, squeezer)),
              (std::vector<float>{7, 7, 4, 4, 5, 5, 6, 6, 5, 5, 7, 10}));
    squeezer.size = 2;
    EXPECT_EQ(values_of(squeeze(image, squeezer)),
              (std::vector<float>{9, 9, 8, 8, 9, 7, 7, 6, 5, 5, 7, 10}));
}

TEST(GuardScores, MediansOfBothLayoutsAreTheSame) {
    const Tensor planar = tensor({1, 2, 2, 2}, {1, 5, 3, 2, 10, 50, 30, 20});
    const Tensor packed = tensor({1, 2, 2, 2}, {1, 10, 5, 50, 3, 30, 2, 20});
    Squeezer squeezer;
    squeezer.kind = Squeezer::Kind::kMedian;
    squeezer.size = 3;
    const std::vector<float> a = values_of(squeeze(planar, squeezer));
    squeezer.layout = Layout::kNhwc;
    const std::vector<float> b = values_of(squeeze(packed, squeezer));
    for (std::size_t pixel = 0; pixel < 4; ++pixel) {
        EXPECT_EQ(a[pixel], b[2 * pixel]);
        EXPECT_EQ(a[4 + pixel], b[2 * pixel + 1]);
    }
    EXPECT_EQ(squeeze(tensor({1, 1, 1, 2}, {kNan, kNan}), squeezer).elements(), 2);
}

}  // namespace
}  // namespace hf::serve::guard
