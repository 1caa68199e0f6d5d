#include "control/rollout/spec.h"

#include <algorithm>

#include "api/names.h"
#include "api/selector.h"

namespace hf::control::rollout {
namespace {

struct Bounds {
    std::int64_t low;
    std::int64_t high;
};

Status check_number(std::int64_t value, Bounds bounds, std::string_view field) {
    if (value >= bounds.low && value <= bounds.high) return {};
    return invalid_argument("{}: {} is not within {} and {}", field, value, bounds.low,
                            bounds.high);
}

Status check_number(const std::optional<std::int64_t>& value, Bounds bounds,
                    std::string_view field) {
    return value ? check_number(*value, bounds, field) : Status();
}

Status check_share(const Share& share, std::string_view field) {
    if (share.unit == Share::Unit::kCount) {
        return check_number(share.amount, {1, kNodesMax}, fmt::format("{}.count", field));
    }
    if (share.unit == Share::Unit::kPercent) {
        return check_number(share.amount, {1, 100}, fmt::format("{}.percent", field));
    }
    return {};
}

Status check_wait(Duration wait, Duration low, std::string_view field) {
    if (wait >= low && wait <= kWaitMax) return {};
    return invalid_argument("{}: {} is not within {} and {}", field, format_duration(wait),
                            format_duration(low), format_duration(kWaitMax));
}

Status check_stage(const Stage& stage) {
    HF_TRY(api::check_name(stage.name).context("name"));
    HF_TRY(api::LabelSelector::parse(stage.selector).status().context("selector"));
    HF_TRY(check_share(stage.limit, "limit"));
    HF_TRY(check_wait(stage.soak, Duration{}, "soakSeconds"));
    HF_TRY(check_number(stage.success_percent, {1, 100}, "successPercent"));
    return check_number(stage.max_parallel, {1, kParallelMax}, "maxParallel");
}

Status check_stages(const std::vector<Stage>& stages) {
    if (stages.empty() || stages.size() > kStagesMax) {
        return invalid_argument("stages: there are {}; want 1 to {}", stages.size(), kStagesMax);
    }
    for (std::size_t i = 0; i < stages.size(); ++i) {
        HF_TRY(check_stage(stages[i]).context("stages[{}]", i));
        for (std::size_t j = 0; j < i; ++j) {
            if (stages[j].name != stages[i].name) continue;
            return invalid_argument("stages[{}].name: '{}' is the name of stages[{}] too", i,
                                    stages[i].name, j);
        }
    }
    return {};
}

Status check_words(const RolloutSpec& spec, const std::vector<Word>& words,
                   std::string_view field) {
    if (words.size() > kWordsMax) {
        return invalid_argument("{}: there are {}; want at most {}", field, words.size(),
                                kWordsMax);
    }
    for (std::size_t i = 0; i < words.size(); ++i) {
        const bool known = std::any_of(spec.stages.begin(), spec.stages.end(),
                                       [&](const Stage& s) { return s.name == words[i].stage; });
        if (!known) {
            return invalid_argument("{}[{}].stage: there is no stage '{}'", field, i,
                                    words[i].stage);
        }
        if (words[i].by.empty()) return invalid_argument("{}[{}].by: say who", field, i);
    }
    return {};
}

Status check_agreement(const Agreement& agreement) {
    HF_TRY(check_number(agreement.percent_min, {1, 100}, "percentMin"));
    HF_TRY(check_number(agreement.samples_min, {1, kRequestsMax}, "samplesMin"));
    HF_TRY(check_number(agreement.tolerance_micros, {0, kToleranceMicrosMax}, "toleranceMicros"));
    HF_TRY(check_number(agreement.sample_percent, {1, 100}, "samplePercent"));
    if (agreement.class_scores.size() <= kClassScoresMax) return {};
    return invalid_argument("classScores: there are {}; want at most {}",
                            agreement.class_scores.size(), kClassScoresMax);
}

Status check_gates(const Gates& gates) {
    HF_TRY(check_number(gates.error_rate_percent_max, {0, 100}, "errorRatePercentMax"));
    HF_TRY(check_number(gates.latency_p99_ms_max, {1, kLatencyMillisecondsMax},
                        "latencyP99MillisecondsMax"));
    if (gates.agreement) HF_TRY(check_agreement(*gates.agreement).context("agreement"));
    return check_number(gates.minimum_requests, {1, kRequestsMax}, "minimumRequests");
}

}  // namespace

Status check(const RolloutSpec& spec) {
    if (spec.service.empty()) return invalid_argument("service: say which Service changes");
    if (spec.digest.empty() && spec.model.empty()) {
        return invalid_argument("digest: say where to, by digest or by model");
    }
    if (!spec.digest.empty() && spec.digest == spec.from) {
        return invalid_argument("fromDigest: it is the same as digest: nothing would change");
    }
    HF_TRY(check_stages(spec.stages));
    HF_TRY(check_number(spec.abort.failures, {1, kFailuresMax}, "abort.failures"));
    HF_TRY(check_number(spec.abort.failure_percent, {1, 100}, "abort.failurePercent"));
    HF_TRY(check_number(spec.abort.minimum_sample, {1, kNodesMax}, "abort.minimumSample"));
    HF_TRY(check_share(spec.budget, "disruptionBudget"));
    HF_TRY(check_gates(spec.gates).context("gates"));
    HF_TRY(api::check(spec.windows));
    HF_TRY(check_number(spec.rate_per_minute, {1, kRatePerMinuteMax}, "ratePerMinute"));
    HF_TRY(check_number(spec.attempts_max, {1, kAttemptsMax}, "nodeAttemptsMax"));
    HF_TRY(check_wait(spec.timeout, kWaitMin, "nodeTimeoutSeconds"));
    HF_TRY(check_wait(spec.patience, kWaitMin, "patienceSeconds"));
    HF_TRY(check_words(spec, spec.approvals, "approvals"));
    return check_words(spec, spec.promotions, "promotions");
}

}  // namespace hf::control::rollout
