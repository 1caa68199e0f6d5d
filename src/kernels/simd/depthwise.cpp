#include "kernels/simd/depthwise.h"

#include <algorithm>
#include <cstring>

#include "kernels/simd/dispatch.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/depthwise.cpp"
#include <hwy/foreach_target.h>

#include <hwy/highway.h>

#include "kernels/simd/depthwise_dot-inl.h"
#include "kernels/simd/requantize-inl.h"

HWY_BEFORE_NAMESPACE();
namespace hf::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D16 = hn::CappedTag<std::int16_t, kPanel>;
using D32 = hn::RepartitionToWide<D16>;
using V16 = hn::VFromD<D16>;
using V32 = hn::VFromD<D32>;
constexpr std::size_t kLanes16 = hn::MaxLanes(D16());
constexpr std::size_t kLanes32 = hn::MaxLanes(D32());

// Where the work stands: kCount neighbouring outputs of one row, from channel on.
struct Place {
    std::size_t y, x, channel;
};

// Interleaving works on blocks of 128 bits: with vectors of two blocks, the lower result holds
// channels 0-3 and 8-11. Sums are put back into their order.
HWY_INLINE void from_block_order(V32& lower, V32& upper) {
    if constexpr (kLanes16 == 16) {
        const D32 d;
        const V32 first = hn::ConcatLowerLower(d, upper, lower);
        upper = hn::ConcatUpperUpper(d, upper, lower);
        lower = first;
    }
}

template <class Rescaling>
HWY_INLINE void store_i8(const Requantize& q, const Rescaling& rescaling, V32 sum,
                         std::int8_t* lanes) {
    const D32 d;
    const hn::Rebind<std::int8_t, D32> narrow;
    V32 value = hn::Add(rescaling(sum), hn::Set(d, q.zero_point));
    value = hn::Min(hn::Max(value, hn::Set(d, q.min)), hn::Set(d, q.max));
    hn::StoreU(hn::DemoteTo(narrow, value), narrow, lanes);
}

// Where the taps of a window lie, in pairs; an odd last one is there twice, its second weight zero.
struct Taps {
    std::size_t count = 0;
    bool odd = false;
    std::size_t offsets[kMaxTapsI8 + 1];

    explicit Taps(const Depthwise& s) {
        for (std::size_t ky = 0; ky < s.kernel_height; ++ky) {
            for (std::size_t kx = 0; kx < s.kernel_width; ++kx) {
                offsets[count++] =
                    ky * s.dilation_y * s.in_row + kx * s.dilation_x * s.padded_channels;
            }
        }
        odd = count % 2 != 0;
        if (odd) {
            offsets[count] = offsets[count - 1];
            ++count;
        }
    }
};

