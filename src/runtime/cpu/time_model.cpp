#include "runtime/cpu/time_model.h"

#include <algorithm>
#include <array>

#include "kernels/simd/dispatch.h"

namespace hf::runtime::cpu {
namespace {

// Per nanosecond and thread. Those of AMX were fitted until eleven networks of bench/peers came out
// at 0.6 to 1.4 of their measured times on Sapphire Rapids; those of AVX-512 alone and of AVX2 are
// estimates.
struct Rates {
    std::string_view kernels;  // that begin so
    double amx, avx512, avx2;  // multiply-adds
};
constexpr std::array kRates{
    Rates{"simd.winograd_f32", 110, 110, 50},
    Rates{"simd.conv_f32", 62, 62, 30},
    Rates{"onednn.", 50, 50, 32},
    Rates{"simd.dense_f32", 60, 60, 28},
    Rates{"simd.conv_bf16", 240, 42, 30},
    Rates{"simd.dense_bf16", 300, 42, 30},
    Rates{"simd.conv_i8", 400, 150, 45},
    Rates{"simd.dense_i8", 400, 150, 45},
    Rates{"simd.depthwise_f32", 22, 22, 10},
    Rates{"simd.depthwise_i8", 14, 14, 8},
    Rates{"simd.matmul_f32", 35, 35, 18},
    Rates{"simd.attention_f32", 35, 35, 18},
    Rates{"ref.", 0.3, 0.3, 0.3},
};
constexpr double kOtherRate = 4;
constexpr double kBytes = 20, kReferenceBytes = 0.4;  // per nanosecond
constexpr double kStartUs = 0.1;

double rate_of(std::string_view kernel) {
    for (const Rates& rates : kRates) {
        if (!kernel.starts_with(rates.kernels)) continue;
        if (kernels::has_tiles()) return rates.amx;
        return kernels::has_avx3() ? rates.avx512 : rates.avx2;
    }
    return kOtherRate;
}

}  // namespace

double predicted_us(std::string_view kernel, const OperationSize& size) {
    const double bytes_per_ns = kernel.starts_with("ref.") ? kReferenceBytes : kBytes;
    const double arithmetic = static_cast<double>(size.macs) / rate_of(kernel);
    const double traffic = static_cast<double>(size.bytes) / bytes_per_ns;
    return kStartUs + std::max(arithmetic, traffic) / 1000;
}

}  // namespace hf::runtime::cpu
