#include "kernels/simd/depthwise_f32.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/depthwise_f32.cpp"
#include <hwy/foreach_target.h>

#include <hwy/highway.h>

#include "kernels/simd/clamp-inl.h"
#include "kernels/simd/partial-inl.h"

HWY_BEFORE_NAMESPACE();
namespace hf::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, kPanel>;
using V = hn::VFromD<D>;
constexpr std::size_t kLanes = hn::MaxLanes(D());

// Neighbouring outputs of one row that have the same taps inside the image.
struct Window {
    const float* in = nullptr;  // at the first output's first tap
    float* out = nullptr;
    std::size_t row = 0;    // elements between the rows of taps
    std::size_t pixel = 0;  // and between their columns
    std::size_t step = 0;   // from one output's window to the next one's
    TapRange y, x;
};

// Hides from the compiler that the pointers go hand in hand; it would keep every sum of a pointer
// and an offset in memory instead.
HWY_INLINE void advance(const float*& pointer, std::size_t by) {
    pointer += by;
    asm("" : "+r"(pointer));
}

// kCount outputs, kVectors vectors of channels from `channel` on; the last has `lanes` of them.
// kWidth taps a row, or (with 0) as many as the window has.
template <std::size_t kCount, std::size_t kVectors, std::size_t kWidth>
HWY_INLINE void outputs(const DepthwiseF32& s, const DepthwiseF32Data& data, const Window& w,
                        std::size_t channel, std::size_t lanes = kLanes) {
    const D d;
    V sums[kCount][kVectors];
    HWY_UNROLL(8) for (std::size_t v = 0; v < kVectors; ++v) {
        const V bias = hn::LoadU(d, data.bias + channel + v * kLanes);
        HWY_UNROLL(8) for (std::size_t i = 0; i < kCount; ++i) sums[i][v] = bias;
    }
    const float* at[kCount];
    HWY_UNROLL(8) for (std::size_t i = 0; i < kCount; ++i) at[i] = w.in + channel + i * w.step;
    const float* weights =
        data.packed + (w.y.first * s.kernel_width + w.x.first) * s.padded_channels + channel;
    const std::size_t width = kWidth ? kWidth : w.x.end - w.x.first;
    for (std::size_t ky = w.y.first; ky < w.y.end; ++ky) {
        HWY_UNROLL(3) for (std::size_t kx = 0; kx < width; ++kx) {
            HWY_UNROLL(8) for (std::size_t v = 0; v < kVectors; ++v) {
                const V weight = hn::LoadU(d, weights + kx * s.padded_channels + v * kLanes);
                HWY_UNROLL(8) for (std::size_t i = 0; i < kCount; ++i) {
                    const V value = load_some(d, at[i] + kx * w.pixel + v * kLanes, lanes);
                    sums[i][v] = hn::MulAdd(value, weight, sums[i][v]);
                }
            }
        }
        HWY_UNROLL(8) for (std::size_t i = 0; i < kCount; ++i) advance(at[i], w.row);
        advance(weights, s.kernel_width * s.padded_channels);
    }
    const V low = hn::Set(d, s.min), high = hn::Set(d, s.max);
    HWY_UNROLL(8) for (std::size_t i = 0; i < kCount; ++i) {
        HWY_UNROLL(8) for (std::size_t v = 0; v < kVectors; ++v) {
            store_some(clamp(sums[i][v], low, high), d,
                       w.out + i * s.channels + channel + v * kLanes, lanes);
        }
    }
}

// All channels of kCount outputs; kGroup vectors at a time while there are so many.
template <std::size_t kCount, std::size_t kGroup, std::size_t kWidth>
void pixels(const DepthwiseF32& s, const DepthwiseF32Data& data, const Window& w) {
    std::size_t c = 0;
    for (; c + kGroup * kLanes <= s.channels; c += kGroup * kLanes) {
        outputs<kCount, kGroup, kWidth>(s, data, w, c);
    }
    for (; c + kLanes <= s.channels; c += kLanes) outputs<kCount, 1, kWidth>(s, data, w, c);
    if (c < s.channels) outputs<kCount, 1, kWidth>(s, data, w, c, s.channels - c);
}

// The outputs of one row.
class Row {
public:
    Row(const DepthwiseF32& shape, const DepthwiseF32Data& data, std::size_t y, float* out)
        : s_(shape), data_(data), in_(data.in), out_(out) {
        w_.pixel = s_.dilation_x * s_.channels;
        w_.row = s_.dilation_y * s_.in_width * s_.channels;
        w_.step = s_.stride_x * s_.channels;
        w_.y = s_.taps_y(y);
        if (w_.y.first == w_.y.end) return;
        const std::size_t first = y * s_.stride_y + w_.y.first * s_.dilation_y - s_.top;
        in_ += (first - data.in_first) * s_.in_width * s_.channels;
    }

