#include "stream/eigen.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "testing/script.h"

namespace hf::stream {
namespace {

// B times its transpose, of rank `rank`: symmetric and positive semidefinite.
SquareMatrix random_gram(std::size_t order, std::size_t rank, Rng& rng) {
    std::vector<double> b(order * rank);
    for (double& entry : b) entry = rng.normal();
    SquareMatrix matrix(order);
    for (std::size_t i = 0; i < order; ++i) {
        for (std::size_t j = 0; j < order; ++j) {
            for (std::size_t k = 0; k < rank; ++k) {
                matrix.at(i, j) += b[i * rank + k] * b[j * rank + k];
            }
        }
    }
    return matrix;
}

// What makes it the decomposition: A v = lambda v, the vectors orthonormal, the values falling.
void expect_decomposes(const SquareMatrix& a, const Eigen& eigen) {
    const std::size_t n = a.order;
    ASSERT_EQ(eigen.values.size(), n);
    double trace = 0;
    double sum = 0;
    for (std::size_t i = 0; i < n; ++i) {
        trace += a.at(i, i);
        sum += eigen.values[i];
        EXPECT_GE(eigen.values[i == 0 ? 0 : i - 1], eigen.values[i]);
        const double* v = &eigen.vectors[i * n];
        for (std::size_t r = 0; r < n; ++r) {
            double product = 0;
            for (std::size_t c = 0; c < n; ++c) product += a.at(r, c) * v[c];
            EXPECT_NEAR(product, eigen.values[i] * v[r],
                        1e-10 * std::abs(eigen.values[0]) + 1e-300);
        }
        for (std::size_t j = 0; j <= i; ++j) {
            double dot = 0;
            for (std::size_t k = 0; k < n; ++k) dot += v[k] * eigen.vectors[j * n + k];
            EXPECT_NEAR(dot, i == j ? 1.0 : 0.0, 1e-12);
        }
    }
    EXPECT_NEAR(trace, sum, 1e-10 * std::abs(trace) + 1e-300);
}

TEST(Eigen, OfTwoByTwoIsKnown) {
    SquareMatrix a(2);
    a.entries = {2, 1, 1, 2};
    const Result<Eigen> eigen = symmetric_eigen(a);
    ASSERT_TRUE(eigen.ok());
    EXPECT_NEAR(eigen->values[0], 3, 1e-15);
    EXPECT_NEAR(eigen->values[1], 1, 1e-15);
    EXPECT_NEAR(eigen->vectors[0], std::sqrt(0.5), 1e-15);
    EXPECT_NEAR(eigen->vectors[1], std::sqrt(0.5), 1e-15);
}

TEST(Eigen, RandomMatricesAreDecomposed) {
    Rng rng(testing::seed());
    for (int round = 0; round < 40; ++round) {
        const std::size_t order = 1 + rng.below(24);
        const std::size_t rank = 1 + rng.below(order);
        const SquareMatrix a = random_gram(order, rank, rng);
        const Result<Eigen> eigen = symmetric_eigen(a);
        ASSERT_TRUE(eigen.ok()) << eigen.status().to_string();
        expect_decomposes(a, *eigen);
    }
}

TEST(Eigen, ExtremeMatricesAreDecomposed) {
    SquareMatrix zero(3);
    expect_decomposes(zero, *symmetric_eigen(zero));
    SquareMatrix ones(5);
    for (double& entry : ones.entries) entry = 1;
    expect_decomposes(ones, *symmetric_eigen(ones));
    for (double scale : {1e-100, 1e100}) {
        SquareMatrix negative(2);
        negative.entries = {-scale, 3 * scale, 3 * scale, scale};
        expect_decomposes(negative, *symmetric_eigen(negative));
    }
    EXPECT_TRUE(symmetric_eigen(SquareMatrix(0)).ok());
}

TEST(Eigen, RefusesWhatHasNoSuchDecomposition) {
    const auto message = [](std::vector<double> entries) {
        SquareMatrix a(2);
        a.entries = std::move(entries);
        return symmetric_eigen(a).status().to_string();
    };
    EXPECT_EQ(message({1, 2, 3, 4}), "INVALID_ARGUMENT: the matrix is not symmetric at (1, 0)");
    const double nan = std::numeric_limits<double>::quiet_NaN();
    EXPECT_EQ(message({1, nan, nan, 4}), "INVALID_ARGUMENT: the matrix has an entry nan");
    EXPECT_EQ(message({1e200, 0, 0, 4}), "INVALID_ARGUMENT: the matrix has an entry 1e+200");
    EXPECT_EQ(symmetric_eigen(SquareMatrix(kMaxEigenOrder + 1)).status().code(),
              Code::kResourceExhausted);
}

}  // namespace
}  // namespace hf::stream
