#include "runtime/machine_speed.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <vector>

#include "base/rng.h"
#include "kernels/fixed_point.h"
#include "kernels/simd/gemm_f32.h"
#include "kernels/simd/gemm_i8.h"
#include "kernels/simd/pad.h"

namespace hf::runtime {
namespace {

// Of the products: those of a middling layer of a vision model, 320 KiB in fp32.
constexpr std::size_t kRows = 128, kColumns = 128, kDepth = 256;
constexpr std::uint64_t kProductOps = std::uint64_t{2} * kRows * kColumns * kDepth;
constexpr int kTriesMost = 100'000;

// Millions of `amount` a second, at the best of the tries.
template <typename Work>
std::int64_t best_rate(const env::Clock& clock, Duration for_each, std::uint64_t amount,
                       Work&& work) {
    work();  // its memory is touched, its code is there
    const Duration end = clock.monotonic() + for_each;
    Duration best = Duration::max();
    for (int i = 0; i < kTriesMost; ++i) {
        const Duration start = clock.monotonic();
        work();
        const Duration now = clock.monotonic();
        best = std::min(best, now - start);
        if (now >= end) break;
    }
    const double seconds = std::max(std::chrono::duration<double>(best).count(), 1e-9);
    return static_cast<std::int64_t>(static_cast<double>(amount) / seconds / 1e6);
}

template <typename T>
std::vector<T> numbers(Rng& rng, std::size_t count) {
    std::vector<T> values(count);
    for (T& value : values) value = static_cast<T>(static_cast<int>(rng.below(200)) - 100);
    return values;
}

std::int64_t f32_rate(const env::Clock& clock, Duration for_each, Rng& rng) {
    const std::vector<float> in = numbers<float>(rng, kRows * kDepth);
    const std::vector<float> weights = numbers<float>(rng, kColumns * kDepth);
    std::vector<float> packed(kernels::packed_size_f32(kColumns, kDepth));
    kernels::pack_f32({weights.data(), kColumns, kDepth, 1}, kDepth, packed.data());
    std::vector<float> out(kRows * kColumns);
    constexpr float infinity = std::numeric_limits<float>::infinity();
    const kernels::GemmF32 gemm{kernels::Windows::matrix(kRows, kDepth), kColumns, kColumns,
                                -infinity, infinity};
    return best_rate(clock, for_each, kProductOps, [&] {
        kernels::gemm_f32(gemm, {in.data(), packed.data(), nullptr, nullptr, out.data()});
    });
}

std::int64_t i8_rate(const env::Clock& clock, Duration for_each, Rng& rng) {
    const kernels::Windows windows = kernels::Windows::matrix(kRows, kDepth);
    const std::vector<std::int8_t> in = numbers<std::int8_t>(rng, kRows * kDepth);
    std::vector<std::int16_t> left(windows.extent() + kernels::kGroup - 1);
    kernels::widen_left_i8(windows.extent(), {in.data(), 0}, left.data());
    const std::vector<std::int8_t> weights = numbers<std::int8_t>(rng, kColumns * kDepth);
    std::vector<std::int8_t> packed(
        kernels::packed_size_i8(kColumns, windows.segments(), windows.run));
    kernels::pack_i8({weights.data(), kColumns, kDepth, 1}, windows, packed.data());
    std::vector<std::int32_t> weight_sums(kColumns);
    for (std::size_t i = 0; i < weights.size(); ++i) weight_sums[i / kDepth] += weights[i];
    const kernels::FixedFactor factor = kernels::fixed_factor(1.0 / 4096);
    const std::vector<std::int32_t> bias(kColumns), multipliers(kColumns, factor.multiplier),
        left_shifts(kColumns, std::max(0, factor.shift)),
        right_shifts(kColumns, std::max(0, -factor.shift));
    std::vector<std::int8_t> out(kRows * kColumns);
    const kernels::GemmI8 gemm{
        windows,
        kColumns,
        kColumns,
        {multipliers.data(), left_shifts.data(), right_shifts.data(), 0, -128, 127}};
    return best_rate(clock, for_each, kProductOps, [&] {
        kernels::gemm_i8(gemm,
                         {left.data(), packed.data(), bias.data(), weight_sums.data(), out.data()});
    });
}

std::int64_t copy_rate(const env::Clock& clock, const SpeedOptions& options) {
    const std::vector<std::uint8_t> from(options.copy_bytes, 1);
    std::vector<std::uint8_t> to(options.copy_bytes);
    std::uint8_t stir = 0;
    return best_rate(clock, options.for_each, std::uint64_t{2} * options.copy_bytes, [&] {
        std::memcpy(to.data(), from.data(), to.size());
        // What was copied is looked at, so that the copy is made.
        stir = static_cast<std::uint8_t>(stir + to[stir]);
    });
}

}  // namespace

MachineSpeed measure_speed(const env::Clock& clock, const SpeedOptions& options) {
    Rng rng(1);
    return {f32_rate(clock, options.for_each, rng), i8_rate(clock, options.for_each, rng),
            copy_rate(clock, options)};
}

}  // namespace hf::runtime