    // Single outputs where taps are cut off, blocks between.
    template <std::size_t kCount, std::size_t kGroup, std::size_t kWidth>
    void run() {
        const TapRange whole = s_.whole_columns();
        borders(0, whole.first);
        std::size_t x = whole.first;
        for (; x + kCount <= whole.end; x += kCount) block<kCount, kGroup, kWidth>(x);
        if (x < whole.end && whole.end - whole.first >= kCount) {
            // Over outputs of the block before again rather than a smaller one.
            block<kCount, kGroup, kWidth>(whole.end - kCount);
        } else {
            for (; x + 3 <= whole.end; x += 3) block<3, 2, kWidth>(x);
            for (; x + 2 <= whole.end; x += 2) block<2, 4, kWidth>(x);
            for (; x < whole.end; ++x) block<1, 4, kWidth>(x);
        }
        borders(whole.end, s_.out_width);
    }

private:
    void borders(std::size_t first, std::size_t end) {
        for (std::size_t x = first; x < end; ++x) {
            w_.x = s_.taps_x(x);
            place(x);
            Window w = w_;
            if (w.x.first == w.x.end) w.y.end = w.y.first;  // all padding: the bias alone
            pixels<1, 4, 0>(s_, data_, w);
        }
    }

    template <std::size_t kCount, std::size_t kGroup, std::size_t kWidth>
    void block(std::size_t x) {
        w_.x = {0, s_.kernel_width};
        place(x);
        pixels<kCount, kGroup, kWidth>(s_, data_, w_);
    }

    void place(std::size_t x) {
        const bool any = w_.x.first < w_.x.end;
        const std::size_t column = any ? x * s_.stride_x + w_.x.first * s_.dilation_x - s_.left : 0;
        w_.in = in_ + column * s_.channels;
        w_.out = out_ + x * s_.channels;
    }

    const DepthwiseF32& s_;
    const DepthwiseF32Data& data_;
    Window w_;
    const float* in_;  // the first row of taps
    float* out_;
};

void run(const DepthwiseF32& s, const DepthwiseF32Data& data, std::size_t first,
         std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        Row row(s, data, first + i, data.out + i * s.out_width * s.channels);
        const bool one_vector = s.channels < 2 * kLanes;
        if (s.kernel_width == 3) {
            one_vector ? row.run<8, 1, 3>() : row.run<4, 2, 3>();
        } else {
            one_vector ? row.run<8, 1, 0>() : row.run<4, 2, 0>();
        }
    }
}

}  // namespace HWY_NAMESPACE
}  // namespace hf::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hf::kernels {

HWY_EXPORT(run);

namespace {

struct Axis {
    std::size_t pad, stride, dilation, kernel, in;

    TapRange taps(std::size_t at) const {
        const std::size_t start = at * stride;
        TapRange taps{0, kernel};
        while (taps.first < kernel && start + taps.first * dilation < pad) ++taps.first;
        while (taps.end > taps.first && start + (taps.end - 1) * dilation >= pad + in) --taps.end;
        return taps;
    }
};

}  // namespace

TapRange DepthwiseF32::taps_y(std::size_t row) const {
    return Axis{top, stride_y, dilation_y, kernel_height, in_height}.taps(row);
}

TapRange DepthwiseF32::taps_x(std::size_t column) const {
    return Axis{left, stride_x, dilation_x, kernel_width, in_width}.taps(column);
}

TapRange DepthwiseF32::whole_columns() const {
    const std::size_t reach = (kernel_width - 1) * dilation_x + 1;
    TapRange whole;
    whole.first = std::min(out_width, (left + stride_x - 1) / stride_x);
    whole.end = left + in_width < reach
                    ? whole.first
                    : std::min(out_width, (left + in_width - reach) / stride_x + 1);
    whole.end = std::max(whole.end, whole.first);
    return whole;
}

TapRange DepthwiseF32::rows_for(std::size_t row, std::size_t count) const {
    TapRange rows{in_height, 0};
    for (std::size_t y = row; y < row + count; ++y) {
        const TapRange taps = taps_y(y);
        if (taps.first == taps.end) continue;
        rows.first = std::min(rows.first, y * stride_y + taps.first * dilation_y - top);
        rows.end = std::max(rows.end, y * stride_y + (taps.end - 1) * dilation_y - top + 1);
    }
    rows.first = std::min(rows.first, rows.end);
    return rows;
}

void depthwise_f32(const DepthwiseF32& shape, const DepthwiseF32Data& data, std::size_t row,
                   std::size_t count) {
    HWY_DYNAMIC_DISPATCH(run)(shape, data, row, count);
}

}  // namespace hf::kernels
#endif
