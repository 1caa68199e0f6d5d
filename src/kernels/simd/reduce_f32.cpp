#include "kernels/simd/reduce_f32.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/simd/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/reduce_f32.cpp"
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
constexpr float kInfinity = std::numeric_limits<float>::infinity();

template <Reduction kFunction>
constexpr float kStart = kFunction == Reduction::kMax   ? -kInfinity
                         : kFunction == Reduction::kMin ? kInfinity
                                                        : 0.0f;

template <Reduction kFunction>
HWY_INLINE V fold(V sum, V x) {
    if constexpr (kFunction == Reduction::kMax) return hn::IfThenElse(hn::Gt(x, sum), x, sum);
    if constexpr (kFunction == Reduction::kMin) return hn::IfThenElse(hn::Lt(x, sum), x, sum);
    if constexpr (kFunction == Reduction::kL1) return hn::Add(sum, hn::Abs(x));
    if constexpr (kFunction == Reduction::kSumOfSquares || kFunction == Reduction::kL2) {
        return hn::MulAdd(x, x, sum);
    }
    return hn::Add(sum, x);
}

template <Reduction kFunction>
HWY_INLINE float join(float a, float b) {
    if constexpr (kFunction == Reduction::kMax) return b > a ? b : a;
    if constexpr (kFunction == Reduction::kMin) return b < a ? b : a;
    return a + b;
}

template <Reduction kFunction>
HWY_INLINE float finish(float sum) {
    return kFunction == Reduction::kL2 ? std::sqrt(sum) : sum;
}

// One row of a whole matrix: lanes first, then across them.
template <Reduction kFunction>
float row(const float* in, std::size_t count) {
    const D d;
    V sum = hn::Set(d, kStart<kFunction>);
    std::size_t i = 0;
    for (; i + kLanes <= count; i += kLanes) sum = fold<kFunction>(sum, hn::LoadU(d, in + i));
    float lanes[kLanes], rest[kLanes];
    hn::StoreU(sum, d, lanes);
    float total = lanes[0];
    for (std::size_t j = 1; j < kLanes; ++j) total = join<kFunction>(total, lanes[j]);
    for (; i < count; ++i) {
        hn::StoreU(fold<kFunction>(hn::Set(d, total), hn::Set(d, in[i])), d, rest);
        total = rest[0];
    }
    return finish<kFunction>(total);
}

template <Reduction kFunction>
void columns(const ReduceF32& s, const float* in, float* out) {
    const D d;
    for (std::size_t c = 0; c < s.width; c += kLanes) {
        const std::size_t count = std::min(kLanes, s.width - c);
        V sum = hn::Set(d, kStart<kFunction>);
        for (std::size_t r = 0; r < s.rows; ++r) {
            sum = fold<kFunction>(sum, load_some(d, in + r * s.width + c, count));
        }
        if constexpr (kFunction == Reduction::kL2) sum = hn::Sqrt(sum);
        store_some(sum, d, out + c, count);
    }
}

template <Reduction kFunction>
void blocks(const ReduceF32& s, const float* in, float* out) {
    for (std::size_t block = 0; block < s.blocks; ++block, in += s.rows * s.width, out += s.width) {
        if (s.width == 1) {
            *out = row<kFunction>(in, s.rows);
        } else {
            columns<kFunction>(s, in, out);
        }
    }
}

void reduce(const ReduceF32& s, const float* in, float* out) {
    switch (s.function) {
        case Reduction::kSum: return blocks<Reduction::kSum>(s, in, out);
        case Reduction::kMax: return blocks<Reduction::kMax>(s, in, out);
        case Reduction::kMin: return blocks<Reduction::kMin>(s, in, out);
        case Reduction::kSumOfSquares: return blocks<Reduction::kSumOfSquares>(s, in, out);
        case Reduction::kL2: return blocks<Reduction::kL2>(s, in, out);
        case Reduction::kL1: return blocks<Reduction::kL1>(s, in, out);
    }
}

void softmax_lanes(const SoftmaxColumnsF32& s, const float* in, float* out, std::size_t count) {
    const D d;
    V top = hn::Set(d, -kInfinity), sum = hn::Zero(d);
    for (std::size_t r = 0; r < s.rows; ++r) {
        const V x = load_some(d, in + r * s.width, count);
        top = hn::IfThenElse(hn::Gt(x, top), x, top);
    }
    for (std::size_t r = 0; r < s.rows; ++r) {
        const V x = hn::Sub(load_some(d, in + r * s.width, count), top);
        const V power = hn::Exp(d, x);
        sum = hn::Add(sum, power);
        store_some(s.logarithm ? x : power, d, out + r * s.width, count);
    }
    const V log_sum = s.logarithm ? hn::Log(d, sum) : sum;
    for (std::size_t r = 0; r < s.rows; ++r) {
        const V x = load_some(d, out + r * s.width, count);
        const V y = s.logarithm ? hn::Sub(x, log_sum) : hn::Div(x, sum);
        store_some(y, d, out + r * s.width, count);
    }
}

// A row of one matrix that is a single column.
void log_softmax_row(std::size_t count, const float* in, float* out) {
    const D d;
    const float top = *std::max_element(in, in + count);
    V sum = hn::Zero(d);
    std::size_t i = 0;
    for (; i + kLanes <= count; i += kLanes) {
        sum = hn::Add(sum, hn::Exp(d, hn::Sub(hn::LoadU(d, in + i), hn::Set(d, top))));
    }
    float total = hn::GetLane(hn::SumOfLanes(d, sum));
    for (; i < count; ++i) total += hn::GetLane(hn::Exp(d, hn::Set(d, in[i] - top)));
    const float log_sum = std::log(total);
    for (i = 0; i < count; ++i) out[i] = (in[i] - top) - log_sum;
}

void softmax_columns(const SoftmaxColumnsF32& s, const float* in, float* out) {
    const std::size_t block = s.rows * s.width;
    for (std::size_t b = 0; b < s.blocks; ++b, in += block, out += block) {
        if (s.width == 1 && s.logarithm) {
            log_softmax_row(s.rows, in, out);
            continue;
        }
        for (std::size_t c = 0; c < s.width; c += kLanes) {
            softmax_lanes(s, in + c, out + c, std::min(kLanes, s.width - c));
        }
    }
}

}  // namespace HWY_NAMESPACE
}  // namespace hf::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hf::kernels {

HWY_EXPORT(reduce);
HWY_EXPORT(softmax_columns);

void reduce_f32(const ReduceF32& s, const float* in, float* out) {
    HWY_DYNAMIC_DISPATCH(reduce)(s, in, out);
}
void softmax_columns_f32(const SoftmaxColumnsF32& s, const float* in, float* out) {
    HWY_DYNAMIC_DISPATCH(softmax_columns)(s, in, out);
}

}  // namespace hf::kernels
#endif
