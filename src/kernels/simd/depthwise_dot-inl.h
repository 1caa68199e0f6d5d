// Depthwise convolution, int8, by the dot product of bytes (dot-inl.h): four neighbouring pixels of
// a row are turned so that a channel's four bytes lie together, and meet a row of the window in one
// instruction a vector of channels. With windows three wide at stride 1 the same four pixels serve
// two results. Included once a Highway target; empty without the instruction.

// clang-format off
#if defined(HF_KERNELS_DEPTHWISE_DOT_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef HF_KERNELS_DEPTHWISE_DOT_INL
#undef HF_KERNELS_DEPTHWISE_DOT_INL
#else
#define HF_KERNELS_DEPTHWISE_DOT_INL
#endif
// clang-format on

#include <algorithm>
#include <cstring>

#include "kernels/simd/depthwise.h"
#include "kernels/simd/dot-inl.h"
#include "kernels/simd/requantize-inl.h"

#if HF_KERNELS_HAVE_DOT

HWY_BEFORE_NAMESPACE();
namespace hf::kernels {
namespace HWY_NAMESPACE {
namespace dot {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<std::int32_t, kPanel>;
using V = hn::VFromD<D>;
static_assert(hn::MaxLanes(D()) == kPanel);

// Byte 4c + j becomes byte c of pixel j: kSkip pixels of zeros, kCount that lie `step` bytes apart,
// then zeros again.
template <std::size_t kSkip, std::size_t kCount, class T>
HWY_INLINE V turned(const T* pixel, std::size_t step) {
    const auto load = [&](std::size_t i) HWY_ATTR {
        return i < kSkip || i >= kSkip + kCount
                   ? _mm_setzero_si128()
                   : _mm_loadu_si128(reinterpret_cast<const __m128i*>(pixel + (i - kSkip) * step));
    };
    __m512i all = _mm512_castsi128_si512(load(0));
    all = _mm512_inserti32x4(all, load(1), 1);
    all = _mm512_inserti32x4(all, load(2), 2);
    all = _mm512_inserti32x4(all, load(3), 3);
    alignas(64) static constexpr std::int32_t kDwords[16] = {0, 4, 8,  12, 1, 5, 9,  13,
                                                             2, 6, 10, 14, 3, 7, 11, 15};
    alignas(16) static constexpr std::int8_t kBytes[16] = {0, 4, 8,  12, 1, 5, 9,  13,
                                                           2, 6, 10, 14, 3, 7, 11, 15};
    const D d;
    const hn::Repartition<std::int8_t, D> d8;
    const V turned = hn::TableLookupLanes(V{all}, hn::SetTableIndices(d, kDwords));
    return hn::BitCast(d,
                       hn::TableLookupBytes(hn::BitCast(d8, turned), hn::LoadDup128(d8, kBytes)));
}

// The same for a number of pixels that is known when it runs, 1 to 4.
template <class T>
HWY_INLINE V turned_some(const T* pixel, std::size_t step, std::size_t count) {
    switch (count) {
        case 1: return turned<0, 1>(pixel, step);
        case 2: return turned<0, 2>(pixel, step);
        case 3: return turned<0, 3>(pixel, step);
        default: return turned<0, 4>(pixel, step);
    }
}

// Results of one row and one vector of channels.
template <class Rescaling>
class Row {
public:
    Row(const Depthwise& s, const DepthwiseI8Data& data, std::size_t channel)
        : s_(s), data_(data), channel_(channel), rescaling_(data.requantize, channel) {
        const D d;
        in_row_ = s.in_row / s.padded_channels * s.channels;
        zero_ = hn::Set(d, data.requantize.zero_point);
        low_ = hn::Set(d, data.requantize.min);
        high_ = hn::Set(d, data.requantize.max);
        const V shift = hn::Set(d, data.in_zero + 128);
        start_ = hn::Sub(hn::LoadU(d, data.bias + channel),
                         hn::Mul(shift, hn::LoadU(d, data.weight_sums + channel)));
    }

    HWY_INLINE void store(std::size_t y, std::size_t x, V sum) const {
        const hn::Rebind<std::int8_t, D> narrow;
        V value = hn::Add(rescaling_(sum), zero_);
        value = hn::Min(hn::Max(value, low_), high_);
        std::int8_t* out = data_.out + (y * s_.out_width + x) * s_.channels + channel_;
        const std::size_t left = s_.channels - channel_;
        if (left >= kPanel) return hn::StoreU(hn::DemoteTo(narrow, value), narrow, out);
        std::int8_t lanes[kPanel];
        hn::StoreU(hn::DemoteTo(narrow, value), narrow, lanes);
        std::memcpy(out, lanes, left);
    }

