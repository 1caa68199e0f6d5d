#include "serve/tasks/scores.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace hf::serve::tasks {

Result<Scores> Scores::read(const Fields& fields, const runtime::Signature& signature) {
    Scores scores;
    scores.output_ = HF_TRY(read_port(fields, "output", signature.outputs));
    const runtime::Port& port = signature.outputs[scores.output_];
    if (!is_numeric(port.dtype)) {
        return invalid_argument("{}: '{}' has {}, and scores are numbers", fields.place("output"),
                                port.name, dtype_name(port.dtype));
    }
    scores.quantization_ = HF_TRY(read_quantization(fields, "output_quantization", port));
    scores.labels_ = HF_TRY(fields.texts("labels"));
    scores.form_ =
        static_cast<Form>(HF_TRY(fields.choice("scores", {"as-is", "softmax", "sigmoid"})));
    scores.top_k_ = static_cast<std::size_t>(HF_TRY(fields.integer("top_k", 5, {1, kMaxTopK})));
    scores.threshold_ = HF_TRY(fields.number("threshold", 0));
    scores.has_threshold_ = fields.has("threshold");
    const std::int64_t classes = port.shape.rank() > 0 ? port.shape[port.shape.rank() - 1] : 1;
    const auto named = static_cast<std::int64_t>(scores.labels_.size());
    if (named > 0 && classes != Shape::kUnknown && classes != named) {
        return invalid_argument("{}: there are {} labels, and '{}' has {} scores",
                                fields.place("labels"), named, port.name, classes);
    }
    return scores;
}

std::string Scores::label(std::size_t index) const {
    return index < labels_.size() ? labels_[index] : fmt::format("{}", index);
}

Result<std::vector<float>> Scores::all(const std::vector<Tensor>& outputs, std::size_t rows) const {
    const Tensor& tensor = outputs[output_];
    const auto elements = static_cast<std::size_t>(tensor.elements());
    const bool fits =
        labels_.empty() ? elements > 0 && elements % rows == 0 : elements == rows * labels_.size();
    if (!fits) {
        return failed_precondition("the model answered {} scores for {} rows of {} labels",
                                   elements, rows, labels_.size());
    }
    return read_numbers(tensor, quantization_);
}

std::vector<float> Scores::shares(std::span<const float> row) const {
    std::vector<float> all(row.begin(), row.end());
    if (form_ == Form::kSigmoid) {
        for (float& value : all) value = 1 / (1 + std::exp(-value));
    }
    if (form_ != Form::kSoftmax || all.empty()) return all;
    const float most = *std::max_element(all.begin(), all.end());
    double sum = 0;
    for (float& value : all) {
        value = std::exp(value - most);
        sum += static_cast<double>(value);
    }
    for (float& value : all) value = static_cast<float>(static_cast<double>(value) / sum);
    return all;
}

bool Scores::reaches(float share) const {
    return !std::isnan(share) && (!has_threshold_ || static_cast<double>(share) >= threshold_);
}

json::Array Scores::best(std::span<const float> row) const {
    const std::vector<float> told = shares(row);
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < told.size(); ++i) {
        if (reaches(told[i])) order.push_back(i);
    }
    const std::size_t count = std::min(top_k_, order.size());
    const auto before = [&told](std::size_t a, std::size_t b) {
        return told[a] != told[b] ? told[a] > told[b] : a < b;
    };
    std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count),
                      order.end(), before);
    json::Array rows;
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t index = order[i];
        const json::Value score =
            std::isfinite(told[index]) ? json::Value(told[index]) : json::Value(nullptr);
        rows.push_back({{"label", label(index)}, {"score", score}, {"index", index}});
    }
    return rows;
}

json::Object Scores::describe() const {
    json::Object about{{"top_k", top_k_}};
    if (has_threshold_) about["threshold"] = threshold_;
    json::Array labels;
    for (const std::string& label : labels_) labels.emplace_back(label);
    if (!labels.empty()) about["labels"] = std::move(labels);
    return about;
}

}  // namespace hf::serve::tasks
