#include "kernels/simd/pool.h"

#include <algorithm>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/pool.cpp"
#include <hwy/foreach_target.h>

#include <hwy/highway.h>

#include "kernels/simd/clamp-inl.h"

HWY_BEFORE_NAMESPACE();
namespace hf::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The taps of one output that lie inside the image.
struct Taps {
    std::size_t y = 0, x = 0;           // of the first, in the image
    std::size_t rows = 0, columns = 0;  // how many
};

// One axis of the pool's geometry.
struct Axis {
    std::size_t before, kernel, step, extent;
};

// The first tap inside of the window that starts at `at` (counted with the padding), and how many.
HWY_INLINE std::size_t clip(const Axis& axis, std::size_t at, std::size_t& first) {
    const std::size_t skipped =
        at >= axis.before ? 0 : (axis.before - at + axis.step - 1) / axis.step;
    first = at + skipped * axis.step - axis.before;
    std::size_t count = 0;
    for (std::size_t k = skipped; k < axis.kernel && at + k * axis.step - axis.before < axis.extent;
         ++k) {
        ++count;
    }
    return count;
}

HWY_INLINE Taps taps_of(const Pool& s, std::size_t oy, std::size_t ox) {
    Taps taps;
    taps.rows = clip({s.top, s.kernel_height, s.dilation_y, s.height}, oy * s.stride_y, taps.y);
    taps.columns = clip({s.left, s.kernel_width, s.dilation_x, s.width}, ox * s.stride_x, taps.x);
    return taps;
}

// What one output sees, and where it goes.
template <typename T>
struct Spot {
    Taps taps;
    const T* in;
    T* out;
};

// Folds one output's taps, lanes of channels at a time. Fold is a type with start, step, finish.
template <typename T, class D, class Fold>
HWY_INLINE void fold(const Pool& s, const Spot<T>& spot, const Fold& f) {
    const D d;
    const auto& [taps, in, out] = spot;
    constexpr std::size_t kLanes = hn::MaxLanes(D());
    for (std::size_t c = 0; c < s.channels; c += kLanes) {
        const std::size_t left = std::min(s.channels - c, kLanes);
        auto sum = f.start(d);
        for (std::size_t ky = 0; ky < taps.rows; ++ky) {
            const std::size_t y = taps.y + ky * s.dilation_y;
            for (std::size_t kx = 0; kx < taps.columns; ++kx) {
                const T* from = in + (y * s.width + taps.x + kx * s.dilation_x) * s.channels + c;
                if (left == kLanes) {
                    sum = f.step(sum, hn::LoadU(d, from));
                } else {
                    T lanes[kLanes] = {};
                    std::copy(from, from + left, lanes);
                    sum = f.step(sum, hn::LoadU(d, lanes));
                }
            }
        }
        T lanes[kLanes];
        hn::StoreU(f.finish(d, sum, taps), d, lanes);
        std::copy(lanes, lanes + left, out + c);
    }
}

template <typename T>
struct MaxFold {
    T low, high;
    template <class D>
    HWY_INLINE hn::VFromD<D> start(D d) const {
        return hn::Set(d, std::numeric_limits<T>::lowest());
    }
    template <class V>
    HWY_INLINE V step(V best, V value) const {
        return hn::Max(best, value);
    }
    template <class D, class V>
    HWY_INLINE V finish(D d, V best, const Taps&) const {
        return hn::Min(hn::Max(best, hn::Set(d, low)), hn::Set(d, high));
    }
};

struct AverageFold {
    const Pool& pool;
    template <class D>
    HWY_INLINE hn::VFromD<D> start(D d) const {
        return hn::Zero(d);
    }
    template <class V>
    HWY_INLINE V step(V sum, V value) const {
        return hn::Add(sum, value);
    }
    template <class D, class V>
    HWY_INLINE V finish(D d, V sum, const Taps& taps) const {
        const std::size_t all = pool.kernel_height * pool.kernel_width;
        const std::size_t count =
            pool.count_padding ? all : std::max<std::size_t>(1, taps.rows * taps.columns);
        const V mean = hn::Div(sum, hn::Set(d, static_cast<float>(count)));
        return clamp(mean, hn::Set(d, pool.low), hn::Set(d, pool.high));
    }
};

