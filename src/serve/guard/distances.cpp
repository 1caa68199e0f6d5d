#include "serve/guard/distances.h"

#include <cmath>
#include <map>

namespace hf::serve::guard {
namespace {

// A square matrix, row by row.
struct Matrix {
    explicit Matrix(std::size_t size) : size(size), values(size * size) {}
    double& operator()(std::size_t row, std::size_t column) { return values[row * size + column]; }

    std::size_t size;
    std::vector<double> values;
};

// In place, into the lower triangle. The matrix is positive definite by its shrinkage; rounding
// alone can leave a pivot that is not above 0.
void factorize(Matrix& m) {
    for (std::size_t column = 0; column < m.size; ++column) {
        for (std::size_t row = column; row < m.size; ++row) {
            double sum = m(row, column);
            for (std::size_t k = 0; k < column; ++k) sum -= m(row, k) * m(column, k);
            if (row == column) {
                m(row, row) = std::sqrt(std::max(sum, 1e-300));
            } else {
                m(row, column) = sum / m(column, column);
            }
        }
    }
}

// The inverse of a lower triangle, packed row by row.
std::vector<float> invert(Matrix& lower) {
    const std::size_t size = lower.size;
    Matrix inverse(size);
    for (std::size_t column = 0; column < size; ++column) {
        inverse(column, column) = 1 / lower(column, column);
        for (std::size_t row = column + 1; row < size; ++row) {
            double sum = 0;
            for (std::size_t k = column; k < row; ++k) sum -= lower(row, k) * inverse(k, column);
            inverse(row, column) = sum / lower(row, row);
        }
    }
    std::vector<float> packed;
    packed.reserve(size * (size + 1) / 2);
    for (std::size_t row = 0; row < size; ++row) {
        for (std::size_t column = 0; column <= row; ++column) {
            packed.push_back(static_cast<float>(inverse(row, column)));
        }
    }
    return packed;
}

struct Class {
    std::size_t count = 0;
    std::vector<double> mean;
};

std::map<std::int64_t, Class> means_of(const std::vector<float>& features,
                                       const std::vector<std::int64_t>& classes,
                                       std::size_t width) {
    std::map<std::int64_t, Class> all;
    for (std::size_t sample = 0; sample < classes.size(); ++sample) {
        Class& one = all[classes[sample]];
        one.mean.resize(width);
        ++one.count;
        for (std::size_t i = 0; i < width; ++i) one.mean[i] += features[sample * width + i];
    }
    for (auto& [label, one] : all) {
        for (double& value : one.mean) value /= static_cast<double>(one.count);
    }
    return all;
}

// Around the means of the classes, shrunk.
Matrix covariance_of(const std::vector<float>& features, const std::vector<std::int64_t>& classes,
                     const std::map<std::int64_t, Class>& means, std::size_t width) {
    Matrix sum(width);
    std::vector<double> centred(width);
    for (std::size_t sample = 0; sample < classes.size(); ++sample) {
        const std::vector<double>& mean = means.at(classes[sample]).mean;
        for (std::size_t i = 0; i < width; ++i) {
            centred[i] = features[sample * width + i] - mean[i];
        }
        for (std::size_t i = 0; i < width; ++i) {
            if (centred[i] == 0) continue;
            for (std::size_t j = 0; j <= i; ++j) sum(i, j) += centred[i] * centred[j];
        }
    }
    double trace = 0;
    const double samples = static_cast<double>(classes.size());
    for (double& value : sum.values) value *= (1 - kShrinkage) / samples;
    for (std::size_t i = 0; i < width; ++i) trace += sum(i, i) / (1 - kShrinkage);
    for (std::size_t i = 0; i < width; ++i) {
        sum(i, i) += kShrinkage * trace / static_cast<double>(width);
    }
    return sum;
}

}  // namespace

Status fit_distances(const std::vector<float>& features, const std::vector<std::int64_t>& classes,
                     Mahalanobis& part) {
    const std::size_t width = part.width;
    const std::map<std::int64_t, Class> means = means_of(features, classes, width);
    Matrix covariance = covariance_of(features, classes, means, width);
    if (!(covariance(0, 0) > 0) || !std::isfinite(covariance(0, 0))) {
        return invalid_argument("layer '{}' is the same for every sample of a class", part.layer);
    }
    factorize(covariance);
    part.whitening = invert(covariance);
    std::vector<double> centre(width);
    for (const auto& [label, one] : means) {
        for (std::size_t i = 0; i < width; ++i) {
            centre[i] += one.mean[i] / static_cast<double>(means.size());
        }
    }
    part.mean.assign(centre.begin(), centre.end());
    part.classes = means.size();
    part.centres.clear();
    for (const auto& [label, one] : means) {
        const float* weights = part.whitening.data();
        for (std::size_t i = 0; i < width; ++i) {
            double sum = 0;
            for (std::size_t j = 0; j <= i; ++j) {
                sum += weights[j] * (one.mean[j] - static_cast<double>(part.mean[j]));
            }
            part.centres.push_back(static_cast<float>(sum));
            weights += i + 1;
        }
    }
    return {};
}

}  // namespace hf::serve::guard
