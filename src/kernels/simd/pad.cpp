#include "kernels/simd/pad.h"

#include <algorithm>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/pad.cpp"
#include <hwy/foreach_target.h>

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace hf::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

void widen(std::size_t count, const std::int8_t* in, std::int32_t zero_point, std::int16_t* out) {
    const hn::CappedTag<std::int16_t, 16> d16;
    const hn::Rebind<std::int8_t, decltype(d16)> d8;
    const std::size_t lanes = hn::Lanes(d16);
    const auto zero = hn::Set(d16, static_cast<std::int16_t>(zero_point));
    std::size_t i = 0;
    for (; i + lanes <= count; i += lanes) {
        hn::StoreU(hn::Sub(hn::PromoteTo(d16, hn::LoadU(d8, in + i)), zero), d16, out + i);
    }
    for (; i < count; ++i) out[i] = static_cast<std::int16_t>(in[i] - zero_point);
}

}  // namespace HWY_NAMESPACE
}  // namespace hf::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hf::kernels {
namespace {

HWY_EXPORT(widen);

// Calls copy(count, in, out) for each stretch of the image and clears everything around it.
template <typename In, typename Out, typename Copy>
void pad(const Padding& p, const PaddedRows& rows, const In* in, Out* out, Copy copy) {
    const std::size_t row = p.padded_row();
    for (std::size_t y = rows.first; y < rows.first + rows.count; ++y, out += row) {
        if (y < p.top || y >= p.top + p.height) {
            std::fill(out, out + row, Out{0});
            continue;
        }
        const In* from = in + (y - p.top) * p.width * p.channels;
        Out* to = out + p.left * p.padded_channels;
        std::fill(out, to, Out{0});
        if (p.padded_channels == p.channels) {
            copy(p.width * p.channels, from, to);
        } else {
            for (std::size_t x = 0; x < p.width; ++x) {
                Out* pixel = to + x * p.padded_channels;
                copy(p.channels, from + x * p.channels, pixel);
                std::fill(pixel + p.channels, pixel + p.padded_channels, Out{0});
            }
        }
        std::fill(to + p.width * p.padded_channels, out + row, Out{0});
    }
}

}  // namespace

void widen_i8(std::size_t count, const std::int8_t* in, std::int32_t zero_point,
              std::int16_t* out) {
    HWY_DYNAMIC_DISPATCH(widen)(count, in, zero_point, out);
}

void pad_f32(const Padding& padding, const PaddedRows& rows, const float* in, float* out) {
    pad(padding, rows, in, out, [](std::size_t count, const float* from, float* to) {
        std::memcpy(to, from, count * sizeof(float));
    });
}

void pad_i8(const Padding& padding, const PaddedRows& rows, const std::int8_t* in,
            std::int32_t zero_point, std::int16_t* out) {
    pad(padding, rows, in, out,
        [zero_point](std::size_t count, const std::int8_t* from, std::int16_t* to) {
            widen_i8(count, from, zero_point, to);
        });
}

}  // namespace hf::kernels
#endif
