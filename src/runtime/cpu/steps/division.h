// How matrix products are divided among threads: by rows of the result, or by panels of its columns
// where those are many more than the rows, so that each thread reads only its share of the weights.
// Either way each sum is computed whole, by one thread. Internal to runtime/cpu.

#pragma once

#include "kernels/simd/gemm_f32.h"
#include "kernels/simd/gemm_i8.h"
#include "runtime/cpu/steps/common.h"

namespace hf::runtime::cpu {

// A part of a result.
struct Area {
    Pieces rows, columns;
};

class Division final {
public:
    struct Product {
        std::size_t rows = 0;      // of a matrix, or of all images
        std::size_t row_size = 1;  // rows of the left matrix in each: an image's width
        std::size_t columns = 0;
        bool groups = false;   // the columns lie in groups, which are not divided
        std::size_t bias = 1;  // so many times as many columns as rows are cut by columns
    };
    explicit Division(const Product& product) : rows_(product.rows), columns_(product.columns) {
        constexpr std::size_t kPanels = 2;  // as a tile has
        constexpr std::size_t kRows = 24;   // what a piece has at least: whole tiles
        by_columns_ =
            !product.groups && product.columns > product.bias * product.rows * product.row_size;
        if (by_columns_) {
            chunks_ = {columns_, kPanels * kernels::kPanel};
        } else {
            chunks_ = {rows_, std::max<std::size_t>(1, kRows / product.row_size)};
        }
    }

    Cut cut(double work) const { return {chunks_.pieces(), work}; }

    Area area(Pieces pieces) const {
        const Pieces part = chunks_.range(pieces);
        return by_columns_ ? Area{{0, rows_}, part} : Area{part, {0, columns_}};
    }

private:
    bool by_columns_ = false;
    std::size_t rows_, columns_;
    Chunks chunks_;
};

// The same of one channel on.
inline kernels::Requantize from_column(kernels::Requantize requantize, std::size_t column) {
    for (auto* table :
         {&requantize.multipliers, &requantize.left_shifts, &requantize.right_shifts}) {
        if (*table) *table += column;
    }
    if (requantize.factors) requantize.factors += column;
    return requantize;
}

}  // namespace hf::runtime::cpu
