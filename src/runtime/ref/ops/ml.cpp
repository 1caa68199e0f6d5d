#include "runtime/ref/ops/ml.h"

#include "kernels/score_transform.h"

namespace hf::runtime::ref {

Result<FeatureRows> feature_rows(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    FeatureRows rows;
    rows.values = HF_TRY(to_doubles(input));
    const Shape& shape = input.shape();
    rows.samples = shape.rank() < 2 ? 1 : static_cast<std::size_t>(shape[0]);
    rows.features = rows.samples == 0 ? 0 : rows.values.size() / rows.samples;
    return rows;
}

Result<Tensor> ClassLabels::pick(const std::vector<std::size_t>& classes) const {
    const auto size = static_cast<std::int64_t>(classes.size());
    Tensor out = HF_TRY(make_tensor(words.empty() ? DType::kI64 : DType::kString, {size}));
    for (std::size_t i = 0; i < classes.size(); ++i) {
        if (classes[i] >= count()) {
            return invalid_argument("class {} of {} labels", classes[i], count());
        }
        if (words.empty()) {
            out.mutable_values<std::int64_t>()[i] = numbers[classes[i]];
        } else {
            out.mutable_strings()[i] = words[classes[i]];
        }
    }
    return out;
}

ClassLabels class_labels(const graph::Node& node) {
    ClassLabels labels;
    labels.words = node.strings_or("classlabels_strings", {});
    const bool old = node.has("classlabels_ints");
    labels.numbers = node.ints_or(old ? "classlabels_ints" : "classlabels_int64s", {});
    return labels;
}

Status post_transform(const std::string& name, std::vector<double>& scores) {
    const std::optional<kernels::ScoreTransform> transform = kernels::score_transform_of(name);
    if (!transform) return invalid_argument("post_transform '{}' is not in the standard", name);
    kernels::transform_scores(*transform, scores);
    return {};
}

Result<std::vector<double>> reals(const graph::Node& node, std::string_view name) {
    if (const Tensor* tensor = node.tensor(fmt::format("{}_as_tensor", name))) {
        return to_doubles(*tensor);
    }
    const std::vector<float> floats = node.floats_or(name, {});
    return std::vector<double>(floats.begin(), floats.end());
}

Result<Tensor> score_matrix(const std::vector<std::vector<double>>& scores, std::size_t columns) {
    const Shape shape{static_cast<std::int64_t>(scores.size()), static_cast<std::int64_t>(columns)};
    Tensor out = HF_TRY(make_tensor(DType::kF32, shape));
    for (std::size_t i = 0; i < scores.size(); ++i) {
        for (std::size_t j = 0; j < columns; ++j) {
            out.mutable_values<float>()[i * columns + j] = static_cast<float>(scores[i].at(j));
        }
    }
    return out;
}

std::vector<OpRow> ml_rows() {
    std::vector<OpRow> rows;
    for (auto family : {ml_linear_rows, ml_tree_rows, ml_svm_rows, ml_encode_rows}) {
        for (const OpRow& row : family()) rows.push_back(row);
    }
    return rows;
}

}  // namespace hf::runtime::ref
