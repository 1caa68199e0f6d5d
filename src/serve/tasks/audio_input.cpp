#include "serve/tasks/audio_input.h"

#include <algorithm>
#include <cmath>

#include "media/audio/resample.h"
#include "serve/tasks/audio_features.h"

namespace hf::serve::tasks {
namespace {

constexpr double kVarianceFloor = 1e-7;  // as feature extractors of wav2vec 2.0 add it

bool is_open(std::int64_t extent) {
    return extent == Shape::kUnknown;
}

// One number for all, or one for each of `width`.
Result<std::vector<double>> read_each(const Fields& audio, std::string_view key, std::size_t width,
                                      double fallback) {
    if (!audio.has(key)) return std::vector<double>{fallback};
    std::vector<double> given = HF_TRY(audio.numbers(key));
    if (given.size() != 1 && given.size() != width) {
        return invalid_argument("{}: has {} numbers; want 1 or {}", audio.place(key), given.size(),
                                width);
    }
    return given;
}

// How many of `extra` samples lie before what is kept, or are filled in front of it.
std::size_t before(std::size_t extra, std::size_t keep) {
    return keep == 0 ? 0 : (keep == 1 ? extra / 2 : extra);
}

}  // namespace

Status AudioInput::read_axes(const Fields& audio, const runtime::Port& port) {
    if (!is_numeric(port.dtype)) {
        return invalid_argument("{}: the input '{}' has {}, and samples are numbers", audio.at(),
                                port.name, dtype_name(port.dtype));
    }
    name_ = port.name;
    dtype_ = port.dtype;
    shape_ = port.shape;
    const bool batched = shape_.rank() > 1;
    for (std::size_t i = batched ? 1 : 0; i < shape_.rank(); ++i) {
        if (shape_[i] != 1) wide_.push_back(i);
    }
    const std::size_t most = features_ ? 2 : 1;
    const bool one = !batched || is_open(shape_[0]) || shape_[0] == 1;
    if (!one || wide_.empty() || wide_.size() > most) {
        return invalid_argument("{}: the input '{}' has shape {}, and one sound wants {}",
                                audio.at(), name_, shape_.to_string(),
                                features_ ? "1xTxF, 1xFxT or 1xN, and ones" : "1xN, and ones");
    }
    layout_ = static_cast<Layout>(HF_TRY(audio.choice("layout", {"frames-first", "bands-first"})));
    if (audio.has("layout") && !features_) {
        return invalid_argument("{}: goes with features", audio.place("layout"));
    }
    return {};
}

// How many samples and frames a model takes that has samples for input.
Status AudioInput::read_lengths(const Fields& audio) {
    constexpr auto kMost = static_cast<std::int64_t>(media::audio::kMaxSoundSamples);
    samples_ = static_cast<std::size_t>(HF_TRY(audio.integer("samples", 0, {1, kMost})));
    if (features_) return read_frames(audio);
    const std::int64_t own = extent(0);
    if (is_open(own)) return {};
    if (own < 1 || own > kMost || (samples_ > 0 && static_cast<std::int64_t>(samples_) != own)) {
        return invalid_argument("{}: {} samples, and the model takes {}; at most {}",
                                audio.place("samples"), samples_, own, kMost);
    }
    samples_ = static_cast<std::size_t>(own);
    return {};
}

// The same of one that has features for input.
Status AudioInput::read_frames(const Fields& audio) {
    const media::audio::Framing& framing = features_->framing();
    const std::string place = audio.place("features");
    const auto width = static_cast<std::int64_t>(features_->width());
    const bool frames_first = layout_ == Layout::kFramesFirst;
    const std::int64_t own_width = is_flat() ? width : extent(frames_first ? 1 : 0);
    if (!is_open(own_width) && own_width != width) {
        return invalid_argument("{}: has {} numbers a frame, and the input '{}' of shape {} has {}",
                                place, width, name_, shape_.to_string(), own_width);
    }
    std::int64_t own = is_flat() ? extent(0) : extent(frames_first ? 0 : 1);
    if (is_flat() && !is_open(own)) {
        if (own % width != 0) {
            return invalid_argument("{}: has {} numbers a frame, of which {} are no multiple",
                                    place, width, own);
        }
        own /= width;
    }
    if (is_open(own)) {
        frames_ = samples_ > 0 ? framing.frames(samples_) : 0;
        if (samples_ > 0 && frames_ == 0) {
            return invalid_argument("{}: {} samples are too few for one frame",
                                    audio.place("samples"), samples_);
        }
        return {};
    }
    if (own < 1 || static_cast<std::size_t>(own) > kMaxAudioFrames) {
        return invalid_argument("{}: the model takes {} frames; want 1 to {}", place, own,
                                kMaxAudioFrames);
    }
    frames_ = static_cast<std::size_t>(own);
    const std::size_t fewest = framing.samples(frames_);
    if (samples_ == 0) samples_ = fewest;
    const std::size_t made = framing.frames(samples_);
    if (made != frames_ && made != frames_ + 1) {
        return invalid_argument("{}: {} samples make {} frames, and the model takes {}: want {}",
                                audio.place("samples"), samples_, made, frames_, fewest);
    }
    return {};
}

Status AudioInput::read_values(const Fields& audio) {
    keep_ = static_cast<Keep>(HF_TRY(audio.choice("keep", {"start", "middle", "end"})));
    level_ =
        static_cast<Level>(HF_TRY(audio.choice("level", {"as-is", "peak", "maximum", "variance"})));
    scale_ = HF_TRY(audio.number("scale", 1));
    mean_ = HF_TRY(read_each(audio, "mean", width(), 0));
    std_ = HF_TRY(read_each(audio, "std", width(), 1));
    for (const double one : std_) {
        if (!(one > 0)) return invalid_argument("{}: want numbers above 0", audio.place("std"));
    }
    if (audio.has("keep") && (samples_ == 0 || step_ > 0)) {
        return invalid_argument(
            "{}: goes with \"samples\", or a model that leaves none open, and without \"step\"",
            audio.place("keep"));
    }
    return {};
}

Status AudioInput::read_step(const Fields& audio) {
    if (!audio.has("step")) return {};
    constexpr auto kMost = static_cast<std::int64_t>(media::audio::kMaxSoundSamples);
    step_ = static_cast<std::size_t>(HF_TRY(audio.integer("step", 1, {1, kMost})));
    if (samples_ == 0) {
        return invalid_argument("{}: goes with \"samples\", or a model that leaves none open",
                                audio.place("step"));
    }
    if (shape_.rank() < 2 || !is_open(shape_[0])) {
        return invalid_argument("{}: the input '{}' of shape {} takes one window at a time",
                                audio.place("step"), name_, shape_.to_string());
    }
    return {};
}

Result<AudioInput> AudioInput::read(const Fields& declaration,
                                    const runtime::Signature& signature) {
    const std::optional<Fields> audio = HF_TRY(declaration.child("audio"));
    if (!audio) return invalid_argument("{}: is missing", declaration.place("audio"));
    HF_TRY(audio->only({"rate", "samples", "keep", "step", "level", "scale", "features", "layout",
                        "mean", "std", "quantization"}));
    if (signature.inputs.size() != 1) {
        return invalid_argument("{}: the model has {} inputs, and a sound is one", audio->at(),
                                signature.inputs.size());
    }
    if (!audio->has("rate")) return invalid_argument("{}: is missing", audio->place("rate"));
    HF_TRY(media::audio::has_decoder().context("{}", audio->at()));
    AudioInput input;
    input.rate_ =
        HF_TRY(audio->integer("rate", 0, {media::audio::kMinRate, media::audio::kMaxRate}));
    const std::optional<Fields> features = HF_TRY(audio->child("features"));
    if (features) {
        const media::audio::FeatureOptions options = HF_TRY(read_features(*features, input.rate_));
        input.features_.emplace(options, input.rate_);
    }
    HF_TRY(input.read_axes(*audio, signature.inputs[0]));
    HF_TRY(input.read_lengths(*audio));
    HF_TRY(input.read_step(*audio));
    HF_TRY(input.read_values(*audio));
    if (input.features_) HF_TRY(input.check_frames(input.frames_).context("{}", audio->at()));
    input.quantization_ = HF_TRY(read_quantization(*audio, "quantization", signature.inputs[0]));
    return input;
}

void AudioInput::set_level(std::vector<float>& samples) const {
    double mean = 0;
    double divisor = 1;
    if (level_ == Level::kPeak || level_ == Level::kMaximum) {
        double most = 0;
        for (const float sample : samples) {
            const auto value = static_cast<double>(sample);
            most = std::max(most, level_ == Level::kPeak ? std::abs(value) : value);
        }
        if (most > 0) divisor = most;
    }
    if (level_ == Level::kVariance) {
        const auto count = static_cast<double>(samples.size());
        for (const float sample : samples) mean += static_cast<double>(sample) / count;
        double variance = 0;
        for (const float sample : samples) {
            const double distance = static_cast<double>(sample) - mean;
            variance += distance * distance / count;
        }
        divisor = std::sqrt(variance + kVarianceFloor);
    }
    for (float& sample : samples) {
        sample = static_cast<float>((static_cast<double>(sample) - mean) / divisor * scale_);
    }
}

std::vector<float> AudioInput::fill(std::vector<float> samples) const {
    if (samples.size() >= samples_) return samples;
    const std::size_t first = before(samples_ - samples.size(), static_cast<std::size_t>(keep_));
    std::vector<float> filled(samples_, 0.0F);
    std::copy(samples.begin(), samples.end(), filled.begin() + static_cast<std::ptrdiff_t>(first));
    return filled;
}

// That its features take neither too long nor too much memory. REQUIRES: features.
Status AudioInput::check_frames(std::size_t frames) const {
    const std::size_t length = features_->framing().fft_length;
    if (frames <= kMaxAudioFrames && frames * width() <= kMaxAudioValues &&
        frames * length <= kMaxAudioTransformed) {
        return {};
    }
    return resource_exhausted(
        "{} frames with a transform of {} samples and {} numbers each; at most {} frames, {} "
        "samples and {} numbers in all",
        frames, length, width(), kMaxAudioFrames, kMaxAudioTransformed, kMaxAudioValues);
}

Result<std::vector<float>> AudioInput::features_of(const std::vector<float>& samples) const {
    const std::size_t made = features_->framing().frames(samples.size());
    const std::size_t frames = frames_ > 0 ? frames_ : made;
    if (frames == 0) {
        return invalid_argument("the sound has {} samples at {} Hz, too few for one frame of {}",
                                samples.size(), rate_, features_->framing().span());
    }
    HF_TRY(check_frames(frames));
    std::vector<float> values = features_->of(samples);
    values.resize(frames * width());  // one frame more than the model takes may have been made
    return values;
}

// What the model is given of a window's samples.
Result<std::vector<float>> AudioInput::row_of(std::vector<float> samples) const {
    set_level(samples);
    std::vector<float> values = fill(std::move(samples));
    if (features_) values = HF_TRY(features_of(values));
    const std::size_t frames = values.size() / width();
    const bool turned = layout_ == Layout::kBandsFirst;
    std::vector<float> ordered(values.size());
    for (std::size_t f = 0; f < frames; ++f) {
        for (std::size_t i = 0; i < width(); ++i) {
            const double mean = mean_[mean_.size() == 1 ? 0 : i];
            const double spread = std_[std_.size() == 1 ? 0 : i];
            const double value = (static_cast<double>(values[f * width() + i]) - mean) / spread;
            ordered[turned ? i * frames + f : f * width() + i] = static_cast<float>(value);
        }
    }
    return ordered;
}

Tensor AudioInput::to_tensor(std::span<const float> values, std::size_t rows) const {
    const bool turned = layout_ == Layout::kBandsFirst;
    std::vector<std::int64_t> extents(shape_.rank(), 1);
    const std::size_t row = values.size() / rows;
    if (extents.size() > 1) extents[0] = static_cast<std::int64_t>(rows);
    if (is_flat()) {
        extents[wide_[0]] = static_cast<std::int64_t>(row);
    } else {
        extents[wide_[turned ? 1 : 0]] = static_cast<std::int64_t>(row / width());
        extents[wide_[turned ? 0 : 1]] = static_cast<std::int64_t>(width());
    }
    Tensor tensor(dtype_, Shape(extents));
    write_numbers(values, quantization_, tensor);
    return tensor;
}

std::size_t AudioInput::windows_of(std::size_t samples) const {
    if (step_ == 0 || samples <= samples_) return 1;
    return 1 + (samples - samples_ + step_ - 1) / step_;
}

// Of several, each has samples_.
Status AudioInput::check_windows(std::size_t windows) const {
    if (windows > kMaxAudioWindows || (windows > 1 && windows * samples_ > kMaxAudioValues)) {
        return resource_exhausted(
            "the sound has {} windows of {} samples; at most {}, and {} samples in all: send a "
            "shorter one",
            windows, samples_, kMaxAudioWindows, kMaxAudioValues);
    }
    return features_ ? check_frames(windows * frames_) : Status();
}

double AudioInput::start_of(std::size_t window) const {
    return static_cast<double>(window * step_) / static_cast<double>(rate_);
}

Result<AudioInput::Placed> AudioInput::place(ByteView file) const {
    media::audio::Sound sound = HF_TRY(media::audio::decode_sound(file));
    const std::size_t whole =
        media::audio::resampled_length(sound.samples.size(), sound.rate, rate_);
    const std::size_t windows = windows_of(whole);
    HF_TRY(check_windows(windows));
    media::audio::Stretch kept;
    if (step_ == 0 && samples_ > 0 && whole > samples_) {
        kept = {before(whole - samples_, static_cast<std::size_t>(keep_)), samples_};
    }
    sound = HF_TRY(media::audio::resample(std::move(sound), rate_, kept));
    if (windows == 1) {
        const std::vector<float> row = HF_TRY(row_of(std::move(sound.samples)));
        return Placed{to_tensor(row, 1), 1};
    }
    std::vector<float> rows;
    for (std::size_t i = 0; i < windows; ++i) {
        const auto all = std::span<const float>(sound.samples).subspan(i * step_);
        const auto window = all.first(std::min(samples_, all.size()));
        const std::vector<float> row =
            HF_TRY(row_of(std::vector<float>(window.begin(), window.end())));
        rows.insert(rows.end(), row.begin(), row.end());
    }
    return Placed{to_tensor(rows, windows), windows};
}

json::Object AudioInput::describe() const {
    json::Object about{{"media_types", json::Array{"audio/wav", "audio/flac"}}, {"rate", rate_}};
    if (samples_ > 0) about["samples"] = samples_;
    if (step_ > 0) about["step"] = step_;
    if (frames_ > 0) about["frames"] = frames_;
    if (features_) about["bands"] = width();
    return about;
}

}  // namespace hf::serve::tasks
