// WAV and FLAC files; what is heard of them is resampled, and its features are taken.

#include "media/audio/features.h"
#include "media/audio/resample.h"

namespace {

constexpr std::size_t kMaxSamples = 1u << 14;  // of what is gone on with

hf::media::audio::Features some_features() {
    hf::media::audio::FeatureOptions options;
    options.kind = hf::media::audio::FeatureOptions::Kind::kMfcc;
    options.framing.window_length = 20;
    options.framing.hop = 10;
    options.framing.fft_length = 30;
    options.framing.padding = hf::media::audio::Framing::Padding::kReflect;
    options.mel.bands = 5;
    options.mel.high_hz = 8000;
    options.log.base = hf::media::audio::LogOptions::Base::kDecibels;
    options.log.floor = 1e-10;
    options.coefficients = 4;
    return hf::media::audio::Features(options, 16000);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const hf::media::audio::Features kFeatures = some_features();
    auto sound = hf::media::audio::decode_sound({data, size});
    if (!sound.ok() || sound->samples.size() > kMaxSamples) return 0;
    const auto resampled = hf::media::audio::resample(std::move(*sound), 16000);
    if (resampled.ok() && resampled->samples.size() <= kMaxSamples) {
        (void)kFeatures.of(resampled->samples);
    }
    return 0;
}
