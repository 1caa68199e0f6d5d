// Every int8 MLPerf Tiny model against its fp32 twin on 200 seeded inputs: the same class on at
// least 95 % of them, or an anomaly score within 5 %. A whole-product test of its own because it
// computes some 15 G multiply-adds: minutes under a sanitizer, seconds without.
//
// The models' own test sets are not here, and noise is no input: a classifier answers it with one
// class. The inputs are drawings with the statistics of what the models were trained for: smooth
// images, people as a few ellipses, cepstra of one word in a pause, spectra of a running machine.
// Both twins see the same real numbers, the int8 one quantised by its own input scale.
//
// Two choices matter and are ours. Of the smooth images only those count of which the fp32 network
// is at least half sure: between classes the twins part on more of them. And how far the scores of
// the autoencoder part depends on the spectra: a falling envelope with 5 dB of scatter is used.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <functional>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "graph/load.h"
#include "runtime/compile.h"
#include "testing/disk_files.h"
#include "testing/script.h"

namespace hf::runtime {
namespace {

constexpr int kInputs = 200;
using Input = std::vector<float>;

class Twin {
public:
    explicit Twin(const std::string& name) {
        testing::DiskFiles files;
        const Bytes bytes =
            *files.read(testing::data_dir() + "/models/mlperf-tiny/" + name + ".tflite", 1u << 24);
        graph::Graph graph = *graph::load(bytes, graph::no_external_data());
        input_ = graph.value(graph.inputs[0]);
        output_ = graph.value(graph.outputs[0]);
        CompileOptions options;
        options.device = "ref";
        model_ = *compile(std::move(graph), options, nullptr);
        session_ = *model_->new_session();
    }

