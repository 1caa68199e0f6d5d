#include "serve/tasks/audio_features.h"

#include <bit>

namespace hf::serve::tasks {
namespace {

using media::audio::FeatureOptions;
using media::audio::Framing;
using media::audio::LogOptions;
using media::audio::MelOptions;
using media::audio::RealFft;

Result<std::size_t> need_count(const Fields& fields, std::string_view key, Range range) {
    if (!fields.has(key)) return invalid_argument("{}: is missing", fields.place(key));
    return static_cast<std::size_t>(HF_TRY(fields.integer(key, 0, range)));
}

// Members that mean something for some kinds only.
Status refuse(const Fields& fields, std::initializer_list<std::string_view> keys,
              std::string_view why) {
    for (const std::string_view key : keys) {
        if (fields.has(key)) return invalid_argument("{}: {}", fields.place(key), why);
    }
    return {};
}

Result<Framing> read_framing(const Fields& features) {
    constexpr auto kMost = static_cast<std::int64_t>(RealFft::kMaxLength);
    Framing framing;
    framing.window_length = HF_TRY(need_count(features, "window_length", {1, kMost}));
    framing.hop = HF_TRY(need_count(features, "hop", {1, kMost}));
    const auto least = static_cast<std::int64_t>(framing.window_length);
    const auto power_of_two =
        static_cast<std::int64_t>(std::max<std::size_t>(2, std::bit_ceil(framing.window_length)));
    framing.fft_length = static_cast<std::size_t>(
        HF_TRY(features.integer("fft_length", power_of_two, {least, kMost})));
    if (!RealFft::supports(framing.fft_length)) {
        return invalid_argument(
            "{}: {} is not built; want an even number of the factors 2, 3, 5 and 7",
            features.place("fft_length"), framing.fft_length);
    }
    framing.window = static_cast<media::audio::Window>(
        HF_TRY(features.choice("window", {"hann", "hamming", "rectangular"})));
    framing.symmetric = HF_TRY(features.truth("symmetric", false));
    framing.align =
        static_cast<Framing::Align>(HF_TRY(features.choice("align", {"middle", "start"})));
    framing.padding = static_cast<Framing::Padding>(
        HF_TRY(features.choice("padding", {"none", "zeros", "reflect"})));
    return framing;
}

Result<MelOptions> read_mel(const Fields& features, std::int64_t rate) {
    MelOptions mel;
    mel.bands = HF_TRY(need_count(features, "bands", {1, kMaxBands}));
    mel.low_hz = HF_TRY(features.number("low_hz", 0));
    const double half = static_cast<double>(rate) / 2;
    mel.high_hz = HF_TRY(features.number("high_hz", half));
    if (!(mel.low_hz >= 0 && mel.low_hz < mel.high_hz && mel.high_hz <= half)) {
        return invalid_argument("{}: want low_hz from 0 on, below high_hz, and that at most {}",
                                features.at(), half);
    }
    mel.scale =
        static_cast<MelOptions::Scale>(HF_TRY(features.choice("mel_scale", {"htk", "slaney"})));
    if (!features.has("mel_scale")) {
        return invalid_argument("{}: is missing; want one of: htk, slaney",
                                features.place("mel_scale"));
    }
    mel.triangles =
        static_cast<MelOptions::Triangles>(HF_TRY(features.choice("triangles", {"hertz", "mels"})));
    mel.equal_area = HF_TRY(features.choice("mel_norm", {"none", "slaney"})) == 1;
    return mel;
}

Result<LogOptions> read_log(const Fields& features) {
    LogOptions log;
    log.base =
        static_cast<LogOptions::Base>(HF_TRY(features.choice("log", {"none", "e", "10", "db"})));
    if (log.base == LogOptions::Base::kNone) {
        HF_TRY(refuse(features, {"log_offset", "log_floor", "log_range", "log_reference"},
                      "goes with \"log\""));
        return log;
    }
    log.offset = HF_TRY(features.number("log_offset", 0));
    log.floor = HF_TRY(features.number("log_floor", log.offset > 0 ? 0 : 1e-10));
    if (!(log.offset >= 0 && log.floor >= 0 && log.offset + log.floor > 0)) {
        return invalid_argument("{}: want log_offset and log_floor from 0 on, and one above it",
                                features.at());
    }
    log.to_loudest = HF_TRY(features.choice("log_reference", {"one", "loudest"})) == 1;
    log.has_range = features.has("log_range");
    log.range = HF_TRY(features.number("log_range", 0));
    if (log.range < 0) {
        return invalid_argument("{}: want a number from 0 on", features.place("log_range"));
    }
    return log;
}

}  // namespace

Result<FeatureOptions> read_features(const Fields& features, std::int64_t rate) {
    HF_TRY(features.only(
        {"kind",      "window",        "window_length", "symmetric", "hop",        "fft_length",
         "align",     "padding",       "power",         "bands",     "low_hz",     "high_hz",
         "mel_scale", "triangles",     "mel_norm",      "log",       "log_offset", "log_floor",
         "log_range", "log_reference", "coefficients",  "dct",       "lifter"}));
    using Kind = FeatureOptions::Kind;
    FeatureOptions options;
    if (!features.has("kind")) {
        return invalid_argument("{}: is missing; want one of: spectrogram, mel, mfcc",
                                features.place("kind"));
    }
    options.kind =
        static_cast<Kind>(HF_TRY(features.choice("kind", {"spectrogram", "mel", "mfcc"})));
    options.framing = HF_TRY(read_framing(features));
    options.power = static_cast<int>(HF_TRY(features.integer("power", 2, {1, 2})));
    options.log = HF_TRY(read_log(features));
    if (options.kind == Kind::kSpectrogram) {
        HF_TRY(refuse(features,
                      {"bands", "low_hz", "high_hz", "mel_scale", "triangles", "mel_norm"},
                      "goes with \"mel\" and \"mfcc\""));
    } else {
        options.mel = HF_TRY(read_mel(features, rate));
    }
    if (options.kind != Kind::kMfcc) {
        HF_TRY(refuse(features, {"coefficients", "dct", "lifter"}, "goes with \"mfcc\""));
        return options;
    }
    const auto bands = static_cast<std::int64_t>(options.mel.bands);
    options.coefficients = HF_TRY(need_count(features, "coefficients", {1, bands}));
    options.dct =
        static_cast<FeatureOptions::Dct>(HF_TRY(features.choice("dct", {"ortho", "htk"})));
    options.lifter = HF_TRY(features.number("lifter", 0));
    if (options.lifter < 0) {
        return invalid_argument("{}: want a number from 0 on", features.place("lifter"));
    }
    return options;
}

}  // namespace hf::serve::tasks
