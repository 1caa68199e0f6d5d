// Scores: from the numbers that a classifier gives to labels, the best first.
//
// Immutable once made; from any thread. Pure.

#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "serve/tasks/ports.h"

namespace hf::serve::tasks {

inline constexpr std::int64_t kMaxTopK = 1000;

class Scores final {
public:
    // Of a declaration: labels, output, output_quantization, scores, threshold, top_k. Checks the
    // output's type, and that there is a label for each class where both are known.
    static Result<Scores> read(const Fields& fields, const runtime::Signature& signature);

    std::size_t output() const { return output_; }
    std::size_t classes() const { return labels_.size(); }  // 0: as many as come
    std::string label(std::size_t index) const;

    // All scores of all rows. FAILED_PRECONDITION when the output's size is not `rows` times what
    // there are labels, or not a multiple of `rows`.
    Result<std::vector<float>> all(const std::vector<Tensor>& outputs, std::size_t rows) const;

    // [{"label": "cat", "score": 0.98, "index": 1}, ...] of one row's scores as they came: those
    // that reach the threshold, at most top_k, the first of equals first. A score that is no number
    // is left out.
    json::Array best(std::span<const float> row) const;

    // One row's scores as they are told, and whether one of these reaches the threshold.
    std::vector<float> shares(std::span<const float> row) const;
    bool reaches(float share) const;
    std::size_t top_k() const { return top_k_; }

    json::Object describe() const;

private:
    enum class Form : unsigned char { kAsIs, kSoftmax, kSigmoid };

    std::size_t output_ = 0;
    Quantization quantization_;
    std::vector<std::string> labels_;
    Form form_ = Form::kAsIs;
    std::size_t top_k_ = 5;
    double threshold_ = 0;
    bool has_threshold_ = false;
};

}  // namespace hf::serve::tasks
