#include "stream/detector.h"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "graph/onnx/export.h"
#include "stream/detector_model.h"
#include "testing/script.h"

namespace hf::stream {
namespace {

const Instant kStart = *parse_rfc3339("2026-01-01T00:00:00Z");

Sample at(int minute, double value) {
    return {kStart + std::chrono::minutes(minute), value};
}

// A noisy wave with a period of `period` samples, a minute apart.
Series wave(int count, int period, Rng& rng) {
    Series series;
    for (int i = 0; i < count; ++i) {
        const double angle = 2 * 3.14159265358979 * i / period;
        series.push_back(at(i, 50 + 10 * std::sin(angle) + rng.normal()));
    }
    return series;
}

// What the fitted numbers mean, said without any of the detector's code: every distance by its
// definition, over whole matrices.
Verdict judge_dumbly(const Detector& d, std::span<const double> window, std::size_t phase) {
    const std::size_t width = window.size();
    std::vector<double> x(width);
    for (std::size_t i = 0; i < width; ++i) {
        x[i] = (window[i] - d.center) / d.scale - d.mean[i];
        if (d.options.period == 0) continue;
        const auto period = static_cast<std::int64_t>(d.options.period);
        std::int64_t p =
            static_cast<std::int64_t>(phase) - static_cast<std::int64_t>(width - 1 - i);
        while (p < 0) p += period;
        x[i] -= d.profile[static_cast<std::size_t>(p)];
    }
    std::vector<double> projector(width * width, 0);
    std::vector<double> precision(width * width, 0);
    for (std::size_t c = 0; c < d.variances.size(); ++c) {
        for (std::size_t i = 0; i < width; ++i) {
            for (std::size_t j = 0; j < width; ++j) {
                const double entry = d.components[c * width + i] * d.components[c * width + j];
                projector[i * width + j] += entry;
                precision[i * width + j] += entry / d.variances[c];
            }
        }
    }
    Verdict verdict;
    for (std::size_t i = 0; i < width; ++i) {
        double inside = 0;
        for (std::size_t j = 0; j < width; ++j) {
            inside += projector[i * width + j] * x[j];
            verdict.t2 += x[i] * precision[i * width + j] * x[j];
        }
        verdict.spe += (x[i] - inside) * (x[i] - inside);
    }
    return {verdict.spe / d.spe_limit, verdict.t2 / d.t2_limit};
}

TEST(Detector, JudgesAsTheDefinitionSays) {
    Rng rng(testing::seed());
    for (const std::size_t period : {std::size_t{0}, std::size_t{60}}) {
        const Series series = wave(600, 60, rng);
        DetectorOptions options;
        options.window = 24;
        options.period = period;
        const Result<Detector> detector = fit_detector(series, options);
        ASSERT_TRUE(detector.ok()) << detector.status().to_string();
        for_each_window(series, {24, detector->step}, [&](std::span<const double> w, Instant t) {
            const auto minute =
                std::chrono::duration_cast<std::chrono::minutes>(t - kStart).count();
            const auto phase = static_cast<std::size_t>(minute % 60);
            const Verdict got = judge(*detector, w, t);
            const Verdict want = judge_dumbly(*detector, w, phase);
            EXPECT_NEAR(got.spe, want.spe, 1e-9);
            EXPECT_NEAR(got.t2, want.t2, 1e-9);
        });
    }
}

TEST(Detector, TheQuantileOfTrainingWindowsIsWithinTheLimits) {
    Rng rng(testing::seed());
    const Series series = wave(3000, 100, rng);
    DetectorOptions options;
    options.quantile = 0.98;
    const Result<Detector> detector = fit_detector(series, options);
    ASSERT_TRUE(detector.ok());
    double above = 0;
    for_each_window(series, {48, detector->step}, [&](std::span<const double> w, Instant t) {
        above += judge(*detector, w, t).score() > 1 ? 1 : 0;
    });
    // One hundredth for each limit, and rounding; the same windows may be above both.
    const auto windows = static_cast<double>(detector->windows);
    EXPECT_LE(above, 0.02 * windows + 2);
    EXPECT_GE(above, 0.01 * windows - 1);
}

TEST(Detector, FindsASpikeAStepAndAStoppedSensor) {
    Rng rng(testing::seed());
    const Series training = wave(1440, 120, rng);
    const Result<Detector> detector = fit_detector(training, {});
    ASSERT_TRUE(detector.ok());
    const auto score_with = [&](auto change) {
        std::vector<double> window;
        for (int i = 0; i < 48; ++i) window.push_back(training[static_cast<std::size_t>(i)].value);
        for (std::size_t i = 0; i < 48; ++i) window[i] = change(i, window[i]);
        return judge(*detector, window, training[47].time).score();
    };
    EXPECT_LT(score_with([](std::size_t, double v) { return v; }), 1);
    EXPECT_GT(score_with([](std::size_t i, double v) { return i == 47 ? v + 15 : v; }), 1);
    EXPECT_GT(score_with([](std::size_t i, double v) { return i > 40 ? v + 12 : v; }), 1);
    EXPECT_GT(score_with([](std::size_t i, double v) { return i > 30 ? 0 : v; }), 1);
    EXPECT_GT(score_with([](std::size_t, double v) { return v + 60; }), 1);
}

TEST(Detector, APeriodMakesTheUnusualHourVisible) {
    Rng rng(testing::seed());
    const Series training = wave(10 * 120, 120, rng);
    DetectorOptions options;
    options.window = 24;
    options.period = 120;
    const Result<Detector> seasonal = fit_detector(training, options);
    ASSERT_TRUE(seasonal.ok());
    // The same wave a quarter of a period late.
    std::vector<double> late;
    for (std::size_t i = 0; i < 24; ++i) late.push_back(training[200 + i].value);
    const Instant right = training[223].time;
    EXPECT_LT(judge(*seasonal, late, right).score(), 1);
    EXPECT_LT(judge(*seasonal, late, right + std::chrono::minutes(120 * 1000)).score(), 1);
    EXPECT_LT(judge(*seasonal, late, right - std::chrono::minutes(120 * 1000)).score(), 1);
    EXPECT_GT(judge(*seasonal, late, right + std::chrono::minutes(30)).score(), 2);
}

TEST(Detector, SameSamplesSameModelBytes) {
    const auto bytes = [] {
        Rng rng(3);
        const Result<Detector> detector = fit_detector(wave(500, 50, rng), {});
        return *graph::onnx::export_model(*detector_graph(*detector));
    };
    EXPECT_EQ(bytes(), bytes());
}

TEST(Detector, RefusesWhatItCannotLearnFrom) {
    Rng rng(testing::seed());
    const Series good = wave(400, 40, rng);
    const auto message = [](const Series& series, auto change) {
        DetectorOptions options;
        change(options);
        return fit_detector(series, options).status().to_string();
    };
    const auto keep = [](DetectorOptions&) {};
    EXPECT_EQ(message(good, [](DetectorOptions& o) { o.window = 3; }),
              "INVALID_ARGUMENT: a window of 3 samples: want 4 to 512");
    EXPECT_EQ(message(good, [](DetectorOptions& o) { o.window = 513; }),
              "INVALID_ARGUMENT: a window of 513 samples: want 4 to 512");
    EXPECT_EQ(message(good, [](DetectorOptions& o) { o.period = 1; }),
              "INVALID_ARGUMENT: a period of 1 samples: want 2 to 20160, or 0 for none");
    EXPECT_EQ(message(good, [](DetectorOptions& o) { o.period = 201; }),
              "INVALID_ARGUMENT: 400 samples to learn from, and a window of 48 and a period of 201 "
              "need 402: give more data, or a smaller window or period");
    EXPECT_EQ(message(good, [](DetectorOptions& o) { o.quantile = 1; }),
              "INVALID_ARGUMENT: a quantile of 1: want 0.5 up to but not 1");
    EXPECT_EQ(message(good, [](DetectorOptions& o) { o.explained = std::nan(""); }),
              "INVALID_ARGUMENT: nan of the variance: want between 0 and 1");
    EXPECT_EQ(message({}, keep).substr(0, 41), "INVALID_ARGUMENT: 0 samples to learn from");

    Series flat, far, huge;
    for (const Sample& sample : good) {
        flat.push_back({sample.time, 7});
        far.push_back({sample.time, 1e9 + sample.value});
        huge.push_back({sample.time, 1e300 * sample.value});
    }
    EXPECT_EQ(message(flat, keep),
              "INVALID_ARGUMENT: every sample is 7: there is nothing to learn from");
    EXPECT_NE(message(far, keep).find("subtract a constant"), std::string::npos);
    EXPECT_NE(message(huge, keep).find("use a unit"), std::string::npos);

    Series holes = good;
    for (std::size_t i = 0; i < holes.size(); ++i) {
        holes[i].time += std::chrono::hours(i / 40);
    }
    EXPECT_NE(message(holes, keep).find("holes in the data leave 0 whole windows"),
              std::string::npos)
        << message(holes, keep);
}

TEST(Detector, ANoiselessWaveHasLimitsThatItKeeps) {
    Series series;
    for (int i = 0; i < 480; ++i) series.push_back(at(i, i % 24 < 12 ? 1.0 : 2.0));
    const Result<Detector> detector = fit_detector(series, {});
    ASSERT_TRUE(detector.ok()) << detector.status().to_string();
    for_each_window(series, {48, detector->step}, [&](std::span<const double> w, Instant t) {
        EXPECT_LE(judge(*detector, w, t).score(), 1.0 + 1e-9);
    });
}

}  // namespace
}  // namespace hf::stream
