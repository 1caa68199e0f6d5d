#include "kernels/simd/rows_f32.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/simd/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/rows_f32.cpp"
#include <hwy/foreach_target.h>

#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include "kernels/simd/partial-inl.h"

HWY_BEFORE_NAMESPACE();
namespace hf::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, 8>;
using V = hn::VFromD<D>;
constexpr std::size_t kLanes = hn::MaxLanes(D());

HWY_INLINE float sum_of(const float* in, std::size_t count) {
    const D d;
    V sum = hn::Zero(d);
    std::size_t i = 0;
    for (; i + kLanes <= count; i += kLanes) sum = hn::Add(sum, hn::LoadU(d, in + i));
    float total = hn::GetLane(hn::SumOfLanes(d, sum));
    for (; i < count; ++i) total += in[i];
    return total;
}

HWY_INLINE float squares_of(const float* in, std::size_t count, float mean) {
    const D d;
    V sum = hn::Zero(d);
    const V middle = hn::Set(d, mean);
    std::size_t i = 0;
    for (; i + kLanes <= count; i += kLanes) {
        const V off = hn::Sub(hn::LoadU(d, in + i), middle);
        sum = hn::MulAdd(off, off, sum);
    }
    float total = hn::GetLane(hn::SumOfLanes(d, sum));
    for (; i < count; ++i) total += (in[i] - mean) * (in[i] - mean);
    return total;
}

// Calls f(place, lanes) for each vector of a row; the last may have fewer lanes.
template <typename F>
HWY_INLINE void for_vectors(std::size_t width, F f) {
    std::size_t i = 0;
    for (; i + kLanes <= width; i += kLanes) f(i, kLanes);
    if (i < width) f(i, width - i);
}

void softmax_row(const SoftmaxF32& s, const float* mask, const float* in, float* out) {
    constexpr float kLeast = -std::numeric_limits<float>::infinity();
    const D d;
    const V beta = hn::Set(d, s.beta), least = hn::Set(d, kLeast);
    V top = least;
    for_vectors(s.width, [&](std::size_t i, std::size_t lanes) {
        V z = hn::Mul(load_some(d, in + i, lanes), beta);
        if (mask) z = hn::Add(z, load_some(d, mask + i, lanes));
        store_some(z, d, out + i, lanes);
        top = hn::Max(top, lanes == kLanes ? z : load_some(d, out + i, lanes, kLeast));
    });
    const V shift = hn::MaxOfLanes(d, top);
    V sum = hn::Zero(d);
    for_vectors(s.width, [&](std::size_t i, std::size_t lanes) {
        const V x = hn::Sub(load_some(d, out + i, lanes, kLeast), shift);
        const V y = hn::IfThenElse(hn::IsNaN(x), x, hn::Exp(d, x));
        store_some(y, d, out + i, lanes);
        sum = hn::Add(sum, y);
    });
    const V total = hn::SumOfLanes(d, sum);
    for_vectors(s.width, [&](std::size_t i, std::size_t lanes) {
        store_some(hn::Div(load_some(d, out + i, lanes), total), d, out + i, lanes);
    });
}

void softmax(const SoftmaxF32& s, const float* in, float* out) {
    for (std::size_t row = 0; row < s.rows; ++row) {
        const float* mask = s.mask ? s.mask + row * s.mask_step : nullptr;
        softmax_row(s, mask, in + row * s.width, out + row * s.width);
    }
}

void layer_norm(const LayerNormF32& s, const float* in, float* out) {
    const D d;
    const auto width = static_cast<float>(s.width);
    for (std::size_t row = 0; row < s.rows; ++row, in += s.width, out += s.width) {
        const float mean = sum_of(in, s.width) / width;
        const float variance = squares_of(in, s.width, mean) / width;
        const V middle = hn::Set(d, mean);
        const V factor = hn::Set(d, 1.0f / std::sqrt(variance + s.epsilon));
        for_vectors(s.width, [&](std::size_t i, std::size_t lanes) {
            const V off = hn::Mul(hn::Sub(load_some(d, in + i, lanes), middle), factor);
            V y = hn::Mul(off, load_some(d, s.scale + i, lanes));
            if (s.bias) y = hn::Add(y, load_some(d, s.bias + i, lanes));
            store_some(y, d, out + i, lanes);
        });
    }
}

void instance_norm(const InstanceNormF32& s, const float* in, float* out) {
    const auto width = static_cast<float>(s.width);
    for (std::size_t row = 0; row < s.samples * s.channels; ++row, in += s.width, out += s.width) {
        const std::size_t channel = row % s.channels;
        const float mean = sum_of(in, s.width) / width;
        const float variance = squares_of(in, s.width, mean) / width;
        const float factor = s.scale[channel] / std::sqrt(variance + s.epsilon);
        const float bias = s.bias[channel];
        for (std::size_t i = 0; i < s.width; ++i) out[i] = (in[i] - mean) * factor + bias;
    }
}

void mean_rows(std::size_t rows, std::size_t width, const float* in, float* out) {
    const auto divisor = static_cast<float>(width);
    for (std::size_t row = 0; row < rows; ++row)
        out[row] = sum_of(in + row * width, width) / divisor;
}

void mean_columns(const MeanColumnsF32& s, const float* in, float* out) {
    const D d;
    const auto divisor = static_cast<float>(s.rows);
    for (std::size_t block = 0; block < s.blocks; ++block, in += s.rows * s.width, out += s.width) {
        std::size_t c = 0;
        for (; c + kLanes <= s.width; c += kLanes) {
            V sum = hn::Zero(d);
            for (std::size_t r = 0; r < s.rows; ++r) {
                sum = hn::Add(sum, hn::LoadU(d, in + r * s.width + c));
            }
            hn::StoreU(hn::Div(sum, hn::Set(d, divisor)), d, out + c);
        }
        for (; c < s.width; ++c) {
            float sum = 0;
            for (std::size_t r = 0; r < s.rows; ++r) sum += in[r * s.width + c];
            out[c] = sum / divisor;
        }
    }
}

}  // namespace HWY_NAMESPACE
}  // namespace hf::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hf::kernels {

HWY_EXPORT(softmax);
HWY_EXPORT(layer_norm);
HWY_EXPORT(instance_norm);
HWY_EXPORT(mean_rows);
HWY_EXPORT(mean_columns);

void softmax_f32(const SoftmaxF32& s, const float* in, float* out) {
    HWY_DYNAMIC_DISPATCH(softmax)(s, in, out);
}
void layer_norm_f32(const LayerNormF32& s, const float* in, float* out) {
    HWY_DYNAMIC_DISPATCH(layer_norm)(s, in, out);
}
void instance_norm_f32(const InstanceNormF32& s, const float* in, float* out) {
    HWY_DYNAMIC_DISPATCH(instance_norm)(s, in, out);
}
void mean_rows_f32(std::size_t rows, std::size_t width, const float* in, float* out) {
    HWY_DYNAMIC_DISPATCH(mean_rows)(rows, width, in, out);
}
void mean_columns_f32(const MeanColumnsF32& s, const float* in, float* out) {
    HWY_DYNAMIC_DISPATCH(mean_columns)(s, in, out);
}

}  // namespace hf::kernels
#endif
