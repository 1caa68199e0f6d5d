#include <algorithm>
#include <array>

#include "api/conditions.h"
#include "control/rollout/state.h"

namespace hf::control::rollout {
namespace {

constexpr std::array<std::string_view, 9> kPhases{
    "Pending",    "Running",   "Soaking", "WaitingForApproval", "Paused", "Aborting",
    "RolledBack", "Succeeded", "Failed"};

struct CountRow {
    std::string_view name;
    std::int64_t Counts::*member;
};
constexpr std::array<CountRow, 9> kCounts{{{"untouched", &Counts::untouched},
                                           {"underWay", &Counts::under_way},
                                           {"good", &Counts::good},
                                           {"failed", &Counts::failed},
                                           {"unreachable", &Counts::unreachable},
                                           {"present", &Counts::present},
                                           {"returning", &Counts::returning},
                                           {"back", &Counts::back},
                                           {"other", &Counts::other}}};

void put_time(json::Object& object, std::string_view key, const std::optional<Instant>& time) {
    if (time) object[key] = format_rfc3339_micros(*time);
}

void put_text(json::Object& object, std::string_view key, const std::string& text) {
    if (!text.empty()) object[key] = text;
}

Result<std::optional<Instant>> time_from(const json::Value& value, std::string_view key) {
    const std::string_view text = json::get_string(value, key);
    if (text.empty()) return std::optional<Instant>();
    const Instant instant = HF_TRY(parse_rfc3339(text).context("{}", key));
    return std::optional<Instant>(instant);
}

Result<std::int64_t> number(const json::Value& value, std::string_view key, std::int64_t high) {
    const std::int64_t found = json::get_int(value, key);
    if (found >= 0 && found <= high) return found;
    return invalid_argument("{}: {} is not within 0 and {}", key, found, high);
}

json::Value json_of(const Progress& progress) {
    json::Object object;
    object["ordered"] = progress.ordered;
    object["good"] = progress.good;
    object["closed"] = progress.closed;
    put_time(object, "began", progress.began);
    put_time(object, "lastGood", progress.last_good);
    put_time(object, "passed", progress.passed);
    return object;
}

Result<Progress> progress_from(const json::Value& value) {
    Progress progress;
    progress.ordered = HF_TRY(number(value, "ordered", kRevisionMax));
    progress.good = HF_TRY(number(value, "good", kNodesMax));
    progress.closed = json::get_bool(value, "closed");
    progress.began = HF_TRY(time_from(value, "began"));
    progress.last_good = HF_TRY(time_from(value, "lastGood"));
    progress.passed = HF_TRY(time_from(value, "passed"));
    return progress;
}

json::Value json_of(const Failure& failure) {
    json::Object object;
    object["node"] = failure.node;
    object["stage"] = failure.stage;
    object["reason"] = failure.reason;
    return object;
}

Result<Failure> failure_from(const json::Value& value) {
    Failure failure;
    failure.node = HF_TRY(json::need_string(value, "node"));
    failure.stage = HF_TRY(number(value, "stage", kStagesMax - 1));
    failure.reason = json::get_string(value, "reason");
    return failure;
}

json::Value json_of(const Outgoing& order) {
    json::Object object;
    object["node"] = order.node;
    object["why"] = why_name(order.why);
    object["stage"] = order.stage;
    object["ordinal"] = order.ordinal;
    object["attempt"] = order.attempt;
    object["revision"] = order.revision;
    return object;
}

Result<Outgoing> outgoing_from(const json::Value& value) {
    Outgoing order;
    order.node = HF_TRY(json::need_string(value, "node"));
    order.why = HF_TRY(parse_why(json::get_string(value, "why")).context("why"));
    order.stage = HF_TRY(number(value, "stage", kStagesMax - 1));
    order.ordinal = HF_TRY(number(value, "ordinal", kRevisionMax));
    order.attempt = HF_TRY(number(value, "attempt", kAttemptsMax));
    order.revision = HF_TRY(number(value, "revision", kRevisionMax));
    return order;
}

Result<std::string> name_from(const json::Value& value) {
    if (!value.is_string()) return invalid_argument("want a name");
    return std::string(json::as_view(value.get_string()));
}

template <typename T>
json::Array array_of(const std::vector<T>& items) {
    json::Array array;
    for (const T& item : items) array.push_back(json_of(item));
    return array;
}

struct ListRule {
    std::string_view key;
    std::size_t max = 0;
};

template <typename Read>
auto list_from(const json::Value& value, ListRule rule, Read read)
    -> Result<std::vector<typename decltype(read(value))::value_type>> {
    std::vector<typename decltype(read(value))::value_type> list;
    const json::Array* array = json::find_array(value, rule.key);
    if (!array) return list;
    if (array->size() > rule.max) {
        return invalid_argument("{}: there are {}; want at most {}", rule.key, array->size(),
                                rule.max);
    }
    for (const json::Value& item : *array) {
        auto read_item = HF_TRY(read(item).context("{}[{}]", rule.key, list.size()));
        list.push_back(std::move(read_item));
    }
    return list;
}

template <typename T, typename Name>
Status check_ascending(const std::vector<T>& list, Name name, std::string_view key) {
    for (std::size_t i = 1; i < list.size(); ++i) {
        if (name(list[i - 1]) < name(list[i])) continue;
        return invalid_argument("{}[{}]: '{}' is out of order", key, i, name(list[i]));
    }
    return {};
}

Result<RolloutSpec> in_force_from(const json::Value& value) {
    RolloutSpec spec = HF_TRY(spec_from(value));
    HF_TRY(check(spec));
    if (spec.digest.empty()) return invalid_argument("digest: it is missing");
    return spec;
}

Result<Phase> phase_from(std::string_view name) {
    const auto at = std::find(kPhases.begin(), kPhases.end(), name);
    if (at == kPhases.end()) return invalid_argument("phase: '{}' is unknown", name.substr(0, 40));
    return static_cast<Phase>(at - kPhases.begin());
}

// What the parts must have to do with each other.
Status check_whole(const State& state) {
    const std::size_t stages = state.in_force ? state.in_force->stages.size() : 0;
    if (state.progress.size() != stages || state.stage > static_cast<std::int64_t>(stages)) {
        return invalid_argument("progress and stageNumber do not fit inForce.stages");
    }
    const bool forward = !state.over();
    if (forward && stages > 0 && state.stage == static_cast<std::int64_t>(stages)) {
        return invalid_argument("stageNumber: there is no stage {}", state.stage);
    }
    HF_TRY(check_ascending(
        state.canary, [](const std::string& name) { return std::string_view(name); }, "canary"));
    HF_TRY(check_ascending(
        state.failures, [](const Failure& f) { return std::string_view(f.node); }, "failures"));
    return check_ascending(
        state.outbox, [](const Outgoing& o) { return std::string_view(o.node); }, "outbox");
}

api::Condition condition(std::string_view type, bool truth, std::string_view reason,
                         std::string message) {
    api::Condition condition;
    condition.type = type;
    condition.status = truth ? api::Truth::kTrue : api::Truth::kFalse;
    condition.reason = reason;
    condition.message = std::move(message);
    return condition;
}

}  // namespace

std::string_view phase_name(Phase phase) {
    return kPhases[static_cast<std::size_t>(phase)];
}

const Stage* State::current() const {
    if (!in_force || stage >= static_cast<std::int64_t>(in_force->stages.size())) return nullptr;
    return &in_force->stages[static_cast<std::size_t>(stage)];
}

json::Value to_json(const State& state) {
    json::Object object;
    object["phase"] = phase_name(state.phase);
    if (const Stage* stage = state.current()) object["stage"] = stage->name;
    object["stageNumber"] = state.stage;
    put_text(object, "message", state.waiting);
    put_text(object, "abortReason", state.abort_reason);
    put_text(object, "refusedChange", state.refused_change);
    object["revision"] = state.revision;
    put_time(object, "rateTime", state.rate_time);
    json::Object counts;
    for (const CountRow& row : kCounts) counts[row.name] = state.counts.*row.member;
    object["counts"] = std::move(counts);
    if (state.compared > 0) {
        object["agreement"] = {{"compared", state.compared}, {"agreed", state.agreed}};
    }
    object["progress"] = array_of(state.progress);
    json::Array canary;
    for (const std::string& node : state.canary) canary.emplace_back(node);
    object["canary"] = std::move(canary);
    object["failures"] = array_of(state.failures);
    object["outbox"] = array_of(state.outbox);
    if (state.in_force) object["inForce"] = to_json(*state.in_force);
    return object;
}

Result<State> state_from(const json::Value& status) {
    State state;
    if (!json::find(status, "phase")) return state;
    state.phase = HF_TRY(phase_from(json::get_string(status, "phase")));
    state.stage = HF_TRY(number(status, "stageNumber", kStagesMax));
    state.waiting = json::get_string(status, "message");
    state.abort_reason = json::get_string(status, "abortReason");
    state.refused_change = json::get_string(status, "refusedChange");
    state.revision = HF_TRY(number(status, "revision", kRevisionMax));
    state.rate_time = HF_TRY(time_from(status, "rateTime"));
    if (const json::Value* counts = json::find(status, "counts")) {
        for (const CountRow& row : kCounts) {
            state.counts.*row.member = HF_TRY(number(*counts, row.name, kNodesMax));
        }
    }
    if (const json::Value* agreement = json::find(status, "agreement")) {
        state.compared = HF_TRY(number(*agreement, "compared", kMetricMax));
        state.agreed = HF_TRY(number(*agreement, "agreed", state.compared));
    }
    state.progress = HF_TRY(list_from(status, {"progress", kStagesMax}, progress_from));
    state.canary = HF_TRY(list_from(status, {"canary", kCanaryMax}, name_from));
    state.failures = HF_TRY(list_from(status, {"failures", kFailuresMax}, failure_from));
    state.outbox = HF_TRY(list_from(status, {"outbox", kOutboxMax}, outgoing_from));
    if (const json::Value* spec = json::find(status, "inForce")) {
        state.in_force = HF_TRY(in_force_from(*spec).context("inForce"));
    }
    HF_TRY(check_whole(state));
    return state;
}

void write_state(api::Object& rollout, const State& state, Instant now) {
    json::Object status = to_json(state).get_object();
    if (const json::Value* conditions = json::find(rollout.status(), "conditions")) {
        status["conditions"] = *conditions;
    }
    status["observedGeneration"] = rollout.generation();
    rollout.edit_status() = std::move(status);
    const std::string phase(phase_name(state.phase));
    const bool ended = state.phase >= Phase::kRolledBack;
    const std::string why = state.abort_reason.empty() ? state.waiting : state.abort_reason;
    const bool complete = state.phase == Phase::kSucceeded;
    const bool accepted = state.refused_change.empty();
    for (api::Condition next :
         {condition("Progressing", !ended && state.phase != Phase::kPaused, phase, state.waiting),
          condition("Complete", complete, phase, why),
          condition("SpecAccepted", accepted, accepted ? "Followed" : "Loosened",
                    state.refused_change)}) {
        next.observed_generation = rollout.generation();
        api::set_condition(rollout, next, now);
    }
}

}  // namespace hf::control::rollout
