#include "stream/eigen.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace hf::stream {
namespace {

double norm(const SquareMatrix& a) {
    double sum = 0;
    for (double entry : a.entries) sum += entry * entry;
    return std::sqrt(sum);
}

double norm_beside_diagonal(const SquareMatrix& a) {
    double sum = 0;
    for (std::size_t i = 0; i < a.order; ++i) {
        for (std::size_t j = i + 1; j < a.order; ++j) sum += 2 * a.at(i, j) * a.at(i, j);
    }
    return std::sqrt(sum);
}

struct Rotation {
    double cosine = 1;
    double sine = 0;
};

// The smaller of the two rotations in the plane (p, q) that make the entry there zero.
Rotation rotation_for(const SquareMatrix& a, std::size_t p, std::size_t q) {
    const double tau = (a.at(q, q) - a.at(p, p)) / (2 * a.at(p, q));
    const double tangent = (tau >= 0 ? 1.0 : -1.0) / (std::abs(tau) + std::hypot(1.0, tau));
    const double cosine = 1 / std::hypot(1.0, tangent);
    return {cosine, tangent * cosine};
}

void rotate_rows(SquareMatrix& a, std::size_t p, std::size_t q, Rotation r) {
    double* row_p = &a.entries[p * a.order];
    double* row_q = &a.entries[q * a.order];
    for (std::size_t k = 0; k < a.order; ++k) {
        const double x = row_p[k];
        const double y = row_q[k];
        row_p[k] = r.cosine * x - r.sine * y;
        row_q[k] = r.sine * x + r.cosine * y;
    }
}

void rotate_columns(SquareMatrix& a, std::size_t p, std::size_t q, Rotation r) {
    for (std::size_t k = 0; k < a.order; ++k) {
        const double x = a.at(k, p);
        const double y = a.at(k, q);
        a.at(k, p) = r.cosine * x - r.sine * y;
        a.at(k, q) = r.sine * x + r.cosine * y;
    }
}

void sweep(SquareMatrix& a, SquareMatrix& vectors, double negligible) {
    for (std::size_t p = 0; p < a.order; ++p) {
        for (std::size_t q = p + 1; q < a.order; ++q) {
            if (std::abs(a.at(p, q)) <= negligible) continue;
            const Rotation r = rotation_for(a, p, q);
            rotate_rows(a, p, q, r);
            rotate_columns(a, p, q, r);
            rotate_rows(vectors, p, q, r);
        }
    }
}

Status check(const SquareMatrix& a) {
    if (a.order > kMaxEigenOrder) {
        return resource_exhausted("a matrix of order {}; the limit is {}", a.order, kMaxEigenOrder);
    }
    double largest = 0;
    for (double entry : a.entries) {
        if (!(std::abs(entry) <= kMaxEigenEntry)) {
            return invalid_argument("the matrix has an entry {}", entry);
        }
        largest = std::max(largest, std::abs(entry));
    }
    for (std::size_t i = 0; i < a.order; ++i) {
        for (std::size_t j = 0; j < i; ++j) {
            if (std::abs(a.at(i, j) - a.at(j, i)) <= 1e-9 * largest) continue;
            return invalid_argument("the matrix is not symmetric at ({}, {})", i, j);
        }
    }
    return {};
}

Eigen in_falling_order(const SquareMatrix& a, const SquareMatrix& vectors) {
    std::vector<std::size_t> order(a.order);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t i, std::size_t j) { return a.at(i, i) > a.at(j, j); });
    Eigen eigen;
    for (std::size_t index : order) {
        eigen.values.push_back(a.at(index, index));
        const auto first = vectors.entries.begin() + static_cast<std::ptrdiff_t>(index * a.order);
        const auto last = first + static_cast<std::ptrdiff_t>(a.order);
        const auto largest = std::max_element(
            first, last, [](double x, double y) { return std::abs(x) < std::abs(y); });
        const double sign = *largest < 0 ? -1 : 1;
        std::transform(first, last, std::back_inserter(eigen.vectors),
                       [&](double entry) { return sign * entry; });
    }
    return eigen;
}

}  // namespace

Result<Eigen> symmetric_eigen(SquareMatrix matrix) {
    HF_TRY(check(matrix));
    SquareMatrix vectors(matrix.order);
    for (std::size_t i = 0; i < matrix.order; ++i) vectors.at(i, i) = 1;
    // Entries this small change no eigenvalue by more than rounding does.
    const double target = 1e-14 * norm(matrix);
    const double negligible = target / static_cast<double>(std::max<std::size_t>(matrix.order, 1));
    for (int i = 0; i < kMaxJacobiSweeps; ++i) {
        if (norm_beside_diagonal(matrix) <= target) return in_falling_order(matrix, vectors);
        sweep(matrix, vectors, negligible);
    }
    return HF_BUG("Jacobi's method did not converge in {} sweeps", kMaxJacobiSweeps);
}

}  // namespace hf::stream
