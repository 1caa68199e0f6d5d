// Depthwise convolution of one image in NHWC, int8: each channel by its own taps. The image arrives
// with its borders there and its channels a multiple of kPanel, as the machine's multiply-add wants
// it (pad_left_i8 in pad.h). Rescaling is TensorFlow Lite's fixed-point arithmetic or ONNX's single
// precision, either to the bit; see gemm_i8.h.
//
// No allocation, no failure: callers have checked every size. Thread-safe.

#pragma once

#include <cstdint>

#include "kernels/simd/gemm_i8.h"
#include "kernels/simd/targets.h"

namespace hf::kernels {

// No int8 window has more taps.
inline constexpr std::size_t kMaxTapsI8 = 1024;

struct Depthwise {
    std::size_t out_height = 0, out_width = 0;
    std::size_t channels = 0;         // of the output, without padding
    std::size_t padded_channels = 0;  // of the input and the weights: a multiple of kPanel
    std::size_t in_row = 0;           // elements from one padded input row to the next
    std::size_t kernel_height = 0, kernel_width = 0;
    std::size_t stride_y = 1, stride_x = 1, dilation_y = 1, dilation_x = 1;
};

struct DepthwiseI8Data {
    const void* in = nullptr;                   // from pad_left_i8
    const std::int8_t* packed = nullptr;        // from pack_depthwise_i8
    const std::int32_t* bias = nullptr;         // padded_channels
    const std::int32_t* weight_sums = nullptr;  // padded_channels: of each channel's taps
    Requantize requantize;
    std::int32_t in_zero = 0;  // the image's zero point
    std::int8_t* out = nullptr;
};

inline std::size_t packed_size_depthwise_i8(std::size_t taps, std::size_t padded_channels) {
    return taps * padded_channels;
}

// `weights` is taps x channels; channels are filled up with zeros. REQUIRES:
// packed_size_depthwise_i8 elements at `packed`.
void pack_depthwise_i8(const Depthwise& depthwise, const std::int8_t* weights, std::int8_t* packed);

void depthwise_i8(const Depthwise& depthwise, const DepthwiseI8Data& data);

}  // namespace hf::kernels
