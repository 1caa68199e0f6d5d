// Framing: how a sound is cut into frames that overlap, and with what window each is weighted: the
// analysis of a short-time Fourier transform. The conventions of libraries differ, and a model
// knows only the one that it was trained with:
//
//     librosa, torchaudio   a frame has fft_length samples, with the window in its middle, and the
//                           sound is padded by half of that at either end (zeros or reflected)
//     tf.signal.stft        a frame has window_length samples, and is followed by zeros up to
//                           fft_length; nothing is padded
//
// A value. Pure.

#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace hf::media::audio {

enum class Window : unsigned char { kHann, kHamming, kRectangular };

struct Framing {
    enum class Align : unsigned char { kMiddle, kStart };
    enum class Padding : unsigned char { kNone, kZeros, kReflect };

    std::size_t window_length = 0;  // samples, from 1 to fft_length
    std::size_t hop = 0;            // from a frame's start to the next one's, from 1 on
    std::size_t fft_length = 0;
    Window window = Window::kHann;
    bool symmetric = false;  // else periodic, as spectra want it
    Align align = Align::kMiddle;
    Padding padding = Padding::kNone;

    // How many samples a frame looks at.
    std::size_t span() const { return align == Align::kMiddle ? fft_length : window_length; }

    // Of a sound of that many samples; those at the end that fill no frame are left out.
    std::size_t frames(std::size_t samples) const;

    // The fewest samples of which there are that many frames. REQUIRES: frames > 0.
    std::size_t samples(std::size_t frames) const;

    // Weights for all of span().
    std::vector<double> weights() const;

    // The frame of that number, weighted, with zeros after span(). REQUIRES: number <
    // frames(sound.size()), `weights` as above, room for fft_length.
    void take(std::span<const float> sound, std::size_t number, std::span<const double> weights,
              std::span<double> out) const;

private:
    std::size_t padded() const { return padding == Padding::kNone ? 0 : span() / 2; }
};

}  // namespace hf::media::audio
