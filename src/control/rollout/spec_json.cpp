// RolloutSpec from and to the resource's spec.

#include "api/object.h"
#include "base/json_lists.h"
#include "control/rollout/spec.h"

namespace hf::control::rollout {
namespace {

const json::Value& part(const json::Value& value, std::string_view key) {
    static const json::Value kNull;
    const json::Value* found = json::find(value, key);
    return found ? *found : kNull;
}

std::string text(const json::Value& value, std::string_view key) {
    return std::string(json::get_string(value, key));
}

std::optional<std::int64_t> number(const json::Value& value, std::string_view key) {
    const json::Value* found = json::find(value, key);
    if (!found || !found->is_int64()) return std::nullopt;
    return found->get_int64();
}

// Seconds out of bounds stay out of bounds, and do not overflow.
Duration seconds(const json::Value& value, std::string_view key, Duration fallback) {
    constexpr std::int64_t kFarBeyond = 2 * (kWaitMax / std::chrono::seconds(1));
    const std::optional<std::int64_t> found = number(value, key);
    if (!found) return fallback;
    return std::chrono::seconds(std::clamp<std::int64_t>(*found, -1, kFarBeyond));
}

Result<Share> share_from(const json::Value& value, std::string_view key) {
    const json::Value* found = json::find(value, key);
    if (!found || found->is_null()) return Share{};
    const std::optional<std::int64_t> count = number(*found, "count");
    const std::optional<std::int64_t> percent = number(*found, "percent");
    if (count.has_value() == percent.has_value()) {
        return invalid_argument("{}: want either count or percent", key);
    }
    return count ? Share::count(*count) : Share::percent(*percent);
}

Result<Stage> stage_from(const json::Value& value) {
    Stage stage;
    stage.name = text(value, "name");
    stage.selector = text(value, "selector");
    stage.limit = HF_TRY(share_from(value, "limit"));
    stage.soak = seconds(value, "soakSeconds", Duration{});
    stage.approval = json::get_bool(value, "approval");
    stage.success_percent = json::get_int(value, "successPercent", stage.success_percent);
    stage.max_parallel = json::get_int(value, "maxParallel", stage.max_parallel);
    return stage;
}

std::vector<Word> words_from(const json::Value& value, std::string_view key) {
    std::vector<Word> words;
    for (const json::Value& item : json::items_of(value, key)) {
        Word word{text(item, "stage"), text(item, "by")};
        words.push_back(std::move(word));
    }
    return words;
}

AbortRules abort_from(const json::Value& value) {
    AbortRules rules;
    rules.failures = number(value, "failures");
    rules.failure_percent = number(value, "failurePercent");
    rules.minimum_sample = json::get_int(value, "minimumSample", rules.minimum_sample);
    return rules;
}

std::optional<Agreement> agreement_from(const json::Value& value) {
    if (!value.is_object()) return std::nullopt;
    Agreement agreement;
    agreement.percent_min = json::get_int(value, "percentMin", agreement.percent_min);
    agreement.samples_min = json::get_int(value, "samplesMin", agreement.samples_min);
    agreement.tolerance_micros =
        json::get_int(value, "toleranceMicros", agreement.tolerance_micros);
    agreement.class_scores = json::strings_of(value, "classScores");
    agreement.sample_percent = json::get_int(value, "samplePercent", agreement.sample_percent);
    return agreement;
}

Gates gates_from(const json::Value& value) {
    Gates gates;
    gates.error_rate_percent_max = number(value, "errorRatePercentMax");
    gates.latency_p99_ms_max = number(value, "latencyP99MillisecondsMax");
    gates.agreement = agreement_from(part(value, "agreement"));
    gates.minimum_requests = json::get_int(value, "minimumRequests", gates.minimum_requests);
    return gates;
}

void put(json::Object& object, std::string_view key, const std::optional<std::int64_t>& value) {
    if (value) object[key] = *value;
}

void put(json::Object& object, std::string_view key, const Share& share) {
    if (!share.limits()) return;
    json::Object value;
    value[share.unit == Share::Unit::kCount ? "count" : "percent"] = share.amount;
    object[key] = std::move(value);
}

void put_text(json::Object& object, std::string_view key, const std::string& value) {
    if (!value.empty()) object[key] = value;
}

void put_seconds(json::Object& object, std::string_view key, Duration value) {
    object[key] = std::int64_t{value / std::chrono::seconds(1)};
}

json::Value json_of(const Stage& stage) {
    json::Object object;
    object["name"] = stage.name;
    put_text(object, "selector", stage.selector);
    put(object, "limit", stage.limit);
    put_seconds(object, "soakSeconds", stage.soak);
    object["approval"] = stage.approval;
    object["successPercent"] = stage.success_percent;
    object["maxParallel"] = stage.max_parallel;
    return object;
}

json::Value json_of(const AbortRules& rules) {
    json::Object object;
    put(object, "failures", rules.failures);
    put(object, "failurePercent", rules.failure_percent);
    object["minimumSample"] = rules.minimum_sample;
    return object;
}

json::Value json_of(const Agreement& agreement) {
    json::Object object;
    object["percentMin"] = agreement.percent_min;
    object["samplesMin"] = agreement.samples_min;
    object["toleranceMicros"] = agreement.tolerance_micros;
    object["classScores"] =
        json::Array(agreement.class_scores.begin(), agreement.class_scores.end());
    object["samplePercent"] = agreement.sample_percent;
    return object;
}

json::Value json_of(const Gates& gates) {
    json::Object object;
    put(object, "errorRatePercentMax", gates.error_rate_percent_max);
    put(object, "latencyP99MillisecondsMax", gates.latency_p99_ms_max);
    if (gates.agreement) object["agreement"] = json_of(*gates.agreement);
    object["minimumRequests"] = gates.minimum_requests;
    return object;
}

json::Value json_of(const std::vector<Word>& words) {
    json::Array array;
    for (const Word& word : words) {
        json::Object object;
        object["stage"] = word.stage;
        object["by"] = word.by;
        array.emplace_back(std::move(object));
    }
    return array;
}

}  // namespace

Result<RolloutSpec> spec_from(const json::Value& value) {
    RolloutSpec spec;
    spec.service = text(value, "service");
    spec.model = text(value, "model");
    spec.digest = text(value, "digest");
    spec.from = text(value, "fromDigest");
    for (const json::Value& item : json::items_of(value, "stages")) {
        Stage stage = HF_TRY(stage_from(item).context("stages[{}]", spec.stages.size()));
        spec.stages.push_back(std::move(stage));
    }
    spec.abort = abort_from(part(value, "abort"));
    spec.budget = HF_TRY(share_from(value, "disruptionBudget"));
    spec.gates = gates_from(part(value, "gates"));
    spec.windows = HF_TRY(api::windows_from(value));
    spec.download_ahead = json::get_bool(value, "downloadAhead");
    spec.rate_per_minute = number(value, "ratePerMinute");
    spec.attempts_max = json::get_int(value, "nodeAttemptsMax", spec.attempts_max);
    spec.timeout = seconds(value, "nodeTimeoutSeconds", spec.timeout);
    spec.patience = seconds(value, "patienceSeconds", spec.patience);
    spec.paused = json::get_bool(value, "paused");
    spec.aborted = json::get_bool(value, "aborted");
    spec.approvals = words_from(value, "approvals");
    spec.promotions = words_from(value, "promotions");
    return spec;
}

json::Value to_json(const RolloutSpec& spec) {
    json::Object object;
    object["service"] = spec.service;
    put_text(object, "model", spec.model);
    put_text(object, "digest", spec.digest);
    put_text(object, "fromDigest", spec.from);
    json::Array stages;
    for (const Stage& stage : spec.stages) stages.push_back(json_of(stage));
    object["stages"] = std::move(stages);
    object["abort"] = json_of(spec.abort);
    put(object, "disruptionBudget", spec.budget);
    object["gates"] = json_of(spec.gates);
    object["windows"] = api::to_json(spec.windows);
    if (spec.download_ahead) object["downloadAhead"] = true;
    put(object, "ratePerMinute", spec.rate_per_minute);
    object["nodeAttemptsMax"] = spec.attempts_max;
    put_seconds(object, "nodeTimeoutSeconds", spec.timeout);
    put_seconds(object, "patienceSeconds", spec.patience);
    object["paused"] = spec.paused;
    object["aborted"] = spec.aborted;
    object["approvals"] = json_of(spec.approvals);
    object["promotions"] = json_of(spec.promotions);
    return object;
}

}  // namespace hf::control::rollout
