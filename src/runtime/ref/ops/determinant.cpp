// Det: determinants by elimination with partial pivoting, in double.

#include <cmath>
#include <utility>

#include "runtime/ref/ops/common.h"

namespace hf::runtime::ref {
namespace {

// Destroys the matrix.
double eliminate(std::span<double> matrix, std::size_t size) {
    double result = 1;
    for (std::size_t column = 0; column < size; ++column) {
        std::size_t pivot = column;
        for (std::size_t row = column + 1; row < size; ++row) {
            const bool larger =
                std::abs(matrix[row * size + column]) > std::abs(matrix[pivot * size + column]);
            if (larger) pivot = row;
        }
        const double head = matrix[pivot * size + column];
        if (head == 0) return 0;
        for (std::size_t i = column; i < size && pivot != column; ++i) {
            std::swap(matrix[pivot * size + i], matrix[column * size + i]);
        }
        result *= pivot == column ? head : -head;
        for (std::size_t row = column + 1; row < size; ++row) {
            const double factor = matrix[row * size + column] / head;
            for (std::size_t i = column; i < size; ++i) {
                matrix[row * size + i] -= factor * matrix[column * size + i];
            }
        }
    }
    return result;
}

Outputs determinant(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    const std::size_t rank = input.shape().rank();
    if (rank < 2 || input.shape()[rank - 1] != input.shape()[rank - 2]) {
        return invalid_argument("want square matrices, got {}", input.shape().to_string());
    }
    const auto size = static_cast<std::size_t>(input.shape()[rank - 1]);
    std::vector<double> values = HF_TRY(to_doubles(input));
    const Shape shape(std::vector<std::int64_t>(input.shape().begin(), input.shape().end() - 2));
    Tensor out = HF_TRY(make_tensor(DType::kF64, shape));
    for (std::size_t i = 0; i < static_cast<std::size_t>(out.elements()); ++i) {
        out.mutable_values<double>()[i] =
            eliminate(std::span(values).subspan(i * size * size, size * size), size);
    }
    return one(HF_TRY(cast_tensor(out, input.dtype())));
}

}  // namespace

std::vector<OpRow> determinant_rows() {
    return {{"", "Det", determinant}};
}

}  // namespace hf::runtime::ref
