#include "runtime/quantize/judge.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>

#include "base/text.h"
#include "runtime/quantize/observe.h"

namespace hf::runtime {
namespace {

constexpr std::array<std::pair<std::string_view, Measure>, 3> kMeasures{
    {{"auto", Measure::kAuto}, {"top1", Measure::kTop1}, {"relative", Measure::kRelative}}};

// Rows of the last axis whose largest element is in another place.
std::size_t other_classes(const Tensor& got, const Tensor& want) {
    const auto columns = static_cast<std::ptrdiff_t>(want.shape()[want.shape().rank() - 1]);
    const auto a = got.values<float>(), b = want.values<float>();
    std::size_t other = 0;
    for (std::ptrdiff_t at = 0; at < static_cast<std::ptrdiff_t>(b.size()); at += columns) {
        const auto left = std::max_element(a.begin() + at, a.begin() + at + columns) - a.begin();
        const auto right = std::max_element(b.begin() + at, b.begin() + at + columns) - b.begin();
        other += left != right;
    }
    return other;
}

struct Sums {
    double error = 0, size = 0;

    void add(const Tensor& got, const Tensor& want) {
        const auto a = got.values<float>(), b = want.values<float>();
        for (std::size_t i = 0; i < b.size(); ++i) {
            const double off = double{a[i]} - double{b[i]};
            error += off * off;
            size += double{b[i]} * double{b[i]};
        }
    }
    double relative() const {
        if (error == 0) return 0;
        return size > 0 ? std::sqrt(error / size) : 1;
    }
};

}  // namespace

Result<Measure> parse_measure(std::string_view name) {
    std::vector<std::string> names;
    for (const auto& [known, measure] : kMeasures) {
        if (known == name) return measure;
        names.emplace_back(known);
    }
    return invalid_argument("there is no measure '{}'{}", name,
                            suggestion(name, names, "measures"));
}

std::string_view measure_name(Measure measure) {
    for (const auto& [name, known] : kMeasures) {
        if (known == measure) return name;
    }
    return "";
}

Result<Judge> Judge::create(const graph::Graph& original, Measure measure, const Samples& samples,
                            std::vector<std::size_t> held_out) {
    const auto model = HF_TRY(compile_to_measure(original));
    return create(*model, measure, samples, std::move(held_out));
}

Result<Judge> Judge::create(const CompiledModel& original, Measure measure, const Samples& samples,
                            std::vector<std::size_t> held_out) {
    Judge judge;
    judge.samples_ = samples;
    judge.held_out_ = std::move(held_out);
    const auto session = HF_TRY(original.new_session());
    for (const std::size_t index : judge.held_out_) {
        const auto inputs = HF_TRY(samples.read(index).context("sample {}", index));
        judge.wanted_.push_back(HF_TRY(session->run(inputs).context("sample {}", index)));
    }
    HF_TRY(judge.choose_measure(measure));
    return judge;
}

bool Judge::has_scores() const {
    if (wanted_[0].size() != 1 || wanted_[0][0].dtype() != DType::kF32) return false;
    const Shape& shape = wanted_[0][0].shape();
    if (shape.rank() < 2 || shape[shape.rank() - 1] < 2) return false;
    for (std::size_t axis = 1; axis + 1 < shape.rank(); ++axis) {
        if (shape[axis] != 1) return false;
    }
    return true;
}

Status Judge::choose_measure(Measure measure) {
    const auto& outputs = wanted_[0];
    if (std::none_of(outputs.begin(), outputs.end(),
                     [](const Tensor& tensor) { return tensor.dtype() == DType::kF32; })) {
        return invalid_argument("the model has no f32 output to measure a loss by");
    }
    const bool scores = has_scores();
    if (measure == Measure::kTop1 && !scores) {
        return invalid_argument("the model's output is no row of scores; measure by 'relative'");
    }
    measure_ = measure;
    if (measure != Measure::kAuto) return {};
    // What gives back as much as it takes is rather an autoencoder.
    const auto inputs = HF_TRY(samples_.read(held_out_[0]));
    const bool copies = inputs.size() == 1 && inputs[0].elements() == outputs[0].elements();
    measure_ = scores && !copies ? Measure::kTop1 : Measure::kRelative;
    return {};
}

Result<Loss> Judge::judge(const graph::Graph& changed, std::size_t most) const {
    const auto model = HF_TRY(compile_to_measure(changed));
    return judge(*model, most);
}

Result<Loss> Judge::judge(const CompiledModel& changed, std::size_t most) const {
    const auto session = HF_TRY(changed.new_session());
    const std::size_t count = std::min(most, held_out_.size());
    std::vector<Sums> sums(wanted_[0].size());
    std::size_t rows = 0, other = 0;
    for (std::size_t k = 0; k < count; ++k) {
        const auto inputs = HF_TRY(samples_.read(held_out_[k]));
        const auto outputs = HF_TRY(session->run(inputs).context("sample {}", held_out_[k]));
        for (std::size_t i = 0; i < sums.size(); ++i) {
            const Tensor& want = wanted_[k][i];
            if (want.dtype() != DType::kF32) continue;
            if (outputs[i].shape() != want.shape()) {
                return internal_error("output {} changed its shape", i);
            }
            sums[i].add(outputs[i], want);
            if (measure_ != Measure::kTop1) continue;
            other += other_classes(outputs[i], want);
            rows +=
                static_cast<std::size_t>(want.elements() / want.shape()[want.shape().rank() - 1]);
        }
    }
    Loss loss;
    for (const Sums& sum : sums) loss.relative = std::max(loss.relative, sum.relative());
    if (rows > 0) loss.top1 = static_cast<double>(other) / static_cast<double>(rows);
    return loss;
}

}  // namespace hf::runtime