template <class Rescaling, std::size_t kCount>
HWY_INLINE void outputs_i8(const Depthwise& s, const DepthwiseI8Data& data, const Taps& taps,
                           const Place& at) {
    const D16 d;
    const D32 d32;
    const hn::Rebind<std::int8_t, D16> d8;
    V32 lower[kCount], upper[kCount];
    HWY_UNROLL(8) for (std::size_t i = 0; i < kCount; ++i) lower[i] = upper[i] = hn::Zero(d32);
    const std::size_t step = s.stride_x * s.padded_channels;
    const std::int16_t* image = static_cast<const std::int16_t*>(data.in) +
                                at.y * s.stride_y * s.in_row + at.x * step + at.channel;
    const std::int8_t* weights = data.packed + at.channel;
    for (std::size_t tap = 0; tap < taps.count; tap += 2, weights += 2 * s.padded_channels) {
        const std::int16_t* first = image + taps.offsets[tap];
        const std::int16_t* second = image + taps.offsets[tap + 1];
        const bool paired = tap + 2 < taps.count || !taps.odd;
        const V16 one = hn::PromoteTo(d, hn::LoadU(d8, weights));
        const V16 other =
            paired ? hn::PromoteTo(d, hn::LoadU(d8, weights + s.padded_channels)) : hn::Zero(d);
        const V16 weights_lower = hn::InterleaveLower(d, one, other);
        const V16 weights_upper = hn::InterleaveUpper(d, one, other);
        HWY_UNROLL(8) for (std::size_t i = 0; i < kCount; ++i) {
            const V16 a = hn::LoadU(d, first + i * step);
            const V16 b = hn::LoadU(d, second + i * step);
            lower[i] = multiply_pairs(d, hn::InterleaveLower(d, a, b), weights_lower, lower[i]);
            upper[i] = multiply_pairs(d, hn::InterleaveUpper(d, a, b), weights_upper, upper[i]);
        }
    }
    const Rescaling rescale_lower(data.requantize, at.channel);
    const Rescaling rescale_upper(data.requantize, at.channel + kLanes32);
    std::int8_t* out = data.out + (at.y * s.out_width + at.x) * s.channels + at.channel;
    const std::size_t left = std::min(s.channels - at.channel, kLanes16);
    HWY_UNROLL(8) for (std::size_t i = 0; i < kCount; ++i) {
        from_block_order(lower[i], upper[i]);
        lower[i] = hn::Add(lower[i], hn::LoadU(d32, data.bias + at.channel));
        upper[i] = hn::Add(upper[i], hn::LoadU(d32, data.bias + at.channel + kLanes32));
        std::int8_t lanes[kLanes16];
        std::int8_t* to = left == kLanes16 ? out + i * s.channels : lanes;
        if constexpr (kLanes16 == 16) {
            store_16(data.requantize, rescale_lower(lower[i]), rescale_upper(upper[i]), to);
        } else {
            store_i8(data.requantize, rescale_lower, lower[i], to);
            store_i8(data.requantize, rescale_upper, upper[i], to + kLanes32);
        }
        if (to == lanes) std::memcpy(out + i * s.channels, lanes, left);
    }
}

template <class Rescaling>
void rows_i8(const Depthwise& s, const DepthwiseI8Data& data) {
    const Taps taps(s);
    Place at{};
    for (at.y = 0; at.y < s.out_height; ++at.y) {
        for (at.channel = 0; at.channel < s.channels; at.channel += kLanes16) {
            for (at.x = 0; at.x + 4 <= s.out_width; at.x += 4) {
                outputs_i8<Rescaling, 4>(s, data, taps, at);
            }
            switch (s.out_width - at.x) {
                case 3: outputs_i8<Rescaling, 3>(s, data, taps, at); break;
                case 2: outputs_i8<Rescaling, 2>(s, data, taps, at); break;
                case 1: outputs_i8<Rescaling, 1>(s, data, taps, at); break;
                default: break;
            }
        }
    }
}

void run_i8(const Depthwise& s, const DepthwiseI8Data& data) {
#if HF_KERNELS_HAVE_DOT
    if (has_dot_product()) {
        return data.requantize.factors ? dot::rows<RescaleReal<dot::D>>(s, data)
                                       : dot::rows<RescaleTwice<dot::D>>(s, data);
    }
#endif
    data.requantize.factors ? rows_i8<RescaleReal<D32>>(s, data)
                            : rows_i8<RescaleTwice<D32>>(s, data);
}

}  // namespace HWY_NAMESPACE
}  // namespace hf::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hf::kernels {

HWY_EXPORT(run_i8);

void pack_depthwise_i8(const Depthwise& s, const std::int8_t* weights, std::int8_t* packed) {
    const std::size_t taps = s.kernel_height * s.kernel_width;
    for (std::size_t tap = 0; tap < taps; ++tap, packed += s.padded_channels) {
        std::fill(std::copy_n(weights + tap * s.channels, s.channels, packed),
                  packed + s.padded_channels, std::int8_t{0});
    }
}

void depthwise_i8(const Depthwise& depthwise, const DepthwiseI8Data& data) {
    HWY_DYNAMIC_DISPATCH(run_i8)(depthwise, data);
}

}  // namespace hf::kernels
#endif
