#include "runtime/quantize/samples.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/rng.h"

namespace hf::runtime {

Split split_samples(std::size_t count, std::uint64_t seed) {
    if (count == 1) return {{0}, {0}};
    std::vector<std::size_t> order(count);
    std::iota(order.begin(), order.end(), std::size_t{0});
    Rng rng(seed);
    for (std::size_t i = count; i > 1; --i) std::swap(order[i - 1], order[rng.below(i)]);
    constexpr std::size_t kShare = 5;
    const auto held = static_cast<std::ptrdiff_t>(std::max<std::size_t>(1, count / kShare));
    Split split{{order.begin() + held, order.end()}, {order.begin(), order.begin() + held}};
    std::sort(split.calibration.begin(), split.calibration.end());
    std::sort(split.held_out.begin(), split.held_out.end());
    return split;
}

}  // namespace hf::runtime
