#include "serve/guard/fit.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/rng.h"
#include "serve/guard/distances.h"
#include "serve/guard/scores.h"
#include "serve/guard/verdict.h"

namespace hf::serve::guard {
namespace {

constexpr std::size_t kBoundsLearned = 1024;  // places of a row that have ranges of their own
constexpr double kDecimalRoom = 1e-9;

std::vector<std::size_t> shuffled(std::size_t count, std::uint64_t seed) {
    std::vector<std::size_t> order(count);
    std::iota(order.begin(), order.end(), std::size_t{0});
    Rng rng(seed);
    for (std::size_t left = count; left > 1; --left) {
        std::swap(order[left - 1], order[rng.below(left)]);
    }
    return order;
}

// Which samples learn, set thresholds, and measure.
struct Parts {
    std::vector<std::size_t> learn, hold, measure;
};
Parts split(std::size_t count, std::uint64_t seed) {
    const std::vector<std::size_t> order = shuffled(count, seed);
    const auto at = [&](std::size_t quarter) {
        return order.begin() + static_cast<std::ptrdiff_t>(count * quarter / 4);
    };
    return {{at(0), at(2)}, {at(2), at(3)}, {at(3), at(4)}};
}

std::vector<double> numbers_of(const Tensor& tensor) {
    const auto widened = [&]<typename T>(T) {
        const auto values = tensor.values<T>();
        return std::vector<double>(values.begin(), values.end());
    };
    switch (tensor.dtype()) {
        case DType::kF32: return widened(float());
        case DType::kF64: return widened(double());
        case DType::kI8: return widened(std::int8_t());
        case DType::kI16: return widened(std::int16_t());
        case DType::kI32: return widened(std::int32_t());
        case DType::kI64: return widened(std::int64_t());
        case DType::kU8: return widened(std::uint8_t());
        case DType::kU16: return widened(std::uint16_t());
        case DType::kU32: return widened(std::uint32_t());
        case DType::kU64: return widened(std::uint64_t());
        default: return {};  // halves and texts have no range here
    }
}

// What was seen of one input.
class Range final {
public:
    void see(const Tensor& tensor) {
        const std::vector<double> values = numbers_of(tensor);
        if (values.empty()) return;
        const Shape& shape = tensor.shape();
        const bool apart = shape.rank() == 2 && shape[0] == 1 && values.size() > 1 &&
                           values.size() <= kBoundsLearned;
        const std::size_t places = apart ? values.size() : 1;
        if (least_.empty()) {
            least_.assign(places, values[0]);
            most_.assign(places, values[0]);
            for (std::size_t i = 0; i < places; ++i) least_[i] = most_[i] = values[i];
        }
        for (std::size_t i = 0; i < values.size(); ++i) {
            const std::size_t place = i % least_.size();
            least_[place] = std::min(least_[place], values[i]);
            most_[place] = std::max(most_[place], values[i]);
        }
    }

    bool seen() const { return !least_.empty(); }
    double least() const { return *std::min_element(least_.begin(), least_.end()); }
    double most() const { return *std::max_element(most_.begin(), most_.end()); }

    InputRule rule(const std::string& name, double margin) const {
        InputRule rule;
        rule.name = name;
        for (std::size_t i = 0; i < least_.size(); ++i) {
            const double width = most_[i] - least_[i];
            const double room = margin * (width > 0 ? width : std::abs(most_[i]));
            rule.least.push_back(least_[i] - room);
            rule.most.push_back(most_[i] + room);
        }
        return rule;
    }

private:
    std::vector<double> least_, most_;
};

bool are_probabilities(const Tensor& scores) {
    double sum = 0;
    for (const float value : scores.values<float>()) {
        if (!(value >= -1e-6F && value <= 1 + 1e-6F)) return false;
        sum += value;
    }
    return std::abs(sum - 1) < 1e-3;
}

std::int64_t class_of(const Tensor& scores) {
    const auto values = scores.values<float>();
    return std::max_element(values.begin(), values.end()) - values.begin();
}

// One row of scores of classes, as a classifier answers one sample.
bool may_be_classes(const Tensor& tensor) {
    if (tensor.dtype() != DType::kF32 || tensor.shape().rank() == 0) return false;
    const std::int64_t last = tensor.shape()[tensor.shape().rank() - 1];
    return last >= 2 && tensor.elements() == last;
}

class Fit final {
public:
    Fit(const FitSource& source, const FitOptions& options)
        : source_(source), options_(options), ranges_(source.signature.inputs.size()) {}