    Input run(const Input& values) {
        Tensor input(*input_.dtype, *input_.shape);
        for (std::size_t i = 0; i < values.size(); ++i) {
            if (*input_.dtype == DType::kF32) {
                input.mutable_values<float>()[i] = values[i];
                continue;
            }
            const float stored = std::round(values[i] / input_.quantization->scales[0]) +
                                 static_cast<float>(input_.quantization->zero_points[0]);
            input.mutable_values<std::int8_t>()[i] =
                static_cast<std::int8_t>(std::clamp(stored, -128.0f, 127.0f));
        }
        const Tensor output = session_->run(std::span(&input, 1))->at(0);
        Input real;
        for (std::int64_t i = 0; i < output.elements(); ++i) {
            const auto at = static_cast<std::size_t>(i);
            real.push_back(output.dtype() == DType::kF32
                               ? output.values<float>()[at]
                               : output_.quantization->scales[0] *
                                     static_cast<float>(output.values<std::int8_t>()[at] -
                                                        output_.quantization->zero_points[0]));
        }
        return real;
    }

private:
    graph::Value input_, output_;
    std::shared_ptr<const CompiledModel> model_;
    std::unique_ptr<Session> session_;
};

std::size_t top(const Input& scores) {
    return static_cast<std::size_t>(std::max_element(scores.begin(), scores.end()) -
                                    scores.begin());
}

// A first-order autoregressive series of unit variance.
Input series(Rng& rng, std::size_t count, double memory) {
    Input values;
    double state = rng.normal();
    for (std::size_t i = 0; i < count; ++i) {
        state = memory * state + std::sqrt(1 - memory * memory) * rng.normal();
        values.push_back(static_cast<float>(state));
    }
    return values;
}

// Three octaves of random grids, interpolated: bright and dark regions with detail, in [0, 1].
Input smooth_image(Rng& rng, std::size_t size, std::size_t grid) {
    Input image(size * size * 3, 0);
    for (int octave = 0; octave < 3; ++octave, grid *= 2) {
        const float weight = 1.0f / static_cast<float>(1 << octave) / 1.75f;
        Input corners((grid + 1) * (grid + 1) * 3);
        for (float& corner : corners) corner = static_cast<float>(rng.uniform());
        const auto corner = [&](std::size_t y, std::size_t x, std::size_t c) {
            return corners[(y * (grid + 1) + x) * 3 + c];
        };
        for (std::size_t i = 0; i < image.size(); ++i) {
            const std::size_t c = i % 3, x = i / 3 % size, y = i / 3 / size;
            const std::size_t gx = x * grid / size, gy = y * grid / size;
            const float fx = static_cast<float>(x * grid % size) / static_cast<float>(size);
            const float fy = static_cast<float>(y * grid % size) / static_cast<float>(size);
            image[i] +=
                weight * ((corner(gy, gx, c) * (1 - fx) + corner(gy, gx + 1, c) * fx) * (1 - fy) +
                          (corner(gy + 1, gx, c) * (1 - fx) + corner(gy + 1, gx + 1, c) * fx) * fy);
        }
    }
    return image;
}

struct Ellipse {
    double x, y, width, height;
    std::array<double, 3> color;
};

void paint(Input& image, std::size_t size, const Ellipse& e) {
    for (std::size_t i = 0; i < image.size(); ++i) {
        const double dx = (static_cast<double>(i / 3 % size) - e.x) / e.width;
        const double dy = (static_cast<double>(i / 3 / size) - e.y) / e.height;
        if (dx * dx + dy * dy < 1) image[i] = static_cast<float>(std::min(1.0, e.color[i % 3]));
    }
}

// A head with eyes on shoulders, before a smooth background.
Input person(Rng& rng) {
    const auto between = [&](double low, double high) {
        return low + (high - low) * rng.uniform();
    };
    constexpr std::size_t kSize = 96;
    Input image = smooth_image(rng, kSize, 2);
    const double light = between(0.3, 1);
    for (float& value : image) value *= static_cast<float>(light);
    const double x = between(30, 66), y = between(25, 45), s = between(8, 20);
    const double tone = between(0.5, 1.1), hair = between(0, 0.3);
    paint(image, kSize,
          {x, y + 2.6 * s, 1.8 * s, 1.9 * s, {rng.uniform(), rng.uniform(), rng.uniform()}});
    paint(image, kSize, {x, y - 0.25 * s, 0.8 * s, 0.9 * s, {hair, hair, hair}});
    paint(image, kSize, {x, y + 0.1 * s, 0.72 * s, 0.85 * s, {.85 * tone, .65 * tone, .5 * tone}});
    for (const double side : {-0.3, 0.3}) {
        paint(image, kSize, {x + side * s, y - 0.05 * s, 0.12 * s, 0.12 * s, {.1, .1, .1}});
    }
    return image;
}

// 49 frames of 10 mel cepstra: a bump of energy, with coefficients that move slowly.
Input word(Rng& rng) {
    constexpr std::size_t kFrames = 49, kCoefficients = 10;
    Input values(kFrames * kCoefficients);
    const double center = 15 + 19 * rng.uniform(), width = 5 + 7 * rng.uniform();
    const double height = 50 * (0.5 + rng.uniform() / 2);
    for (std::size_t k = 0; k < kCoefficients; ++k) {
        const Input wander = series(rng, kFrames, k == 0 ? 0.8 : 0.9);
        const double offset = k == 0 ? -40 : 3 * rng.normal();
        for (std::size_t t = 0; t < kFrames; ++t) {
            const double distance = (static_cast<double>(t) - center) / width;
            const double bump = std::exp(-distance * distance);
            const double move = wander[t];
            values[t * kCoefficients + k] = static_cast<float>(
                k == 0 ? offset + height * bump + 3 * move
                       : offset + 12 / std::sqrt(static_cast<double>(k)) * move * (0.3 + bump));
        }
    }
    return values;
}

// Log-mel frames of 128 bins: a falling envelope with formants, and in each frame the 5 dB by which
// the short-time power of noise scatters.
Input machine(Rng& rng, std::size_t frames) {
    constexpr std::size_t kBins = 128;
    const Input formants = series(rng, kBins, 0.95);
    Input values;
    for (std::size_t t = 0; t < frames; ++t) {
        for (std::size_t bin = 0; bin < kBins; ++bin) {
            const double fall = -10 - 40 * static_cast<double>(bin) / kBins;
            values.push_back(static_cast<float>(fall + 4 * formants[bin] + 5 * rng.normal()));
        }
    }
    return values;
}

struct Agreement {
    int inputs = 0;
    int same = 0;
    std::vector<int> classes;
};

// `sure_at_least` leaves out inputs on which the fp32 twin itself does not decide.
Agreement compare(const std::string& real, const std::string& quantised,
                  const std::function<Input(Rng&)>& draw, float sure_at_least) {
    Twin fp32(real), int8(quantised);
    Rng rng(testing::seed());
    Agreement agreement;
    for (int drawn = 0; agreement.inputs < kInputs && drawn < 10 * kInputs; ++drawn) {
        const Input input = draw(rng);
        const Input want = fp32.run(input);
        if (*std::max_element(want.begin(), want.end()) < sure_at_least) continue;
        agreement.classes.resize(want.size());
        ++agreement.classes[top(want)];
        ++agreement.inputs;
        agreement.same += top(int8.run(input)) == top(want);
    }
    std::printf("%s: %d of %d agree; classes:", quantised.c_str(), agreement.same,
                agreement.inputs);
    for (int count : agreement.classes) std::printf(" %d", count);
    std::printf("\n");
    return agreement;
}

void expect_agreement(const Agreement& agreement) {
    EXPECT_EQ(agreement.inputs, kInputs);
    EXPECT_GE(agreement.same, kInputs * 95 / 100);
    // An input set that always gives one class would prove nothing.
    EXPECT_LT(*std::max_element(agreement.classes.begin(), agreement.classes.end()),
              kInputs * 95 / 100);
}

TEST(Twins, ImageClassification) {
    if (testing::data_dir().empty()) GTEST_SKIP() << testing::kNoData;
    const auto draw = [](Rng& rng) {
        Input image = smooth_image(rng, 32, std::size_t{1} << rng.below(4));
        for (float& value : image) value *= 255;
        return image;
    };
    expect_agreement(compare("pretrainedResnet", "pretrainedResnet_quant", draw, 0.5f));
}

TEST(Twins, VisualWakeWords) {
    if (testing::data_dir().empty()) GTEST_SKIP() << testing::kNoData;
    expect_agreement(compare("vww_96_float", "vww_96_int8", person, 0));
}

TEST(Twins, KeywordSpotting) {
    if (testing::data_dir().empty()) GTEST_SKIP() << testing::kNoData;
    expect_agreement(compare("kws_ref_model_float32", "kws_ref_model", word, 0));
}

// As in the benchmark, the score of a clip is the mean over its windows of five frames.
TEST(Twins, AnomalyDetection) {
    if (testing::data_dir().empty()) GTEST_SKIP() << testing::kNoData;
    constexpr std::size_t kWindows = 10, kWindow = 640, kStep = 128;
    Twin fp32("ad01_fp32"), int8("ad01_int8");
    Rng rng(testing::seed());
    int within = 0;
    double sum = 0, sum8 = 0;
    for (int i = 0; i < kInputs; ++i) {
        const Input clip = machine(rng, kWindows + 4);
        double score = 0, score8 = 0;
        for (std::size_t w = 0; w < kWindows; ++w) {
            const auto start = clip.begin() + static_cast<std::ptrdiff_t>(w * kStep);
            const Input window(start, start + kWindow);
            const Input a = fp32.run(window), b = int8.run(window);
            for (std::size_t j = 0; j < kWindow; ++j) {
                score += std::pow(window[j] - a[j], 2);
                score8 += std::pow(window[j] - b[j], 2);
            }
        }
        within += std::abs(score8 - score) <= 0.05 * score;
        sum += score;
        sum8 += score8;
    }
    std::printf("ad01_int8: %d of %d scores within 5 %%; mean score %.3f, want %.3f\n", within,
                kInputs, sum8 / kInputs / kWindows / kWindow, sum / kInputs / kWindows / kWindow);
    EXPECT_GE(within, kInputs * 95 / 100);
    EXPECT_NEAR(sum8, sum, 0.05 * sum);
}

}  // namespace
}  // namespace hf::runtime
