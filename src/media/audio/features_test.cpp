#include "media/audio/features.h"

#include <cmath>
#include <numbers>

#include <gtest/gtest.h>

namespace hf::media::audio {
namespace {

Framing framing_of(std::size_t window, std::size_t hop, std::size_t fft) {
    Framing framing;
    framing.window_length = window;
    framing.hop = hop;
    framing.fft_length = fft;
    return framing;
}

std::vector<double> frame_of(const Framing& framing, std::span<const float> sound,
                             std::size_t number) {
    std::vector<double> out(framing.fft_length, 9);
    const std::vector<double> weights = framing.weights();
    framing.take(sound, number, weights, out);
    return out;
}

TEST(Framing, CountsTheFramesThatAreFull) {
    Framing framing = framing_of(480, 320, 512);
    framing.align = Framing::Align::kStart;
    EXPECT_EQ(framing.frames(16000), 49U);  // as tf.signal.stft
    EXPECT_EQ(framing.frames(479), 0U);
    EXPECT_EQ(framing.frames(480), 1U);
    framing.align = Framing::Align::kMiddle;
    framing.padding = Framing::Padding::kZeros;
    EXPECT_EQ(framing.frames(16000), 51U);  // as librosa: 1 + 16000 / 320
    EXPECT_EQ(framing.frames(0), 0U);
    for (std::size_t count = 2; count < 60; ++count) {
        const std::size_t fewest = framing.samples(count);
        EXPECT_EQ(framing.frames(fewest), count);
        EXPECT_EQ(framing.frames(fewest - 1), count - 1);
    }
}

TEST(Framing, TakesWhatItSays) {
    const float sound[] = {1, 2, 3, 4, 5, 6};
    Framing framing = framing_of(2, 2, 4);
    framing.window = Window::kRectangular;
    EXPECT_EQ(frame_of(framing, sound, 1), (std::vector<double>{0, 4, 5, 0}));
    framing.align = Framing::Align::kStart;
    EXPECT_EQ(frame_of(framing, sound, 1), (std::vector<double>{3, 4, 0, 0}));
    framing = framing_of(4, 2, 4);
    framing.window = Window::kRectangular;
    framing.padding = Framing::Padding::kZeros;
    EXPECT_EQ(frame_of(framing, sound, 0), (std::vector<double>{0, 0, 1, 2}));
    framing.padding = Framing::Padding::kReflect;
    EXPECT_EQ(frame_of(framing, sound, 0), (std::vector<double>{3, 2, 1, 2}));
    EXPECT_EQ(frame_of(framing, sound, 3), (std::vector<double>{5, 6, 5, 4}));
}

TEST(Framing, WindowsArePeriodicUnlessSymmetric) {
    Framing framing = framing_of(4, 1, 4);
    const std::vector<double> periodic = framing.weights();
    for (std::size_t i = 0; i < 4; ++i) {
        EXPECT_NEAR(periodic[i], (std::vector<double>{0, 0.5, 1, 0.5})[i], 1e-15);
    }
    framing.symmetric = true;
    const std::vector<double> symmetric = framing.weights();
    for (std::size_t i = 0; i < 4; ++i) {
        EXPECT_NEAR(symmetric[i], (std::vector<double>{0, 0.75, 0.75, 0})[i], 1e-15);
    }
}

// Between the middles of the first and the last band every bin is shared by two bands, whose
// weights add up to one.
TEST(Mel, TrianglesAddUpToOne) {
    for (const auto scale : {MelOptions::Scale::kHtk, MelOptions::Scale::kSlaney}) {
        for (const auto straight : {MelOptions::Triangles::kHertz, MelOptions::Triangles::kMels}) {
            const MelFilters filters({20, 300, 4000, scale, straight}, 513, 16000);
            for (std::size_t bin = 64; bin < 220; ++bin) {
                std::vector<double> spectrum(513);
                spectrum[bin] = 1;
                std::vector<double> bands(20);
                filters.apply(spectrum, bands);
                double sum = 0;
                for (const double band : bands) sum += band;
                EXPECT_NEAR(sum, 1, 1e-12) << bin;
            }
        }
    }
}

// librosa.mel_frequencies(5, fmin=0, fmax=8000): 0, 754.1, 1688.9, 3675.8, 8000 Hz.
TEST(Mel, SlaneysBandsLieWhereLibrosaHasThem) {
    const MelFilters filters({3, 0, 8000, MelOptions::Scale::kSlaney}, 8001, 16000);
    std::vector<double> spectrum(8001);
    const std::size_t middles[] = {754, 1689, 3676};
    for (std::size_t b = 0; b < 3; ++b) {
        std::vector<double> bands(3);
        spectrum[middles[b]] = 1;
        filters.apply(spectrum, bands);
        spectrum[middles[b]] = 0;
        EXPECT_GT(bands[b], 0.999) << b;
    }
}

FeatureOptions plain(FeatureOptions::Kind kind) {
    FeatureOptions options;
    options.kind = kind;
    options.framing = framing_of(64, 32, 64);
    options.mel = {8, 0, 4000, MelOptions::Scale::kHtk};
    options.coefficients = 8;
    return options;
}

std::vector<float> tone(std::size_t bin) {
    std::vector<float> samples;
    for (std::size_t i = 0; i < 256; ++i) {
        const double turn = 2 * std::numbers::pi * static_cast<double>(bin * i) / 64;
        samples.push_back(static_cast<float>(std::cos(turn)));
    }
    return samples;
}

TEST(Features, AToneIsOneBinWide) {
    FeatureOptions options = plain(FeatureOptions::Kind::kSpectrogram);
    options.framing.window = Window::kRectangular;
    options.power = 1;
    const Features features(options, 8000);
    ASSERT_EQ(features.width(), 33U);
    const std::vector<float> rows = features.of(tone(5));
    ASSERT_EQ(rows.size(), 7U * 33);
    for (std::size_t i = 0; i < rows.size(); ++i) {
        EXPECT_NEAR(rows[i], i % 33 == 5 ? 32 : 0, 1e-4) << i;
    }
}

TEST(Features, LogarithmsHaveAFloorAndARange) {
    FeatureOptions options = plain(FeatureOptions::Kind::kSpectrogram);
    options.framing.window = Window::kRectangular;
    options.log = {LogOptions::Base::kDecibels, 0, 1e-10};
    const std::vector<float> whole = Features(options, 8000).of(tone(5));
    EXPECT_NEAR(whole[5], 10 * std::log10(1024.0), 1e-4);
    EXPECT_NEAR(Features(options, 8000).of(std::vector<float>(64))[5], -100, 1e-6);
    options.log.has_range = true;
    options.log.range = 80;
    options.log.to_loudest = true;
    const std::vector<float> near = Features(options, 8000).of(tone(5));
    EXPECT_NEAR(near[5], 0, 1e-4);
    EXPECT_NEAR(near[6], -80, 1e-4);
    options.power = 1;
    options.log = {LogOptions::Base::kDecibels, 0, 1e-10};
    EXPECT_NEAR(Features(options, 8000).of(tone(5))[5], 20 * std::log10(32.0), 1e-4);
}

// The transform is orthogonal: with all coefficients it keeps lengths.
TEST(Features, CosinesKeepLengths) {
    FeatureOptions options = plain(FeatureOptions::Kind::kMel);
    options.log = {LogOptions::Base::kE, 1e-6, 0};
    const std::vector<float> bands = Features(options, 8000).of(tone(3));
    options.kind = FeatureOptions::Kind::kMfcc;
    const std::vector<float> cosines = Features(options, 8000).of(tone(3));
    options.dct = FeatureOptions::Dct::kHtk;
    const std::vector<float> htk = Features(options, 8000).of(tone(3));
    ASSERT_EQ(bands.size(), cosines.size());
    for (std::size_t f = 0; f < bands.size() / 8; ++f) {
        double of_bands = 0;
        double of_cosines = 0;
        for (std::size_t i = f * 8; i < f * 8 + 8; ++i) {
            of_bands += static_cast<double>(bands[i]) * static_cast<double>(bands[i]);
            of_cosines += static_cast<double>(cosines[i]) * static_cast<double>(cosines[i]);
        }
        EXPECT_NEAR(of_bands, of_cosines, 1e-3 * of_bands);
        EXPECT_NEAR(htk[f * 8], cosines[f * 8] * std::numbers::sqrt2_v<float>, 1e-4);
        EXPECT_EQ(htk[f * 8 + 1], cosines[f * 8 + 1]);
    }
}

TEST(Features, ALifterWeighsCoefficients) {
    FeatureOptions options = plain(FeatureOptions::Kind::kMfcc);
    options.log = {LogOptions::Base::kE, 1e-6, 0};
    const std::vector<float> without = Features(options, 8000).of(tone(3));
    options.lifter = 22;
    const std::vector<float> with = Features(options, 8000).of(tone(3));
    for (std::size_t k = 0; k < 8; ++k) {
        const double weight = 1 + 11 * std::sin(std::numbers::pi * static_cast<double>(k + 1) / 22);
        EXPECT_NEAR(with[k], without[k] * static_cast<float>(weight), 1e-3);
    }
}

}  // namespace
}  // namespace hf::media::audio