    Result<Fitted> run() {
        const std::size_t count = source_.samples.count;
        if (!source_.labels.empty() && source_.labels.size() != count) {
            return invalid_argument("{} labels for {} samples", source_.labels.size(), count);
        }
        const Parts parts = split(count, options_.seed);
        fitted_.report.learned = parts.learn.size();
        fitted_.report.held = parts.hold.size();
        fitted_.report.measured = parts.measure.size();
        HF_TRY(check_count(1));
        HF_TRY(learn(parts.learn));
        HF_TRY(shape());
        HF_TRY(check_count(scored_parts()));
        HF_TRY(set_thresholds(parts.hold));
        HF_TRY(measure(parts.measure));
        return std::move(fitted_);
    }

private:
    const std::vector<runtime::Port>& outputs() const { return source_.signature.outputs; }
    Guard& guard() { return fitted_.guard; }

    void leave_out(std::string why) { fitted_.report.left_out.push_back(std::move(why)); }

    std::size_t scored_parts() const {
        const Guard& guard = fitted_.guard;
        return std::size_t{guard.energy.has_value()} + guard.mahalanobis.has_value() +
               guard.squeezing.has_value();
    }

    Status check_count(std::size_t parts) const {
        const std::size_t needed =
            samples_needed(options_.false_alarms, std::max<std::size_t>(parts, 1));
        if (source_.samples.count >= needed) return {};
        return invalid_argument(
            "{} samples are too few for a false-alarm rate of {} over {} scores: give {} or more, "
            "or allow more false alarms",
            source_.samples.count, options_.false_alarms, parts, needed);
    }

    Result<std::vector<Tensor>> ask(const std::vector<Tensor>& inputs) const {
        std::vector<Tensor> answer = HF_TRY(source_.run(inputs));
        if (answer.size() == outputs().size()) return answer;
        return internal_error("{} outputs for {}", answer.size(), outputs().size());
    }

    // The output that scores classes, by the answer to the first sample.
    Status find_classes(const std::vector<Tensor>& answer) {
        for (std::size_t i = 0; i < answer.size(); ++i) {
            const std::string& name = outputs()[i].name;
            const bool wanted =
                options_.output.empty() ? name != source_.layer : name == options_.output;
            if (wanted && may_be_classes(answer[i])) {
                classes_ = i;
                return {};
            }
        }
        if (options_.output.empty()) return {};
        return invalid_argument("'{}' is no output with a score for each class, in f32",
                                options_.output);
    }

    Status find_layer(const std::vector<Tensor>& answer) {
        if (!options_.mahalanobis) return {};
        std::size_t found = answer.size();
        if (source_.layer.empty() && classes_) found = *classes_;
        for (std::size_t i = 0; i < answer.size(); ++i) {
            if (outputs()[i].name == source_.layer) found = i;
        }
        if (found == answer.size()) {
            leave_out("mahalanobis: there is no layer to measure distances in; --layer names one");
            return {};
        }
        Mahalanobis part;
        part.layer = outputs()[found].name;
        part.index = found;
        const bool wide = features_of(answer[found], Reduce::kFlatten).width > kMaxWidth;
        part.reduce = wide ? Reduce::kMean : Reduce::kFlatten;
        part.width = features_of(answer[found], part.reduce).width;
        if (part.width == 0 || part.width > kMaxWidth) {
            leave_out(fmt::format("mahalanobis: layer '{}' has {} features of f32; want 1 to {}",
                                  part.layer, part.width, kMaxWidth));
            return {};
        }
        guard().mahalanobis = std::move(part);
        return {};
    }

    Status learn(const std::vector<std::size_t>& samples) {
        for (const std::size_t sample : samples) {
            const std::vector<Tensor> inputs = HF_TRY(source_.samples.read(sample));
            const std::vector<Tensor> answer = HF_TRY(ask(inputs));
            if (sample == samples.front()) {
                HF_TRY(find_classes(answer));
                HF_TRY(find_layer(answer));
                HF_TRY(find_images(inputs));
            }
            for (std::size_t i = 0; i < inputs.size(); ++i) ranges_[i].see(inputs[i]);
            if (classes_) learn_scores(answer[*classes_]);
            HF_TRY(learn_layer(sample, answer));
        }
        return {};
    }

