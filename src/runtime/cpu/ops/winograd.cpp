// Whether a convolution is done by Winograd's F(4x4, 3x3): where it may be and is faster, and its
// results are close enough.

#include "kernels/simd/winograd_f32.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/rng.h"
#include "runtime/cpu/ops/families.h"
#include "runtime/cpu/steps/image.h"

namespace hf::runtime::cpu {
namespace {

// A result may differ from the plain sum by so much of the sum of its products' magnitudes. Plain
// sums in single precision differ from exact ones by some 1e-7 of it.
constexpr double kTolerance = 5e-6;

// Nanoseconds of both ways on one core with AVX-512, as measured; their ratio is what counts.
constexpr double kMacsPerNs = 65, kTransformNs = 0.15, kNearBytesPerNs = 40, kFarBytesPerNs = 12;
constexpr double kNearBytes = 1 << 20;  // what stays in a core's own cache

double plain_ns(const kernels::WinogradF32& s) {
    return 9.0 * static_cast<double>(s.out_height * s.out_width) *
           static_cast<double>(s.channels * s.columns) / kMacsPerNs;
}

// The transformed weights are four times the plain ones; each block of tiles reads them all.
double winograd_ns(const kernels::WinogradF32& s) {
    const auto tiles = static_cast<double>(s.tiles());
    const double blocks = std::ceil(tiles / static_cast<double>(s.block));
    const auto weights = static_cast<double>(s.packed_size());
    const double bytes = blocks * weights * sizeof(float);
    return tiles * weights / kMacsPerNs +
           tiles * 36 * static_cast<double>(s.channels + s.columns) * kTransformNs +
           bytes / (weights * sizeof(float) <= kNearBytes ? kNearBytesPerNs : kFarBytesPerNs);
}

// The largest error of one tile over random inputs, as kTolerance counts it; of the first columns.
double error_of(std::span<const float> weights, std::size_t channels, std::size_t columns) {
    kernels::WinogradF32 s;
    s.height = s.width = 6;
    s.out_height = s.out_width = 4;
    s.channels = channels;
    s.columns = std::min<std::size_t>(columns, 4 * std::size_t{kernels::kPanel});
    s.min = -std::numeric_limits<float>::infinity();
    s.max = std::numeric_limits<float>::infinity();
    Rng rng(1);
    std::vector<float> image(36 * channels), packed(s.packed_size()), scratch(s.scratch_size()),
        out(16 * s.columns);
    for (float& value : image) value = static_cast<float>(rng.uniform() * 2 - 0.5);
    kernels::pack_winograd_f32(s, weights.data(), packed.data());
    kernels::winograd_f32(
        s, {image.data(), packed.data(), nullptr, nullptr, scratch.data(), out.data()}, 0);
    double worst = 0;
    for (std::size_t i = 0; i < out.size(); ++i) {
        const std::size_t at = i / s.columns / 4 * 6 + i / s.columns % 4;
        const float* w = weights.data() + i % s.columns * 9 * channels;
        double sum = 0, size = 0;
        for (std::size_t k = 0; k < 9 * channels; ++k) {
            const std::size_t tap = k / channels;
            const double product =
                double{w[k]} *
                double{image[(at + tap / 3 * 6 + tap % 3) * channels + k % channels]};
            sum += product;
            size += std::abs(product);
        }
        const double difference = std::abs(double{out[i]} - sum);
        if (!std::isfinite(difference)) return difference;
        if (size > 0) worst = std::max(worst, difference / size);
    }
    return worst;
}

}  // namespace

Drafts by_winograd(const NodeView& view, Drafts plain) {
    std::vector<Draft> drafts = HF_TRY(std::move(plain));
    Draft& draft = drafts[0];
    const std::vector<std::int64_t>& fields = draft.ints;
    const bool fits = fields[kKernelY] == 3 && fields[kKernelX] == 3 && fields[kStrideY] == 1 &&
                      fields[kStrideX] == 1 && fields[kDilationY] == 1 && fields[kDilationX] == 1 &&
                      fields[kGroup] == 1;
    if (!fits) return unimplemented("windows are not 3x3 at stride 1");
    kernels::WinogradF32 s;
    s.out_height = static_cast<std::size_t>(view.out_shape()[1]);
    s.out_width = static_cast<std::size_t>(view.out_shape()[2]);
    s.channels = static_cast<std::size_t>(view.shape(0)[3]);
    s.columns = static_cast<std::size_t>(view.out_shape()[3]);
    if (s.channels % kernels::kPanel != 0 || s.columns % kernels::kPanel != 0 || s.tiles() == 0) {
        return unimplemented("{} channels into {} are not whole panels", s.channels, s.columns);
    }
    s.block = kernels::winograd_block(s.tiles());
    if (winograd_ns(s) >= plain_ns(s)) return unimplemented("it would not be faster");
    const std::span<const float> weights = view.constant(1)->values<float>();
    const double error = error_of(weights, s.channels, s.columns);
    if (!(error <= kTolerance)) {
        return unimplemented("results would differ by {:.1e} of their size", error);
    }
    Tensor packed(DType::kF32, Shape{static_cast<std::int64_t>(s.packed_size())});
    kernels::pack_winograd_f32(s, weights.data(), packed.mutable_values<float>().data());
    draft.kernel = "simd.winograd_f32";
    draft.inputs[1] = DraftInput::of(std::move(packed));
    draft.ints.push_back(static_cast<std::int64_t>(s.block));
    draft.scratch_bytes = s.scratch_size() * sizeof(float);
    return drafts;
}

}  // namespace hf::runtime::cpu
