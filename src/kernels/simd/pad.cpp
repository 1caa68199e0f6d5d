#include "kernels/simd/pad.h"

#include <algorithm>
#include <cstring>

#include "kernels/simd/dispatch.h"

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
    const hn::CappedTag<std::int16_t, 8> half16;
    const hn::Rebind<std::int8_t, decltype(half16)> half8;
    const std::size_t lanes = hn::Lanes(d16), half = hn::Lanes(half16);
    const auto zero = static_cast<std::int16_t>(zero_point);
    std::size_t i = 0;
    for (; i + lanes <= count; i += lanes) {
        const auto wide = hn::PromoteTo(d16, hn::LoadU(d8, in + i));
        hn::StoreU(hn::Sub(wide, hn::Set(d16, zero)), d16, out + i);
    }
    for (; i + half <= count; i += half) {
        const auto wide = hn::PromoteTo(half16, hn::LoadU(half8, in + i));
        hn::StoreU(hn::Sub(wide, hn::Set(half16, zero)), half16, out + i);
    }
    for (; i < count; ++i) out[i] = static_cast<std::int16_t>(in[i] - zero_point);
}

// Values plus 128, as unsigned bytes.
void raise(std::size_t count, const std::int8_t* in, std::uint8_t* out) {
    const hn::ScalableTag<std::uint8_t> d;
    const std::size_t lanes = hn::Lanes(d);
    const auto* from = reinterpret_cast<const std::uint8_t*>(in);
    const auto top = hn::Set(d, std::uint8_t{0x80});
    std::size_t i = 0;
    for (; i + lanes <= count; i += lanes) {
        hn::StoreU(hn::Xor(hn::LoadU(d, from + i), top), d, out + i);
    }
    for (; i < count; ++i) out[i] = from[i] ^ 0x80;
}

// One row of pixels, whose channels are rounded up.
void widen_pixels(const Padding& p, const StoredI8& row, std::int16_t* out) {
    const std::int8_t* in = row.data;
    for (std::size_t x = 0; x < p.width; ++x, in += p.channels, out += p.padded_channels) {
        widen(p.channels, in, row.zero_point, out);
        std::fill(out + p.channels, out + p.padded_channels, std::int16_t{0});
    }
}

}  // namespace HWY_NAMESPACE
}  // namespace hf::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hf::kernels {
namespace {

HWY_EXPORT(widen);
HWY_EXPORT(widen_pixels);
HWY_EXPORT(raise);

template <typename Out>
struct Padded {
    Out* out;
    Out zero;  // of the border
};

// Calls copy(place, out) for the pixels of each row, which start at `place` in the image, and
// fills everything around them with zeros.
template <typename Out, typename Copy>
void pad(const Padding& p, const PaddedRows& rows, Padded<Out> padded, Copy copy) {
    auto [out, zero] = padded;
    const std::size_t row = p.padded_row();
    for (std::size_t y = rows.first; y < rows.first + rows.count; ++y, out += row) {
        if (y < p.top || y >= p.top + p.height) {
            std::fill(out, out + row, zero);
            continue;
        }
        Out* to = out + p.left * p.padded_channels;
        std::fill(out, to, zero);
        copy((y - p.top) * p.width * p.channels, to);
        std::fill(to + p.width * p.padded_channels, out + row, zero);
    }
}

void widen_i8(std::size_t count, const StoredI8& in, std::int16_t* out) {
    HWY_DYNAMIC_DISPATCH(widen)(count, in.data, in.zero_point, out);
}

// Values as 16-bit differences to the zero point.
void pad_widened(const Padding& p, const PaddedRows& rows, const StoredI8& in, std::int16_t* out) {
    pad(p, rows, Padded<std::int16_t>{out, 0}, [&](std::size_t place, std::int16_t* to) {
        const StoredI8 from{in.data + place, in.zero_point};
        if (p.padded_channels == p.channels) {
            widen_i8(p.width * p.channels, from, to);
        } else {
            HWY_DYNAMIC_DISPATCH(widen_pixels)(p, from, to);
        }
    });
}

// Values plus 128, channels as they are: whole vectors may be read, since weights of what lies
// beyond are zero and so many bytes are there.
void pad_raised(Padding p, const PaddedRows& rows, const StoredI8& in, std::uint8_t* out) {
    p.padded_channels = p.channels;
    const auto zero = static_cast<std::uint8_t>(in.zero_point + 128);
    pad(p, rows, Padded<std::uint8_t>{out, zero}, [&](std::size_t place, std::uint8_t* to) {
        HWY_DYNAMIC_DISPATCH(raise)(p.width * p.channels, in.data + place, to);
    });
}

}  // namespace

void pad_f32(const Padding& p, const PaddedRows& rows, const float* in, float* out) {
    pad(p, rows, Padded<float>{out, 0}, [&](std::size_t place, float* to) {
        const float* from = in + place;
        if (p.padded_channels == p.channels) {
            std::memcpy(to, from, p.width * p.channels * sizeof(float));
            return;
        }
        for (std::size_t x = 0; x < p.width; ++x, from += p.channels, to += p.padded_channels) {
            std::copy_n(from, p.channels, to);
            std::fill(to + p.channels, to + p.padded_channels, 0.0f);
        }
    });
}

void pad_left_i8(const Padding& p, const PaddedRows& rows, const StoredI8& in, void* out) {
    if (has_dot_product()) {
        pad_raised(p, rows, in, static_cast<std::uint8_t*>(out));
    } else {
        pad_widened(p, rows, in, static_cast<std::int16_t*>(out));
    }
}

void widen_left_i8(std::size_t count, const StoredI8& in, void* out) {
    if (has_dot_product()) {
        HWY_DYNAMIC_DISPATCH(raise)(count, in.data, static_cast<std::uint8_t*>(out));
    } else {
        widen_i8(count, in, static_cast<std::int16_t*>(out));
    }
}

}  // namespace hf::kernels
#endif
