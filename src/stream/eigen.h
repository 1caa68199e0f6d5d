// Eigenvalues and eigenvectors of a real symmetric matrix by the cyclic Jacobi method: plane
// rotations make one entry beside the diagonal zero after the other until all are negligible
// (Golub and Van Loan, "Matrix Computations", 4th edition, section 8.5). Slower than reduction to
// tridiagonal form, and more accurate for small eigenvalues; the matrices here are a window wide.
//
// The result is the same on every machine: the order of the rotations is fixed, and a vector's
// largest entry is positive. Thread-safety: a pure function.

#pragma once

#include <cstddef>
#include <vector>

#include "base/status.h"

namespace hf::stream {

inline constexpr std::size_t kMaxEigenOrder = 1024;
inline constexpr double kMaxEigenEntry = 1e120;  // squares of it can still be summed
inline constexpr int kMaxJacobiSweeps = 60;      // ten are usual; convergence is quadratic

// Square, row-major.
struct SquareMatrix {
    std::size_t order = 0;
    std::vector<double> entries;

    explicit SquareMatrix(std::size_t n) : order(n), entries(n * n, 0.0) {}
    double& at(std::size_t row, std::size_t column) { return entries[row * order + column]; }
    double at(std::size_t row, std::size_t column) const { return entries[row * order + column]; }
};

struct Eigen {
    std::vector<double> values;   // falling
    std::vector<double> vectors;  // vector i is the row at i * order: unit length, orthogonal
};

// INVALID_ARGUMENT when an entry is no number or beyond kMaxEigenEntry, or the matrix is not
// symmetric; RESOURCE_EXHAUSTED above kMaxEigenOrder.
Result<Eigen> symmetric_eigen(SquareMatrix matrix);

}  // namespace hf::stream
