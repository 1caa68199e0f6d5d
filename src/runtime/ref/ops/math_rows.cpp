#include "runtime/ref/families.h"
#include "runtime/ref/ops/common.h"

namespace hf::runtime::ref {

std::vector<OpRow> math_rows() {
    std::vector<OpRow> rows;
    for (auto family : {matmul_rows, conv_rows, pool_rows, norm_rows, quantize_rows, ml_rows}) {
        for (const OpRow& row : family()) rows.push_back(row);
    }
    return rows;
}

}  // namespace hf::runtime::ref
