// What the operators of the domain ai.onnx.ml share: class labels, post-transforms, rows of
// features. Internal to runtime/ref.

#pragma once

#include <string>
#include <vector>

#include "runtime/ref/ops/common.h"

namespace hf::runtime::ref {

// Samples by features: a vector is one sample, further axes count as features.
struct FeatureRows {
    std::vector<double> values;
    std::size_t samples = 0;
    std::size_t features = 0;

    std::span<const double> row(std::size_t sample) const {
        return std::span(values).subspan(sample * features, features);
    }
};
Result<FeatureRows> feature_rows(const OpContext& context);

// The class labels of a classifier, of integers or of strings.
struct ClassLabels {
    std::vector<std::int64_t> numbers;
    std::vector<std::string> words;

    std::size_t count() const { return std::max(numbers.size(), words.size()); }
    Result<Tensor> pick(const std::vector<std::size_t>& classes) const;
};
// From classlabels_strings, classlabels_int64s or, in LinearClassifier, classlabels_ints.
ClassLabels class_labels(const graph::Node& node);

// "NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO" or "PROBIT", over the scores of one sample.
Status post_transform(const std::string& name, std::vector<double>& scores);

// The attribute's floats, or the tensor of doubles under `name`_as_tensor.
Result<std::vector<double>> reals(const graph::Node& node, std::string_view name);

Result<Tensor> score_matrix(const std::vector<std::vector<double>>& scores, std::size_t columns);

std::vector<OpRow> ml_encode_rows();
std::vector<OpRow> ml_linear_rows();
std::vector<OpRow> ml_svm_rows();
std::vector<OpRow> ml_tree_rows();

}  // namespace hf::runtime::ref
