#include "serve/cascade/confidence.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace hf::serve::cascade {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

std::vector<double> of(const Shape& shape, std::vector<float> values, Measure measure) {
    const Tensor tensor = Tensor::of<float>(DType::kF32, shape, values);
    return confidences(tensor, measure).value();
}

std::string refusal(const Tensor& tensor, Measure measure) {
    return std::string(confidences(tensor, measure).status().message());
}

TEST(Confidence, IsWhatTheMeasureSays) {
    const std::vector<float> rows{0.7f, 0.2f, 0.1f, 0.4f, 0.3f, 0.3f};
    const auto probability = of({2, 3}, rows, Measure::kMaxProbability);
    EXPECT_NEAR(probability[0], 0.7, 1e-6);
    EXPECT_NEAR(probability[1], 0.4, 1e-6);
    const auto margin = of({2, 3}, rows, Measure::kMargin);
    EXPECT_NEAR(margin[0], 0.5, 1e-6);
    EXPECT_NEAR(margin[1], 0.1, 1e-6);
    EXPECT_NEAR(of({1, 3}, {5, 5, 1}, Measure::kMargin)[0], 0, 1e-9) << "two that are the best";
    // Logits of any size: e^2 / (e^2 + 1).
    for (const float shift : {0.0f, 1000.0f, -1000.0f}) {
        EXPECT_NEAR(of({1, 2}, {2 + shift, shift}, Measure::kMaxSoftmax)[0], 0.880797, 1e-5);
    }
    EXPECT_NEAR(of({1, 4}, {1, 1, 1, 1}, Measure::kEntropy)[0], 0, 1e-9);
    EXPECT_NEAR(of({1, 4}, {0, 8, 0, 0}, Measure::kEntropy)[0], 1, 1e-9);
    EXPECT_NEAR(of({1, 2}, {0.25, 0.75}, Measure::kEntropy)[0], 0.188722, 1e-5);
    EXPECT_EQ(of({3}, {1, 2, 3}, Measure::kValue), (std::vector<double>{1, 2, 3}));
    EXPECT_EQ(of({3, 1}, {1, 2, 3}, Measure::kValue), (std::vector<double>{1, 2, 3}));
    EXPECT_EQ(of({3}, {0.1f, 0.5f, 0.2f}, Measure::kMaxProbability).size(), 1u) << "one row";
}

TEST(Confidence, OfWhatIsNoMeasureIsNotANumber) {
    EXPECT_TRUE(std::isnan(of({1, 2}, {kNan, 1}, Measure::kMaxProbability)[0]));
    EXPECT_TRUE(std::isnan(of({1, 2}, {-0.1f, 1}, Measure::kEntropy)[0]));
    EXPECT_TRUE(std::isnan(of({1, 2}, {0, 0}, Measure::kEntropy)[0]));
    const float infinity = std::numeric_limits<float>::infinity();
    EXPECT_TRUE(std::isnan(of({1, 2}, {infinity, infinity}, Measure::kMaxSoftmax)[0]));
}

TEST(Confidence, ReadsEveryKindOfNumber) {
    const std::vector<std::int8_t> small{-3, 2, 1};
    EXPECT_EQ(
        confidences(Tensor::of<std::int8_t>(DType::kI8, {1, 3}, small), Measure::kMargin).value(),
        std::vector<double>{1});
    const std::vector<std::uint16_t> half{float_to_half(0.25f), float_to_half(0.75f)};
    EXPECT_EQ(
        confidences(Tensor::of<std::uint16_t>(DType::kF16, {1, 2}, half), Measure::kMaxProbability)
            .value(),
        std::vector<double>{0.75});
}

TEST(Confidence, RefusesWhatItIsNotOf) {
    EXPECT_EQ(refusal(Tensor::of_strings({1}, {"a"}), Measure::kValue),
              "string are no numbers to be sure by");
    EXPECT_EQ(refusal(Tensor(DType::kF32, {2, 3}), Measure::kValue),
              "value is of one value in a row, and its shape is 2x3");
    EXPECT_EQ(refusal(Tensor(DType::kF32, {2, 1}), Measure::kMargin),
              "margin is of two values or more in a row, and its shape is 2x1");
    EXPECT_FALSE(confidences(Tensor(DType::kF32, {0, 3}), Measure::kMaxSoftmax).ok());
    EXPECT_EQ(parse_measure("softmax").status().message(),
              "'softmax' is no measure; want max-softmax, max-probability, margin, entropy or "
              "value");
    for (const Measure measure : {Measure::kMaxSoftmax, Measure::kMaxProbability, Measure::kMargin,
                                  Measure::kEntropy, Measure::kValue}) {
        EXPECT_EQ(parse_measure(measure_name(measure)).value(), measure);
    }
}

}  // namespace
}  // namespace hf::serve::cascade
