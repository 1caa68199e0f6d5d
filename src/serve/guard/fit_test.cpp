#include "serve/guard/fit.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/rng.h"
#include "serve/guard/distances.h"
#include "serve/guard/scores.h"
#include "serve/guard/verdict.h"

namespace hf::serve::guard {
namespace {

using runtime::Port;

const runtime::Signature kRows{{Port{"x", DType::kF32, {1, 2}}},
                               {Port{"logits", DType::kF32, {1, 2}}}};

Tensor row(float a, float b) {
    return Tensor::of<float>(DType::kF32, {1, 2}, std::vector<float>{a, b});
}

// Two classes around (3, 0) and (-3, 0), and a model that is sure of what is far from the middle.
runtime::Samples two_classes(std::size_t count) {
    return {count, [](std::size_t index) -> Result<std::vector<Tensor>> {
                Rng rng(index + 1);
                const auto x = static_cast<float>(rng.normal());
                const auto y = static_cast<float>(rng.normal());
                return std::vector<Tensor>{row(x + (index % 2 ? 3.0F : -3.0F), y)};
            }};
}

Result<std::vector<Tensor>> sure_of(std::span<const Tensor> inputs) {
    const auto x = inputs[0].values<float>();
    return std::vector<Tensor>{row(2 * x[0], -2 * x[0])};
}

FitSource rows_source(std::size_t count) {
    return {kRows, "", two_classes(count), {}, sure_of};
}

TEST(GuardFit, ThresholdsKeepToTheRateOnSamplesThatChoseNothing) {
    FitOptions options;
    options.false_alarms = 0.05;
    const FitSource source = rows_source(8000);
    const Fitted fitted = fit(source, options).value();
    const FitReport& report = fitted.report;
    EXPECT_EQ(report.learned, 4000u);
    EXPECT_EQ(report.held, 2000u);
    EXPECT_EQ(report.measured, 2000u);
    ASSERT_EQ(report.rows.size(), 3u);
    EXPECT_EQ(report.rows[0].part, "ranges");
    EXPECT_EQ(report.rows[1].part, "energy");
    EXPECT_EQ(report.rows[2].part, "mahalanobis");
    // Each of two scores has half of the rate.
    for (const FitReport::Row& row : {report.rows[1], report.rows[2]}) {
        const Interval interval = wilson(row.alarms, report.measured);
        EXPECT_LT(interval.least, 0.025) << row.part;
        EXPECT_GT(interval.most, 0.015) << row.part << ": far fewer than were allowed";
    }
    EXPECT_LT(wilson(report.alarms, report.measured).least, 0.05);
    EXPECT_GE(report.alarms, std::max(report.rows[1].alarms, report.rows[2].alarms));
    ASSERT_EQ(report.left_out.size(), 1u);
    EXPECT_EQ(report.left_out[0], "squeezing: no input is images of 1 or 3 channels, in f32");
}

TEST(GuardFit, WhatIsUnlikeTheSamplesIsSuspected) {
    const FitSource source = rows_source(4000);
    const Guard guard = fit(source, {}).value().guard;
    const auto said_of = [&](float x, float y) {
        const std::vector<Tensor> inputs{row(x, y)};
        const std::vector<Tensor> answer = sure_of(inputs).value();
        return summary(judge(guard, {inputs, answer, {}}));
    };
    EXPECT_EQ(said_of(3, 0), "pass");
    EXPECT_EQ(said_of(-3, 1), "pass");
    EXPECT_EQ(said_of(0, 0), "suspicious; energy, mahalanobis") << "between the classes";
    EXPECT_EQ(said_of(3, 90), "suspicious; range");
}

TEST(GuardFit, LogarithmsOfProbabilitiesHaveNoEnergy) {
    FitSource source = rows_source(2000);
    source.run = [](std::span<const Tensor> inputs) -> Result<std::vector<Tensor>> {
        const float x = inputs[0].values<float>()[0];
        const float log_sum = std::log(std::exp(x) + std::exp(-x));
        return std::vector<Tensor>{row(x - log_sum, -x - log_sum)};
    };
    const Fitted fitted = fit(source, {}).value();
    EXPECT_FALSE(fitted.guard.energy);
    EXPECT_EQ(fitted.report.left_out[0],
              "energy: 'logits' has logarithms of probabilities, and no logits");
}

TEST(GuardFit, TheSameSeedFitsTheSame) {
    const FitSource source = rows_source(2000);
    FitOptions options;
    options.false_alarms = 0.02;
    const std::string first = write(fit(source, options).value().guard);
    EXPECT_EQ(first, write(fit(source, options).value().guard));
    options.seed = 2;
    EXPECT_NE(first, write(fit(source, options).value().guard));
}

TEST(GuardFit, TooFewSamplesAreRefusedWithTheNumberThatIsNeeded) {
    EXPECT_EQ(samples_needed(0.01, 1), 396u);
    EXPECT_EQ(samples_needed(0.01, 2), 796u);
    const FitSource enough = rows_source(796);
    EXPECT_TRUE(fit(enough, {}).ok());
    const FitSource few = rows_source(795);
    const Status status = fit(few, {}).status();
    EXPECT_EQ(status.code(), Code::kInvalidArgument);
    EXPECT_NE(status.message().find("give 796 or more"), std::string::npos) << status.message();
    FitSource labels = rows_source(796);
    labels.labels = {1, 2};
    EXPECT_EQ(fit(labels, {}).status().message(), "2 labels for 796 samples");
}

// Images of four pixels, of which the brighter half is the class.
const runtime::Signature kImages{{Port{"image", DType::kF32, {1, 2, 2, 1}}},
                                 {Port{"p", DType::kF32, {1, 2}}}};

TEST(GuardFit, ImagesAreSqueezedInTheLayoutThatTheyHave) {
    const FitSource source{
        kImages,
        "",
        {2000,
         [](std::size_t index) -> Result<std::vector<Tensor>> {
             Rng rng(index);
             std::vector<float> pixels;
             for (int i = 0; i < 4; ++i) pixels.push_back(static_cast<float>(rng.uniform()));
             return std::vector<Tensor>{Tensor::of<float>(DType::kF32, {1, 2, 2, 1}, pixels)};
         }},
        {},
        [](std::span<const Tensor> inputs) -> Result<std::vector<Tensor>> {
            const auto x = inputs[0].values<float>();
            const float share = (x[0] + x[1] + 1) / (x[0] + x[1] + x[2] + x[3] + 2);
            return std::vector<Tensor>{row(share, 1 - share)};
        }};
    const Fitted fitted = fit(source, {}).value();
    ASSERT_TRUE(fitted.guard.squeezing);
    const Squeezing& part = *fitted.guard.squeezing;
    EXPECT_FALSE(part.softmax) << "probabilities already";
    ASSERT_EQ(part.squeezers.size(), 2u);
    EXPECT_EQ(part.squeezers[0].bits, 1) << "of grey images";
    EXPECT_EQ(part.squeezers[1].layout, Layout::kNhwc);
    EXPECT_GT(part.threshold, 0);
    ASSERT_EQ(fitted.report.left_out.size(), 1u);
    EXPECT_EQ(fitted.report.left_out[0], "energy: 'p' has probabilities, and no logits");
    ASSERT_EQ(fitted.guard.inputs.size(), 1u);
    EXPECT_EQ(fitted.guard.inputs[0].least.size(), 1u) << "one range of all pixels";
}

TEST(GuardFit, DistancesAreThoseOfTheInverseCovariance) {
    // Two classes with the same covariance, of correlated features.
    Rng rng(7);
    std::vector<float> features;
    std::vector<std::int64_t> classes;
    for (int i = 0; i < 5000; ++i) {
        const double a = rng.normal();
        const double b = 0.8 * a + 0.6 * rng.normal();
        const bool other = i % 2 == 1;
        features.push_back(static_cast<float>(2 * a + (other ? 10 : 0)));
        features.push_back(static_cast<float>(b));
        classes.push_back(other ? 9 : 4);
    }
    Mahalanobis part;
    part.layer = "h";
    part.width = 2;
    ASSERT_TRUE(fit_distances(features, classes, part).ok());
    EXPECT_EQ(part.classes, 2u);
    // Covariance [[4, 1.6], [1.6, 1]]: (dx, dy) is as far as (dx²-3.2 dx dy+4 dy²) / 1.44.
    const auto wanted = [](double dx, double dy) {
        return (dx * dx - 3.2 * dx * dy + 4 * dy * dy) / 1.44;
    };
    EXPECT_NEAR(distance_of(part, row(1, 1)), wanted(1, 1), 0.15 * wanted(1, 1));
    EXPECT_NEAR(distance_of(part, row(2, -1)), wanted(2, -1), 0.15 * wanted(2, -1));
    EXPECT_NEAR(distance_of(part, row(9, 1)), wanted(-1, 1), 0.15 * wanted(-1, 1));
    const std::vector<float> still(2000, 1.0F);
    EXPECT_FALSE(fit_distances(still, std::vector<std::int64_t>(1000, 0), part).ok());
}

TEST(GuardFit, WilsonsIntervalsAreTheKnownOnes) {
    EXPECT_NEAR(wilson(10, 100).least, 0.05523, 1e-5);
    EXPECT_NEAR(wilson(10, 100).most, 0.17437, 1e-5);
    EXPECT_NEAR(wilson(0, 50).least, 0, 1e-12);
    EXPECT_NEAR(wilson(0, 50).most, 0.07135, 1e-5);
    EXPECT_NEAR(wilson(50, 50).most, 1, 1e-12);
}

}  // namespace
}  // namespace hf::serve::guard