    void learn_scores(const Tensor& scores) {
        probabilities_ = probabilities_ && are_probabilities(scores);
        logarithms_ = logarithms_ && std::abs(energy_of(scores, 1)) < 1e-3;
    }

    Status learn_layer(std::size_t sample, const std::vector<Tensor>& answer) {
        if (!guard().mahalanobis) return {};
        const Mahalanobis& part = *guard().mahalanobis;
        const Features features = features_of(answer[part.index], part.reduce);
        if (features.width != part.width || features.values.size() != part.width) {
            return invalid_argument("layer '{}' has {} features for one sample and {} for another",
                                    part.layer, part.width, features.values.size());
        }
        features_.insert(features_.end(), features.values.begin(), features.values.end());
        std::int64_t label = 0;
        if (!source_.labels.empty()) {
            label = source_.labels[sample];
        } else if (classes_ && answer[*classes_].elements() <= std::int64_t{kMaxClasses}) {
            label = class_of(answer[*classes_]);
        }
        learned_classes_.push_back(label);
        return {};
    }

    Status find_images(const std::vector<Tensor>& inputs) {
        for (std::size_t i = 0; i < inputs.size() && !images_; ++i) {
            const Shape& shape = inputs[i].shape();
            if (inputs[i].dtype() != DType::kF32 || shape.rank() != 4) continue;
            const auto few = [](std::int64_t extent) { return extent == 1 || extent == 3; };
            if (!few(shape[1]) && !few(shape[3])) continue;
            images_ = i;
            layout_ = few(shape[1]) ? Layout::kNchw : Layout::kNhwc;
            grey_ = shape[layout_ == Layout::kNchw ? 1 : 3] == 1;
        }
        return {};
    }

    // What the samples said: everything but the thresholds.
    Status shape() {
        guard().mode = options_.mode;
        for (std::size_t i = 0; i < ranges_.size(); ++i) {
            const std::string& name = source_.signature.inputs[i].name;
            if (!ranges_[i].seen()) {
                leave_out(fmt::format("ranges: input '{}' has no numbers", name));
                continue;
            }
            guard().inputs.push_back(ranges_[i].rule(name, options_.margin));
            guard().inputs.back().index = i;
        }
        shape_energy();
        if (guard().mahalanobis) {
            HF_TRY(fit_distances(features_, learned_classes_, *guard().mahalanobis));
        }
        shape_squeezing();
        return {};
    }

    void shape_energy() {
        if (!options_.energy) return;
        if (!classes_) return leave_out("energy: no output has a score for each class, in f32");
        const std::string& name = outputs()[*classes_].name;
        if (probabilities_) {
            return leave_out(fmt::format("energy: '{}' has probabilities, and no logits", name));
        }
        if (logarithms_) {
            return leave_out(
                fmt::format("energy: '{}' has logarithms of probabilities, and no logits", name));
        }
        guard().energy = Energy{name, 1, 0, *classes_};
    }

    void shape_squeezing() {
        if (!options_.squeezing) return;
        if (!classes_) return leave_out("squeezing: no output has a score for each class, in f32");
        if (!images_) {
            return leave_out("squeezing: no input is images of 1 or 3 channels, in f32");
        }
        Squeezing part;
        part.input = source_.signature.inputs[*images_].name;
        part.output = outputs()[*classes_].name;
        part.softmax = !probabilities_;
        part.input_index = *images_;
        part.output_index = *classes_;
        part.squeezers = options_.squeezers;
        if (part.squeezers.empty()) {
            part.squeezers.resize(2);
            part.squeezers[0].bits = grey_ ? 1 : 5;
            part.squeezers[1].kind = Squeezer::Kind::kMedian;
        }
        for (Squeezer& squeezer : part.squeezers) {
            squeezer.layout = layout_;
            squeezer.least = ranges_[*images_].least();
            squeezer.most = ranges_[*images_].most();
        }
        if (!(part.squeezers[0].least < part.squeezers[0].most)) {
            return leave_out("squeezing: all images are of one value");
        }
        guard().squeezing = std::move(part);
    }

    Result<Verdict> judged(std::size_t sample) {
        const std::vector<Tensor> inputs = HF_TRY(source_.samples.read(sample));
        const std::vector<Tensor> answer = HF_TRY(ask(inputs));
        std::vector<std::vector<Tensor>> squeezed;
        if (const auto& part = guard().squeezing) {
            std::vector<Tensor> changed = inputs;
            for (const Squeezer& squeezer : part->squeezers) {
                changed[part->input_index] = squeeze(inputs[part->input_index], squeezer);
                squeezed.push_back(HF_TRY(ask(changed)));
            }
        }
        const Seen seen{inputs, answer, squeezed};
        return judge(guard(), seen);
    }

