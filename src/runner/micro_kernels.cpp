// The table of kernels of holdfast-micro, in place of runtime/cpu/kernels.cpp: what int8 networks
// need. runtime/executable.cpp tells by its names which plans fit.

#include <array>

#include "runtime/cpu/steps/common.h"

namespace hf::runtime::cpu {
namespace {

constexpr std::array kKernels{
    Kernel{"simd.conv_i8", make_conv_i8},
    Kernel{"simd.depthwise_i8", make_depthwise_i8},
    Kernel{"simd.dense_i8", make_dense_i8},
    Kernel{"simd.max_pool_i8", make_max_pool_i8},
    Kernel{"simd.average_pool_i8", make_average_pool_i8},
    Kernel{"simd.add_i8", make_add_i8, true},
    Kernel{"simd.add_real_i8", make_add_real_i8, true},
    Kernel{"simd.mean_i8", make_mean_i8},
    Kernel{"simd.quantize_i8", make_quantize_i8},
    Kernel{"simd.dequantize_i8", make_dequantize_i8},
    Kernel{"simd.softmax_i8", make_softmax_i8, true},
    Kernel{"move.copy", make_copy},
};

}  // namespace

const Kernel* find_kernel(std::string_view name) {
    for (const Kernel& kernel : kKernels) {
        if (kernel.name == name) return &kernel;
    }
    return nullptr;
}

const Kernel& own_kernel(const Kernel& kernel) {
    return kernel;
}

}  // namespace hf::runtime::cpu
