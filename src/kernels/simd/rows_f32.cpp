#include "kernels/simd/rows_f32.h"

#include <algorithm>
#include <cmath>

#include "kernels/simd/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/rows_f32.cpp"
#include <hwy/foreach_target.h>

#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

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

void softmax(const SoftmaxF32& s, const float* in, float* out) {
    const D d;
    for (std::size_t row = 0; row < s.rows; ++row, in += s.width, out += s.width) {
        const float top = *std::max_element(in, in + s.width);
        const V shift = hn::Set(d, top), beta = hn::Set(d, s.beta);
        std::size_t i = 0;
        for (; i + kLanes <= s.width; i += kLanes) {
            const V x = hn::Mul(hn::Sub(hn::LoadU(d, in + i), shift), beta);
            hn::StoreU(hn::Exp(d, x), d, out + i);
        }
        for (; i < s.width; ++i) {
            const V x = hn::Set(d, (in[i] - top) * s.beta);
            out[i] = hn::GetLane(hn::Exp(d, x));
        }
        const float total = sum_of(out, s.width);
        for (i = 0; i < s.width; ++i) out[i] /= total;
    }
}

void layer_norm(const LayerNormF32& s, const float* in, float* out) {
    const auto width = static_cast<float>(s.width);
    for (std::size_t row = 0; row < s.rows; ++row, in += s.width, out += s.width) {
        const float mean = sum_of(in, s.width) / width;
        const float variance = squares_of(in, s.width, mean) / width;
        const float factor = 1.0f / std::sqrt(variance + s.epsilon);
        for (std::size_t i = 0; i < s.width; ++i) {
            const float value = (in[i] - mean) * factor * s.scale[i];
            out[i] = s.bias ? value + s.bias[i] : value;
        }
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