    // Where the window of result (y, x) starts.
    const std::uint8_t* pixel(std::size_t y, std::size_t x) const {
        return static_cast<const std::uint8_t*>(data_.in) + y * s_.stride_y * in_row_ +
               x * s_.stride_x * s_.channels + channel_;
    }
    // Bytes from an input row to the next: channels are not rounded up.
    std::size_t in_row() const { return in_row_; }
    const std::int8_t* weights(std::size_t ky) const {
        return data_.packed + ky * s_.kernel_width * s_.padded_channels + channel_;
    }
    V start() const { return start_; }

private:
    const Depthwise& s_;
    const DepthwiseI8Data& data_;
    std::size_t channel_, in_row_;
    Rescaling rescaling_;
    V start_, zero_, low_, high_;
};

// Windows of 3x3 without dilation: their weights stay in registers.
template <class Rescaling>
void rows_3x3(const Depthwise& s, const DepthwiseI8Data& data, std::size_t channel) {
    const Row<Rescaling> row(s, data, channel);
    const std::size_t step = s.channels, in_row = row.in_row();
    V first[3], second[3];  // of the earlier and of the later of two results
    HWY_UNROLL(3) for (std::size_t ky = 0; ky < 3; ++ky) {
        first[ky] = turned<0, 3>(row.weights(ky), s.padded_channels);
        second[ky] = turned<1, 3>(row.weights(ky), s.padded_channels);
    }
    for (std::size_t y = 0; y < s.out_height; ++y) {
        std::size_t x = 0;
        for (; s.stride_x == 1 && x + 2 <= s.out_width; x += 2) {
            const std::uint8_t* pixel = row.pixel(y, x);
            V a = row.start(), b = row.start();
            HWY_UNROLL(3) for (std::size_t ky = 0; ky < 3; ++ky) {
                const V four = turned<0, 4>(pixel + ky * in_row, step);
                a = multiply_quads(four, first[ky], a);
                b = multiply_quads(four, second[ky], b);
            }
            row.store(y, x, a);
            row.store(y, x + 1, b);
        }
        for (; x < s.out_width; ++x) {
            const std::uint8_t* pixel = row.pixel(y, x);
            V sum = row.start();
            HWY_UNROLL(3) for (std::size_t ky = 0; ky < 3; ++ky) {
                const V three = turned<0, 3>(pixel + ky * in_row, step);
                sum = multiply_quads(three, first[ky], sum);
            }
            row.store(y, x, sum);
        }
    }
}

template <class Rescaling>
void rows_any(const Depthwise& s, const DepthwiseI8Data& data, std::size_t channel) {
    const Row<Rescaling> row(s, data, channel);
    const std::size_t step = s.dilation_x * s.channels, in_row = row.in_row();
    for (std::size_t y = 0; y < s.out_height; ++y) {
        for (std::size_t x = 0; x < s.out_width; ++x) {
            V sum = row.start();
            for (std::size_t ky = 0; ky < s.kernel_height; ++ky) {
                const std::uint8_t* pixel = row.pixel(y, x) + ky * s.dilation_y * in_row;
                const std::int8_t* weights = row.weights(ky);
                for (std::size_t kx = 0; kx < s.kernel_width; kx += kGroup) {
                    const std::size_t count = std::min(kGroup, s.kernel_width - kx);
                    sum = multiply_quads(
                        turned_some(pixel + kx * step, step, count),
                        turned_some(weights + kx * s.padded_channels, s.padded_channels, count),
                        sum);
                }
            }
            row.store(y, x, sum);
        }
    }
}

template <class Rescaling>
void rows(const Depthwise& s, const DepthwiseI8Data& data) {
    const bool small =
        s.kernel_height == 3 && s.kernel_width == 3 && s.dilation_x == 1 && s.dilation_y == 1;
    for (std::size_t channel = 0; channel < s.channels; channel += kPanel) {
        small ? rows_3x3<Rescaling>(s, data, channel) : rows_any<Rescaling>(s, data, channel);
    }
}

}  // namespace dot
}  // namespace HWY_NAMESPACE
}  // namespace hf::kernels
HWY_AFTER_NAMESPACE();

#endif

#endif
