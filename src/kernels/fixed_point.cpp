#include "kernels/fixed_point.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace hf::kernels {
namespace {

constexpr std::int64_t kOne = std::int64_t{1} << 31;
using Limits = std::numeric_limits<std::int32_t>;

}  // namespace

FixedFactor fixed_factor(double real) {
    if (real == 0) return {};
    FixedFactor factor;
    const double fraction = std::frexp(real, &factor.shift);
    auto multiplier = static_cast<std::int64_t>(std::round(fraction * static_cast<double>(kOne)));
    if (multiplier == kOne) {
        multiplier /= 2;
        ++factor.shift;
    }
    if (factor.shift < -31) return {};
    if (factor.shift > 30) return {Limits::max(), 30};
    factor.multiplier = static_cast<std::int32_t>(multiplier);
    return factor;
}

std::int32_t high_product(std::int32_t a, std::int32_t b) {
    if (a == b && a == Limits::min()) return Limits::max();
    const std::int64_t product = std::int64_t{a} * b;
    const std::int64_t half = product >= 0 ? kOne / 2 : 1 - kOne / 2;
    return static_cast<std::int32_t>((product + half) / kOne);
}

std::int32_t rounding_shift(std::int32_t x, int exponent) {
    const std::int32_t mask = static_cast<std::int32_t>((std::int64_t{1} << exponent) - 1);
    const std::int32_t threshold = (mask >> 1) + (x < 0 ? 1 : 0);
    return (x >> exponent) + ((x & mask) > threshold ? 1 : 0);
}

std::int32_t scale_by(std::int32_t x, const FixedFactor& factor) {
    const std::int64_t raised = std::int64_t{x} * (std::int64_t{1} << std::max(factor.shift, 0));
    const auto bounded =
        static_cast<std::int32_t>(std::clamp<std::int64_t>(raised, Limits::min(), Limits::max()));
    return rounding_shift(high_product(bounded, factor.multiplier), std::max(-factor.shift, 0));
}

std::int32_t scale_once(std::int32_t x, const FixedFactor& factor) {
    const int shift = 31 - factor.shift;
    const std::int64_t half = std::int64_t{1} << (shift - 1);
    const std::int64_t scaled = (std::int64_t{x} * factor.multiplier + half) >> shift;
    return static_cast<std::int32_t>(
        std::clamp<std::int64_t>(scaled, Limits::min(), Limits::max()));
}

}  // namespace hf::kernels
