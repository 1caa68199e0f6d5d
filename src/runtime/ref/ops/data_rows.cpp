#include "runtime/ref/families.h"
#include "runtime/ref/ops/common.h"

namespace hf::runtime::ref {

std::vector<OpRow> data_rows() {
    std::vector<OpRow> rows;
    for (auto family :
         {unary_rows, binary_rows, reduce_rows, shape_rows, move_rows, index_rows, control_rows,
          random_rows, resize_rows, scan_rows, sequence_rows, text_rows, unique_rows}) {
        for (const OpRow& row : family()) rows.push_back(row);
    }
    return rows;
}

}  // namespace hf::runtime::ref
