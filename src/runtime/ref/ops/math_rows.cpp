#include "runtime/ref/families.h"
#include "runtime/ref/ops/common.h"
#include "runtime/ref/ops/tflite.h"

namespace hf::runtime::ref {

std::vector<OpRow> math_rows() {
    std::vector<OpRow> rows;
    for (auto family : {hf_rows, hf_attention_rows, hf_quantized_rows, matmul_rows, conv_rows, pool_rows, norm_rows, quantize_rows,
                        ml_rows, recurrent_rows, tflite_conv_rows, tflite_pool_rows,
                        tflite_pointwise_rows, tflite_quantize_rows, tflite_shape_rows}) {
        for (const OpRow& row : family()) rows.push_back(row);
    }
    return rows;
}

}  // namespace hf::runtime::ref
