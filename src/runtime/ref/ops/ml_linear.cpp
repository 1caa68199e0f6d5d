// Linear models of ai.onnx.ml and the preparation of features: LinearClassifier, LinearRegressor,
// Normalizer, Scaler, Imputer, Binarizer, ArrayFeatureExtractor, FeatureVectorizer.

#include <algorithm>
#include <cmath>

#include "runtime/ref/ops/ml.h"

namespace hf::runtime::ref {
namespace {

// Scores of every sample: coefficients [targets, features] times the row, plus intercepts.
struct Linear {
    std::vector<double> coefficients;
    std::vector<double> intercepts;  // one a target, or none
    std::size_t targets = 0;

    std::vector<double> scores(std::span<const double> row) const {
        std::vector<double> scores(targets, 0);
        for (std::size_t t = 0; t < targets; ++t) {
            for (std::size_t f = 0; f < row.size(); ++f) {
                scores[t] += coefficients[t * row.size() + f] * row[f];
            }
            if (!intercepts.empty()) scores[t] += intercepts[t];
        }
        return scores;
    }
};

Result<Linear> make_linear(const OpContext& context, std::size_t features) {
    Linear linear;
    linear.coefficients = HF_TRY(reals(context.node, "coefficients"));
    linear.intercepts = HF_TRY(reals(context.node, "intercepts"));
    // The intercepts tell how many targets there are. Some exported files carry coefficients of
    // more features than the model takes; what is beyond the matrix is not used.
    linear.targets = linear.intercepts.size();
    if (linear.targets == 0 && features != 0)
        linear.targets = linear.coefficients.size() / features;
    if (linear.targets == 0 || linear.targets * features > linear.coefficients.size()) {
        return invalid_argument("{} coefficients do not fit {} targets of {} features",
                                linear.coefficients.size(), linear.targets, features);
    }
    return linear;
}

Outputs linear_classifier(const OpContext& context) {
    const FeatureRows rows = HF_TRY(feature_rows(context));
    const Linear linear = HF_TRY(make_linear(context, rows.features));
    const ClassLabels labels = class_labels(context.node);
    const std::string transform = context.node.string_or("post_transform", "NONE");
    // One score for two classes speaks for the second of them.
    const bool binary = linear.targets == 1 && labels.count() == 2;
    if (!binary && labels.count() != linear.targets) {
        return invalid_argument("{} labels for {} scores", labels.count(), linear.targets);
    }
    std::vector<std::vector<double>> scores;
    std::vector<std::size_t> classes;
    for (std::size_t sample = 0; sample < rows.samples; ++sample) {
        std::vector<double> row = linear.scores(rows.row(sample));
        if (binary) {
            classes.push_back(row[0] > 0 ? 1 : 0);
            HF_TRY(post_transform(transform, row));
            row.insert(row.begin(), 1 - row[0]);
        } else {
            classes.push_back(
                static_cast<std::size_t>(std::max_element(row.begin(), row.end()) - row.begin()));
            HF_TRY(post_transform(transform, row));
        }
        scores.push_back(std::move(row));
    }
    std::vector<Tensor> outputs = one(HF_TRY(labels.pick(classes)));
    outputs.push_back(HF_TRY(score_matrix(scores, binary ? 2 : linear.targets)));
    return outputs;
}

Outputs linear_regressor(const OpContext& context) {
    const FeatureRows rows = HF_TRY(feature_rows(context));
    const Linear linear = HF_TRY(make_linear(context, rows.features));
    const std::string transform = context.node.string_or("post_transform", "NONE");
    std::vector<std::vector<double>> scores;
    for (std::size_t sample = 0; sample < rows.samples; ++sample) {
        scores.push_back(linear.scores(rows.row(sample)));
        HF_TRY(post_transform(transform, scores.back()));
    }
    return one(HF_TRY(score_matrix(scores, linear.targets)));
}

// f32 of the input's shape, from its doubles.
Outputs as_floats(const OpContext& context, const std::vector<double>& values) {
    Tensor out = HF_TRY(make_tensor(DType::kF32, context.inputs[0].shape()));
    for (std::size_t i = 0; i < values.size(); ++i) {
        out.mutable_values<float>()[i] = static_cast<float>(values[i]);
    }
    return one(std::move(out));
}

Outputs normalizer(const OpContext& context) {
    FeatureRows rows = HF_TRY(feature_rows(context));
    const std::string norm = context.node.string_or("norm", "MAX");
    if (norm != "MAX" && norm != "L1" && norm != "L2") {
        return invalid_argument("norm '{}' is none of MAX, L1, L2", norm);
    }
    for (std::size_t sample = 0; sample < rows.samples; ++sample) {
        double size = norm == "MAX" ? -INFINITY : 0;
        for (double x : rows.row(sample)) {
            size = norm == "MAX" ? std::max(size, x) : size + (norm == "L1" ? std::abs(x) : x * x);
        }
        if (norm == "L2") size = std::sqrt(size);
        for (std::size_t f = 0; f < rows.features && size != 0; ++f) {
            rows.values[sample * rows.features + f] /= size;
        }
    }
    return as_floats(context, rows.values);
}

// Whether a parameter list applies to every feature: one for all, or one each.
Status check_parameters(const std::vector<double>& values, std::size_t features,
                        std::string_view name) {
    if (values.size() == 1 || values.size() == features) return {};
    return invalid_argument("{} values of '{}' for {} features", values.size(), name, features);
}

Outputs scaler(const OpContext& context) {
    FeatureRows rows = HF_TRY(feature_rows(context));
    const std::vector<double> offset = HF_TRY(reals(context.node, "offset"));
    const std::vector<double> scale = HF_TRY(reals(context.node, "scale"));
    HF_TRY(check_parameters(offset, rows.features, "offset"));
    HF_TRY(check_parameters(scale, rows.features, "scale"));
    for (std::size_t i = 0; i < rows.values.size(); ++i) {
        const std::size_t f = i % rows.features;
        rows.values[i] = (rows.values[i] - offset[offset.size() == 1 ? 0 : f]) *
                         scale[scale.size() == 1 ? 0 : f];
    }
    return as_floats(context, rows.values);
}

Outputs imputer(const OpContext& context) {
    FeatureRows rows = HF_TRY(feature_rows(context));
    const bool integers = context.node.has("imputed_value_int64s");
    std::vector<double> values = HF_TRY(reals(context.node, "imputed_value_floats"));
    double missing = double{context.node.float_or("replaced_value_float", 0)};
    if (integers) {
        const std::vector<std::int64_t> whole = context.node.ints_or("imputed_value_int64s", {});
        values.assign(whole.begin(), whole.end());
        missing = static_cast<double>(context.node.int_or("replaced_value_int64", 0));
    }
    HF_TRY(check_parameters(values, rows.features, "imputed_value"));
    for (std::size_t i = 0; i < rows.values.size(); ++i) {
        double& x = rows.values[i];
        const bool gone = std::isnan(missing) ? std::isnan(x) : x == missing;
        if (gone) x = values[values.size() == 1 ? 0 : i % rows.features];
    }
    std::vector<Tensor> outputs = HF_TRY(as_floats(context, rows.values));
    return one(HF_TRY(cast_tensor(outputs[0], context.inputs[0].dtype())));
}

Outputs binarizer(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    const double threshold = double{context.node.float_or("threshold", 0)};
    std::vector<double> values = HF_TRY(to_doubles(input));
    for (double& x : values) x = x > threshold ? 1 : 0;
    const std::vector<Tensor> outputs = HF_TRY(as_floats(context, values));
    return one(HF_TRY(cast_tensor(outputs[0], input.dtype())));
}

// Picks entries of the last axis; a vector becomes a matrix of one row.
Outputs array_feature_extractor(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    const std::vector<std::int64_t> picks = HF_TRY(to_int64s(HF_TRY(need_input(context, 1))));
    if (input.shape().rank() == 0 || picks.empty()) {
        return invalid_argument("nothing to pick from {}", input.shape().to_string());
    }
    const std::size_t last = input.shape().rank() - 1;
    const std::int64_t extent = input.shape()[last];
    for (std::int64_t pick : picks) {
        if (pick < 0 || pick >= extent) {
            return invalid_argument("feature {} of {} does not exist", pick, extent);
        }
    }
    std::vector<std::int64_t> extents = input.shape().extents();
    if (last == 0) extents.insert(extents.begin(), 1);
    extents.back() = static_cast<std::int64_t>(picks.size());
    return one(HF_TRY(move_elements(input, Shape(extents), [&](auto at) {
        std::int64_t row = 0;
        for (std::size_t axis = 0; axis + 1 < at.size(); ++axis) {
            row = row * extents[axis] + at[axis];
        }
        return row * extent + picks[static_cast<std::size_t>(at.back())];
    })));
}

// The inputs side by side, as f32.
Outputs feature_vectorizer(const OpContext& context) {
    const FeatureRows first = HF_TRY(feature_rows(context));
    std::vector<std::vector<double>> joined(first.samples);
    for (std::size_t i = 0; i < context.inputs.size(); ++i) {
        const Tensor part = HF_TRY(need_input(context, i));
        const std::vector<double> values = HF_TRY(to_doubles(part));
        if (joined.empty() || values.size() % joined.size() != 0) {
            return invalid_argument("input {} does not have {} rows", i, joined.size());
        }
        const auto width = static_cast<std::ptrdiff_t>(values.size() / joined.size());
        for (std::size_t row = 0; row < joined.size(); ++row) {
            const auto start = values.begin() + static_cast<std::ptrdiff_t>(row) * width;
            joined[row].insert(joined[row].end(), start, start + width);
        }
    }
    return one(HF_TRY(score_matrix(joined, joined.empty() ? 0 : joined[0].size())));
}

}  // namespace

std::vector<OpRow> ml_linear_rows() {
    constexpr std::string_view kDomain = "ai.onnx.ml";
    return {{kDomain, "LinearClassifier", linear_classifier},
            {kDomain, "LinearRegressor", linear_regressor},
            {kDomain, "Normalizer", normalizer},
            {kDomain, "Scaler", scaler},
            {kDomain, "Imputer", imputer},
            {kDomain, "Binarizer", binarizer},
            {kDomain, "ArrayFeatureExtractor", array_feature_extractor},
            {kDomain, "FeatureVectorizer", feature_vectorizer}};
}

}  // namespace hf::runtime::ref
