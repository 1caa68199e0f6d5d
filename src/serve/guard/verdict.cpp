#include "serve/guard/verdict.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "serve/guard/scores.h"

namespace hf::serve::guard {
namespace {

constexpr std::array<std::string_view, kReasonCount> kReasons{
    "not_finite", "range", "energy", "mahalanobis", "squeezing", "unjudged"};

// What is wrong with an element of an input.
struct Fault {
    Reason reason;
    std::size_t element;
    double value;
};

void add(Verdict& verdict, Reason reason) {
    const auto place = std::lower_bound(verdict.reasons.begin(), verdict.reasons.end(), reason);
    if (place == verdict.reasons.end() || *place != reason) verdict.reasons.insert(place, reason);
}

// The bound of an element: of all, or of its place along the last axis.
double bound(const std::vector<double>& bounds, std::size_t element) {
    return bounds.size() == 1 ? bounds[0] : bounds[element % bounds.size()];
}

template <typename T, typename Widen>
std::optional<Fault> find_fault(const InputRule& rule, std::span<const T> values, Widen widen) {
    std::optional<Fault> first;
    for (std::size_t i = 0; i < values.size(); ++i) {
        const double value = widen(values[i]);
        if (!std::isfinite(value)) {
            if (rule.finite) return Fault{Reason::kNotFinite, i, value};
            continue;
        }
        const bool low = !rule.least.empty() && value < bound(rule.least, i);
        const bool high = !rule.most.empty() && value > bound(rule.most, i);
        if ((low || high) && !first) first = Fault{Reason::kRange, i, value};
    }
    return first;
}

template <typename T>
std::optional<Fault> find_fault(const InputRule& rule, const Tensor& tensor) {
    return find_fault<T>(rule, tensor.values<T>(),
                         [](T value) { return static_cast<double>(value); });
}

std::optional<Fault> find_fault(const InputRule& rule, const Tensor& tensor) {
    switch (tensor.dtype()) {
        case DType::kF32: return find_fault<float>(rule, tensor);
        case DType::kF64: return find_fault<double>(rule, tensor);
        case DType::kI8: return find_fault<std::int8_t>(rule, tensor);
        case DType::kI16: return find_fault<std::int16_t>(rule, tensor);
        case DType::kI32: return find_fault<std::int32_t>(rule, tensor);
        case DType::kI64: return find_fault<std::int64_t>(rule, tensor);
        case DType::kU8: return find_fault<std::uint8_t>(rule, tensor);
        case DType::kU16: return find_fault<std::uint16_t>(rule, tensor);
        case DType::kU32: return find_fault<std::uint32_t>(rule, tensor);
        case DType::kU64: return find_fault<std::uint64_t>(rule, tensor);
        case DType::kF16: return find_fault(rule, tensor.values<std::uint16_t>(), half_to_float);
        case DType::kBF16: return find_fault(rule, tensor.values<std::uint16_t>(), bfloat_to_float);
        default: return std::nullopt;  // bind() lets none in
    }
}

std::string range_text(const InputRule& rule, std::size_t element) {
    if (rule.least.empty()) return fmt::format("above {}", bound(rule.most, element));
    if (rule.most.empty()) return fmt::format("below {}", bound(rule.least, element));
    return fmt::format("outside {} to {}", bound(rule.least, element), bound(rule.most, element));
}

// A score beside its threshold. What is no number is not below it.
std::optional<double> hold(Verdict& verdict, Reason reason, double score, double threshold) {
    if (std::isnan(score)) {
        add(verdict, Reason::kUnjudged);
        return std::nullopt;
    }
    if (score > threshold) add(verdict, reason);
    return score;
}

// The greatest of the squeezers' disagreements; NaN when one has none.
double disagreement(const Squeezing& part, const Seen& seen) {
    double worst = 0;
    for (std::size_t i = 0; i < part.squeezers.size(); ++i) {
        const bool ran = i < seen.squeezed.size() && part.output_index < seen.squeezed[i].size();
        if (!ran) return std::nan("");
        const double score = disagreement_of(seen.outputs[part.output_index],
                                             seen.squeezed[i][part.output_index], part.softmax);
        if (std::isnan(score)) return score;
        worst = std::max(worst, score);
    }
    return worst;
}

std::vector<std::string> names_of(const Verdict& verdict) {
    std::vector<std::string> names;
    for (const Reason reason : verdict.reasons) names.emplace_back(reason_name(reason));
    return names;
}

// Whether a score is above its threshold, as a sentence of the refusal.
void describe(std::vector<std::string>& told, std::string_view what, std::optional<double> score,
              double threshold) {
    if (!score || !(*score > threshold)) return;
    told.push_back(fmt::format("its {} is {:.6g}, above {:.6g}", what, *score, threshold));
}

}  // namespace

std::string_view reason_name(Reason reason) {
    return kReasons[static_cast<std::size_t>(reason)];
}

Verdict judge_inputs(const Guard& guard, std::span<const Tensor> inputs) {
    Verdict verdict;
    for (const InputRule& rule : guard.inputs) {
        const std::optional<Fault> fault = find_fault(rule, inputs[rule.index]);
        if (!fault) continue;
        add(verdict, fault->reason);
        if (!verdict.where.empty()) continue;
        verdict.where =
            fmt::format("input '{}', element {}: {} is {}", rule.name, fault->element, fault->value,
                        fault->reason == Reason::kNotFinite ? std::string("not finite")
                                                            : range_text(rule, fault->element));
    }
    return verdict;
}

Verdict judge(const Guard& guard, const Seen& seen) {
    Verdict verdict = judge_inputs(guard, seen.inputs);
    if (guard.energy) {
        const Energy& part = *guard.energy;
        verdict.energy =
            hold(verdict, Reason::kEnergy, energy_of(seen.outputs[part.index], part.temperature),
                 part.threshold);
    }
    if (guard.mahalanobis) {
        const Mahalanobis& part = *guard.mahalanobis;
        verdict.mahalanobis = hold(verdict, Reason::kMahalanobis,
                                   distance_of(part, seen.outputs[part.index]), part.threshold);
    }
    if (guard.squeezing) {
        verdict.squeezing = hold(verdict, Reason::kSqueezing, disagreement(*guard.squeezing, seen),
                                 guard.squeezing->threshold);
    }
    return verdict;
}

std::string summary(const Verdict& verdict) {
    return verdict.suspicious() ? "suspicious; " + join(names_of(verdict), ", ") : "pass";
}

json::Object account(Mode mode, const Verdict& verdict) {
    json::Object account{{"mode", mode_name(mode)},
                         {"verdict", verdict.suspicious() ? "suspicious" : "pass"}};
    if (verdict.suspicious()) {
        const std::vector<std::string> names = names_of(verdict);
        account["reasons"] = json::Array(names.begin(), names.end());
    }
    json::Object scores;
    const auto score = [&scores](std::string_view name, std::optional<double> value) {
        if (value) scores[name] = fmt::format("{:.6g}", *value);
    };
    score("energy", verdict.energy);
    score("mahalanobis", verdict.mahalanobis);
    score("squeezing", verdict.squeezing);
    if (!scores.empty()) account["scores"] = std::move(scores);
    return account;
}

Status refusal(const Guard& guard, const Verdict& verdict) {
    std::vector<std::string> told;
    if (!verdict.where.empty()) told.push_back(verdict.where);
    if (guard.energy) describe(told, "energy", verdict.energy, guard.energy->threshold);
    if (guard.mahalanobis) {
        describe(told, "Mahalanobis distance", verdict.mahalanobis, guard.mahalanobis->threshold);
    }
    if (guard.squeezing) {
        describe(told, "change under squeezing", verdict.squeezing, guard.squeezing->threshold);
    }
    if (verdict.reasons.back() == Reason::kUnjudged) told.emplace_back("a score cannot be told");
    return invalid_argument(
        "the model's guard refuses this request as unlike what it was fitted on: {}; send what the "
        "model is for, or have the guard fitted anew (holdfast guard fit)",
        join(told, "; "));
}

}  // namespace hf::serve::guard