    // The k-th of the scores (fit.h), and room for its decimal form, which may be read as less.
    double threshold_of(std::vector<double> scores) const {
        const double share = 1 - options_.false_alarms / static_cast<double>(scored_parts());
        const double place = std::ceil(static_cast<double>(scores.size() + 1) * share);
        const auto at =
            scores.begin() +
            static_cast<std::ptrdiff_t>(std::min(place, static_cast<double>(scores.size()))) - 1;
        std::nth_element(scores.begin(), at, scores.end());
        return *at + kDecimalRoom * std::max(1.0, std::abs(*at));
    }

    Status set_thresholds(const std::vector<std::size_t>& samples) {
        if (scored_parts() == 0) return {};
        std::vector<double> energies, distances, changes;
        for (const std::size_t sample : samples) {
            const Verdict verdict = HF_TRY(judged(sample));
            if (verdict.suspicious() && verdict.reasons.back() == Reason::kUnjudged) {
                return invalid_argument(
                    "a score of sample {} is not a number; the model's answer "
                    "to it has none either",
                    sample);
            }
            energies.push_back(verdict.energy.value_or(0));
            distances.push_back(verdict.mahalanobis.value_or(0));
            changes.push_back(verdict.squeezing.value_or(0));
        }
        if (guard().energy) guard().energy->threshold = threshold_of(std::move(energies));
        if (guard().mahalanobis)
            guard().mahalanobis->threshold = threshold_of(std::move(distances));
        if (guard().squeezing) guard().squeezing->threshold = threshold_of(std::move(changes));
        return {};
    }

    Status measure(const std::vector<std::size_t>& samples) {
        FitReport& report = fitted_.report;
        if (!guard().inputs.empty()) report.rows.push_back({"ranges"});
        if (guard().energy) report.rows.push_back({"energy", guard().energy->threshold});
        if (guard().mahalanobis) {
            report.rows.push_back({"mahalanobis", guard().mahalanobis->threshold});
        }
        if (guard().squeezing) report.rows.push_back({"squeezing", guard().squeezing->threshold});
        for (const std::size_t sample : samples) {
            const Verdict verdict = HF_TRY(judged(sample));
            report.alarms += verdict.suspicious();
            for (FitReport::Row& row : report.rows) row.alarms += raised(verdict, row.part);
        }
        return {};
    }

    static bool raised(const Verdict& verdict, std::string_view part) {
        return std::any_of(verdict.reasons.begin(), verdict.reasons.end(), [&](Reason reason) {
            if (part == "ranges") return reason == Reason::kRange || reason == Reason::kNotFinite;
            return reason_name(reason) == part;
        });
    }

    const FitSource& source_;
    const FitOptions& options_;
    std::vector<Range> ranges_;
    std::optional<std::size_t> classes_, images_;
    Layout layout_ = Layout::kNchw;
    bool grey_ = false;
    bool probabilities_ = true;
    bool logarithms_ = true;  // of probabilities
    std::vector<float> features_;
    std::vector<std::int64_t> learned_classes_;
    Fitted fitted_;
};

}  // namespace

Result<Fitted> fit(const FitSource& source, const FitOptions& options) {
    return Fit(source, options).run();
}

Interval wilson(std::size_t hits, std::size_t of) {
    constexpr double kZ = 1.959963984540054;
    const double n = static_cast<double>(of);
    const double share = static_cast<double>(hits) / n;
    const double scale = 1 / (1 + kZ * kZ / n);
    const double middle = share + kZ * kZ / (2 * n);
    const double half = kZ * std::sqrt(share * (1 - share) / n + kZ * kZ / (4 * n * n));
    return {std::max(0.0, scale * (middle - half)), std::min(1.0, scale * (middle + half))};
}

std::size_t samples_needed(double false_alarms, std::size_t parts) {
    // (n + 1)(1 - a) <= n, of the quarter that sets thresholds.
    const double each = false_alarms / static_cast<double>(parts);
    return 4 * static_cast<std::size_t>(std::max(4.0, std::ceil(1 / each - 1 - 1e-9)));
}

}  // namespace hf::serve::guard