template <typename T, class D, class Fold>
void pool(const Pool& s, const T* in, T* out, const Fold& f) {
    for (std::size_t oy = 0; oy < s.out_height; ++oy) {
        for (std::size_t ox = 0; ox < s.out_width; ++ox, out += s.channels) {
            fold<T, D>(s, Spot<T>{taps_of(s, s.first_row + oy, ox), in, out}, f);
        }
    }
}

void max_f32(const Pool& s, const float* in, float* out) {
    pool<float, hn::CappedTag<float, 8>>(s, in, out, MaxFold<float>{s.low, s.high});
}

void average_f32(const Pool& s, const float* in, float* out) {
    pool<float, hn::CappedTag<float, 8>>(s, in, out, AverageFold{s});
}

void max_i8(const Pool& s, const std::int8_t* in, std::int8_t* out) {
    const MaxFold<std::int8_t> f{static_cast<std::int8_t>(s.low), static_cast<std::int8_t>(s.high)};
    pool<std::int8_t, hn::CappedTag<std::int8_t, 16>>(s, in, out, f);
}

// Sums of 32 bits, eight or four channels at a time.
HWY_INLINE void average_i8_at(const Pool& s, const Taps& taps, const std::int8_t* in,
                              std::int8_t* out) {
    const hn::CappedTag<std::int32_t, 8> d;
    const hn::Rebind<std::int8_t, decltype(d)> d8;
    constexpr std::size_t kLanes = hn::MaxLanes(d);
    const auto count =
        static_cast<std::int32_t>(std::max<std::size_t>(1, taps.rows * taps.columns));
    for (std::size_t c = 0; c < s.channels; c += kLanes) {
        const std::size_t left = std::min(s.channels - c, kLanes);
        auto sum = hn::Zero(d);
        for (std::size_t ky = 0; ky < taps.rows; ++ky) {
            for (std::size_t kx = 0; kx < taps.columns; ++kx) {
                const std::int8_t* from =
                    in + ((taps.y + ky) * s.width + taps.x + kx) * s.channels + c;
                std::int8_t bytes[kLanes] = {};
                std::copy(from, from + left, bytes);
                sum = hn::Add(sum, hn::PromoteTo(d, hn::LoadU(d8, bytes)));
            }
        }
        std::int32_t sums[kLanes];
        hn::StoreU(sum, d, sums);
        for (std::size_t i = 0; i < left; ++i) {
            const std::int32_t half = sums[i] > 0 ? count / 2 : -(count / 2);
            const std::int32_t mean = (sums[i] + half) / count;
            out[c + i] = static_cast<std::int8_t>(std::clamp(mean, static_cast<std::int32_t>(s.low),
                                                             static_cast<std::int32_t>(s.high)));
        }
    }
}

void average_i8(const Pool& s, const std::int8_t* in, std::int8_t* out) {
    for (std::size_t oy = 0; oy < s.out_height; ++oy) {
        for (std::size_t ox = 0; ox < s.out_width; ++ox, out += s.channels) {
            average_i8_at(s, taps_of(s, s.first_row + oy, ox), in, out);
        }
    }
}

}  // namespace HWY_NAMESPACE
}  // namespace hf::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hf::kernels {

HWY_EXPORT(max_f32);
HWY_EXPORT(average_f32);
HWY_EXPORT(max_i8);
HWY_EXPORT(average_i8);

void max_pool_f32(const Pool& pool, const float* in, float* out) {
    HWY_DYNAMIC_DISPATCH(max_f32)(pool, in, out);
}
void average_pool_f32(const Pool& pool, const float* in, float* out) {
    HWY_DYNAMIC_DISPATCH(average_f32)(pool, in, out);
}
void max_pool_i8(const Pool& pool, const std::int8_t* in, std::int8_t* out) {
    HWY_DYNAMIC_DISPATCH(max_i8)(pool, in, out);
}
void average_pool_i8(const Pool& pool, const std::int8_t* in, std::int8_t* out) {
    HWY_DYNAMIC_DISPATCH(average_i8)(pool, in, out);
}

}  // namespace hf::kernels
#endif
