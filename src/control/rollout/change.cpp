// What may be changed of a roll-out under way (spec.h, check_change).

#include "control/rollout/spec.h"

namespace hf::control::rollout {
namespace {

constexpr std::string_view kRemedy =
    "a roll-out under way may only be tightened: abort it, or let it end, and make another";

Status fixed(bool same, std::string_view field) {
    if (same) return {};
    return invalid_argument("{}: it cannot change any more; {}", field, kRemedy);
}

Status no_more(std::int64_t before, std::int64_t after, std::string_view field) {
    if (after <= before) return {};
    return invalid_argument("{}: {} is looser than {}; {}", field, after, before, kRemedy);
}

Status no_less(std::int64_t before, std::int64_t after, std::string_view field) {
    if (after >= before) return {};
    return invalid_argument("{}: {} is looser than {}; {}", field, after, before, kRemedy);
}

using Bound = std::optional<std::int64_t>;

Status not_dropped(const Bound& before, const Bound& after, std::string_view field) {
    if (!before || after) return {};
    return invalid_argument("{}: it cannot be dropped; {}", field, kRemedy);
}

Status no_more(const Bound& before, const Bound& after, std::string_view field) {
    HF_TRY(not_dropped(before, after, field));
    return before ? no_more(*before, *after, field) : Status();
}

Status no_more(const Share& before, const Share& after, std::string_view field) {
    if (!before.limits()) return {};
    if (before.unit != after.unit) {
        return invalid_argument("{}: a count and a percentage cannot be compared; {}", field,
                                kRemedy);
    }
    return no_more(before.amount, after.amount, field);
}

Status check_stage(const Stage& before, const Stage& after) {
    HF_TRY(fixed(before.name == after.name, "name"));
    HF_TRY(fixed(before.selector == after.selector, "selector"));
    HF_TRY(no_more(before.limit, after.limit, "limit"));
    HF_TRY(no_less(before.soak / std::chrono::seconds(1), after.soak / std::chrono::seconds(1),
                   "soakSeconds"));
    HF_TRY(no_less(before.approval, after.approval, "approval"));
    HF_TRY(no_less(before.success_percent, after.success_percent, "successPercent"));
    return no_more(before.max_parallel, after.max_parallel, "maxParallel");
}

Status check_abort(const AbortRules& before, const AbortRules& after) {
    HF_TRY(no_more(before.failures, after.failures, "failures"));
    HF_TRY(no_more(before.failure_percent, after.failure_percent, "failurePercent"));
    return no_more(before.minimum_sample, after.minimum_sample, "minimumSample");
}

// What is compared, and how many answers, stays: else a bad version would be judged later, or a
// good one sooner.
Status check_agreement(const std::optional<Agreement>& before,
                       const std::optional<Agreement>& after) {
    if (!before) return {};
    if (!after) return invalid_argument("it cannot be dropped; {}", kRemedy);
    HF_TRY(no_less(before->percent_min, after->percent_min, "percentMin"));
    HF_TRY(no_more(before->tolerance_micros, after->tolerance_micros, "toleranceMicros"));
    HF_TRY(fixed(before->samples_min == after->samples_min, "samplesMin"));
    return fixed(before->class_scores == after->class_scores, "classScores");
}

Status check_gates(const Gates& before, const Gates& after) {
    HF_TRY(no_more(before.error_rate_percent_max, after.error_rate_percent_max,
                   "errorRatePercentMax"));
    HF_TRY(
        no_more(before.latency_p99_ms_max, after.latency_p99_ms_max, "latencyP99MillisecondsMax"));
    HF_TRY(check_agreement(before.agreement, after.agreement).context("agreement"));
    // More requests would judge a bad version later, fewer would pass a good one sooner.
    return fixed(!before.need_requests() || before.minimum_requests == after.minimum_requests,
                 "minimumRequests");
}

}  // namespace

Status check_change(const RolloutSpec& before, const RolloutSpec& after) {
    HF_TRY(fixed(before.service == after.service, "service"));
    HF_TRY(fixed(before.model == after.model, "model"));
    HF_TRY(fixed(before.digest == after.digest, "digest"));
    HF_TRY(fixed(before.from == after.from, "fromDigest"));
    HF_TRY(fixed(before.stages.size() == after.stages.size(), "stages"));
    for (std::size_t i = 0; i < before.stages.size(); ++i) {
        HF_TRY(check_stage(before.stages[i], after.stages[i]).context("stages[{}]", i));
    }
    // Its nodes were chosen when it began.
    HF_TRY(fixed(before.stages.front().limit == after.stages.front().limit, "stages[0].limit"));
    HF_TRY(check_abort(before.abort, after.abort).context("abort"));
    HF_TRY(no_more(before.budget, after.budget, "disruptionBudget"));
    HF_TRY(check_gates(before.gates, after.gates).context("gates"));
    HF_TRY(fixed(before.windows.empty() || before.windows == after.windows, "windows"));
    HF_TRY(fixed(before.download_ahead == after.download_ahead, "downloadAhead"));
    HF_TRY(no_more(before.rate_per_minute, after.rate_per_minute, "ratePerMinute"));
    HF_TRY(no_more(before.attempts_max, after.attempts_max, "nodeAttemptsMax"));
    HF_TRY(fixed(before.timeout == after.timeout, "nodeTimeoutSeconds"));
    HF_TRY(fixed(before.patience == after.patience, "patienceSeconds"));
    return fixed(!before.aborted || after.aborted, "aborted");
}

}  // namespace hf::control::rollout
