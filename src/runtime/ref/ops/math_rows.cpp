#include "runtime/ref/families.h"
#include "runtime/ref/ops/common.h"
#include "runtime/ref/ops/tflite.h"

namespace hf::runtime::ref {

std::vector<OpRow> math_rows() {
    std::vector<OpRow> rows;
    for (auto family : {hf_rows,
                        hf_attention_rows,
                        hf_quantized_rows,
                        matmul_rows,
                        conv_rows,
                        pool_rows,
                        norm_rows,
                        quantize_rows,
                        ml_rows,
                        recurrent_rows,
                        attention_rows,
                        contrib_fused_rows,
                        contrib_norm_rows,
                        qlinear_contrib_rows,
                        detect_rows,
                        determinant_rows,
                        einsum_rows,
                        grid_sample_rows,
                        layout_rows,
                        loss_rows,
                        norm_group_rows,
                        qlinear_rows,
                        signal_rows,
                        spectrum_rows,
                        train_rows,
                        unpool_rows,
                        tflite_conv_rows,
                        tflite_pool_rows,
                        tflite_pointwise_rows,
                        tflite_quantize_rows,
                        tflite_shape_rows}) {
        for (const OpRow& row : family()) rows.push_back(row);
    }
    return rows;
}

}  // namespace hf::runtime::ref
