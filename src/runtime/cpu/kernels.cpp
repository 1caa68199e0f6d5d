// The table of kernels that plans name.

#include <array>

#include "runtime/cpu/steps/common.h"
#include "runtime/cpu/steps/library.h"

namespace hf::runtime::cpu {
namespace {

// A kernel of oneDNN is made as its own counterpart first: that checks the operands, and runs where
// the library does not.
constexpr std::array kKernels{
    Kernel{"onednn.conv_f32", make_conv_f32, false, choose_conv_f32},
    Kernel{"simd.attention_f32", make_attention_f32},
    Kernel{"simd.conv_f32", make_conv_f32},
    Kernel{"simd.winograd_f32", make_winograd_f32},
    Kernel{"simd.conv_bf16", make_conv_bf16},
    Kernel{"simd.conv_i8", make_conv_i8},
    Kernel{"simd.depthwise_f32", make_depthwise_f32},
    Kernel{"simd.depthwise_i8", make_depthwise_i8},
    Kernel{"simd.dense_f32", make_dense_f32},
    Kernel{"simd.dense_bf16", make_dense_bf16},
    Kernel{"simd.dense_i8", make_dense_i8},
    Kernel{"simd.matmul_f32", make_matmul_f32},
    Kernel{"simd.max_pool_f32", make_max_pool_f32},
    Kernel{"simd.average_pool_f32", make_average_pool_f32},
    Kernel{"simd.max_pool_i8", make_max_pool_i8},
    Kernel{"simd.average_pool_i8", make_average_pool_i8},
    Kernel{"simd.unary_f32", make_unary_f32, true},
    Kernel{"simd.binary_f32", make_binary_f32, true},
    Kernel{"simd.add_i8", make_add_i8, true},
    Kernel{"simd.add_real_i8", make_add_real_i8, true},
    Kernel{"simd.mean_i8", make_mean_i8},
    Kernel{"simd.quantize_i8", make_quantize_i8},
    Kernel{"simd.dequantize_i8", make_dequantize_i8},
    Kernel{"simd.softmax_f32", make_softmax_f32, true},
    Kernel{"simd.softmax_i8", make_softmax_i8, true},
    Kernel{"simd.layer_norm_f32", make_layer_norm_f32, true},
    Kernel{"simd.mean_f32", make_mean_f32},
    Kernel{"simd.lrn_f32", make_lrn_f32},
    Kernel{"simd.reduce_f32", make_reduce_f32},
    Kernel{"simd.softmax_columns_f32", make_softmax_columns_f32, true},
    Kernel{"simd.instance_norm_f32", make_instance_norm_f32, true},
    Kernel{"scalar.pointwise", make_pointwise},
    Kernel{"scalar.select", make_select},
    Kernel{"scalar.cast", make_cast},
    Kernel{"scalar.trees_f32", make_trees_f32, false, nullptr, verify_trees_f32},
    Kernel{"move.copy", make_copy},
    Kernel{"move.transpose", make_transpose},
    Kernel{"move.concat", make_concat},
    Kernel{"move.strided", make_strided},
    Kernel{"move.pad", make_pad},
    Kernel{"move.gather", make_gather},
    Kernel{"ref", make_reference},
};

}  // namespace

const Kernel* find_kernel(std::string_view name) {
    for (const Kernel& kernel : kKernels) {
        if (kernel.name == name) return &kernel;
    }
    return nullptr;
}

const Kernel& own_kernel(const Kernel& kernel) {
    for (const Kernel& own : kKernels) {
        if (!own.by_library && own.make == kernel.make) return own;
    }
    return kernel;
}

}  // namespace hf::runtime::cpu
