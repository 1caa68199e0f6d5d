// AudioInput: how a sound becomes the one input of a model: decoded to one channel
// (media/audio/sound.h), resampled to the model's rate, cut or filled up to its length, its level
// set, and then the samples as they are or their features. A longer sound may become several rows,
// a window every so many samples.
//
//     value = (x - mean) / std, x being a sample * scale, or what features make of these
//
// Immutable once made; from any thread. Pure.

#pragma once

#include <optional>
#include <vector>

#include "media/audio/features.h"
#include "serve/tasks/ports.h"
#include "serve/tasks/task.h"

namespace hf::serve::tasks {

inline constexpr std::size_t kMaxAudioFrames = std::size_t{1} << 17;
inline constexpr std::size_t kMaxAudioTransformed = std::size_t{1} << 28;  // frames * FFT length
inline constexpr std::size_t kMaxAudioWindows = 1024;
inline constexpr std::size_t kMaxAudioValues = std::size_t{16} << 20;  // what a model is given

class AudioInput final {
public:
    // Of the member "audio" of a declaration. INVALID_ARGUMENT also for a model whose inputs are
    // not one sound.
    static Result<AudioInput> read(const Fields& declaration, const runtime::Signature& signature);

    struct Placed {
        Tensor tensor;
        std::size_t rows = 1;
    };
    Result<Placed> place(ByteView file) const;

    // Whether a sound becomes windows, and where one begins, in seconds.
    bool has_windows() const { return step_ > 0; }
    double start_of(std::size_t window) const;

    json::Object describe() const;

private:
    enum class Keep : unsigned char { kStart, kMiddle, kEnd };
    enum class Level : unsigned char { kAsIs, kPeak, kMaximum, kVariance };
    enum class Layout : unsigned char { kFramesFirst, kBandsFirst };

    Status read_axes(const Fields& audio, const runtime::Port& port);
    Status read_lengths(const Fields& audio);
    Status read_frames(const Fields& audio);
    Status read_values(const Fields& audio);
    Status read_step(const Fields& audio);
    Status check_frames(std::size_t frames) const;
    Status check_windows(std::size_t windows) const;
    std::size_t windows_of(std::size_t samples) const;
    std::size_t width() const { return features_ ? features_->width() : 1; }
    std::int64_t extent(std::size_t axis) const { return shape_[wide_[axis]]; }
    bool is_flat() const { return wide_.size() == 1; }

    void set_level(std::vector<float>& samples) const;
    std::vector<float> fill(std::vector<float> samples) const;
    Result<std::vector<float>> features_of(const std::vector<float>& samples) const;
    Result<std::vector<float>> row_of(std::vector<float> samples) const;
    Tensor to_tensor(std::span<const float> values, std::size_t rows) const;

    std::string name_;  // of the input
    DType dtype_ = DType::kF32;
    Shape shape_;  // as the model has it
    // Its axes that are no ones: samples, or frames and numbers a frame, or all of these in a row.
    std::vector<std::size_t> wide_;
    Layout layout_ = Layout::kFramesFirst;
    std::int64_t rate_ = 0;
    std::size_t samples_ = 0;  // 0: as many as there are
    std::size_t frames_ = 0;   // likewise
    std::size_t step_ = 0;     // from a window to the next one; 0: there is one
    Keep keep_ = Keep::kStart;
    Level level_ = Level::kAsIs;
    double scale_ = 1;
    std::optional<media::audio::Features> features_;
    std::vector<double> mean_{0};  // one, or width()
    std::vector<double> std_{1};
    Quantization quantization_;
};

}  // namespace hf::serve::tasks
