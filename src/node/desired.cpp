#include "node/desired.h"

#include "base/json_lists.h"
#include "node/cascade.h"

namespace hf::node {
namespace {

constexpr std::int64_t kMemoryVersion = 1;

// The policy of that name among the orders.
void take_policy(Wish& wish, const json::Value& spec) {
    for (const json::Value& policy : json::items_of(spec, "trustPolicies")) {
        if (json::get_string(policy, "name") != wish.policy) continue;
        wish.policy_version = fmt::format("{}/{}", json::get_string(policy, "uid"),
                                          json::get_int(policy, "generation"));
        const json::Value* demands = json::find(policy, "spec");
        wish.policy_text = json::write_canonical(demands ? *demands : json::Value(json::Object()));
        return;
    }
}

std::optional<DataLimit> read_limit(const json::Value& spec) {
    const json::Value* link = json::find(spec, "link");
    const json::Value* budget = link ? json::find(*link, "dataBudget") : nullptr;
    if (!budget || !budget->is_object()) return std::nullopt;
    constexpr std::int64_t kHoursMax = 24 * 366;
    const std::int64_t bytes = std::max<std::int64_t>(json::get_int(*budget, "bytes"), 0);
    const std::int64_t hours =
        std::clamp<std::int64_t>(json::get_int(*budget, "periodHours", 24), 1, kHoursMax);
    return DataLimit{static_cast<std::uint64_t>(bytes), std::chrono::hours(hours)};
}

Result<Wish> read_wish(const json::Value& order, const json::Value& spec) {
    Wish wish;
    const std::string ns = HF_TRY(json::need_string(order, "namespace"));
    const std::string name = HF_TRY(json::need_string(order, "name"));
    wish.service = fmt::format("{}/{}", ns, name);
    wish.reference = HF_TRY(json::need_string(order, "model"));
    wish.uid = std::string(json::get_string(order, "uid"));
    wish.generation = json::get_int(order, "generation");
    wish.epoch = json::get_int(order, "epoch");
    wish.rollout = std::string(json::get_string(order, "rollout"));
    wish.digest = std::string(json::get_string(order, "digest"));
    wish.device = std::string(json::get_string(order, "device", "auto"));
    wish.policy = std::string(json::get_string(order, "trustPolicy", "default"));
    wish.jurisdictions = json::strings_of(order, "jurisdictions");
    wish.forbidden = json::strings_of(order, "forbiddenJurisdictions");
    wish.windows = HF_TRY(api::windows_from(order));
    HF_TRY(api::check(wish.windows));
    wish.download_ahead = json::get_bool(order, "downloadAhead");
    wish.data_limit = read_limit(spec);
    wish.report_load = json::get_bool(order, "reportLoad");
    if (const json::Value* cascade = json::find(order, "cascade")) {
        HF_TRY(read_cascade(*cascade, ns).status().context("cascade"));
        wish.cascade = json::write_canonical(*cascade);
    }
    take_policy(wish, spec);
    return wish;
}

json::Array to_json(const std::vector<std::string>& texts) {
    return json::Array(texts.begin(), texts.end());
}

json::Value to_json(const Wish& wish) {
    return {{"service", wish.service},
            {"uid", wish.uid},
            {"generation", wish.generation},
            {"epoch", wish.epoch},
            {"rollout", wish.rollout},
            {"reference", wish.reference},
            {"digest", wish.digest},
            {"device", wish.device},
            {"policy", wish.policy},
            {"policyVersion", wish.policy_version},
            {"policyText", wish.policy_text},
            {"jurisdictions", to_json(wish.jurisdictions)},
            {"forbidden", to_json(wish.forbidden)},
            {"cascade", wish.cascade}};
}

Result<Wish> wish_from(const json::Value& value) {
    Wish wish;
    wish.service = HF_TRY(json::need_string(value, "service"));
    wish.reference = HF_TRY(json::need_string(value, "reference"));
    wish.digest = HF_TRY(json::need_string(value, "digest"));
    wish.uid = std::string(json::get_string(value, "uid"));
    wish.generation = json::get_int(value, "generation");
    wish.epoch = json::get_int(value, "epoch");
    wish.rollout = std::string(json::get_string(value, "rollout"));
    wish.device = std::string(json::get_string(value, "device"));
    wish.policy = std::string(json::get_string(value, "policy"));
    wish.policy_version = std::string(json::get_string(value, "policyVersion"));
    wish.policy_text = std::string(json::get_string(value, "policyText"));
    wish.jurisdictions = json::strings_of(value, "jurisdictions");
    wish.forbidden = json::strings_of(value, "forbidden");
    wish.cascade = std::string(json::get_string(value, "cascade"));
    return wish;
}

json::Value to_json(const std::string& service, const Refusal& refusal) {
    return {{"service", service},
            {"digest", refusal.digest},
            {"policyVersion", refusal.policy_version},
            {"device", refusal.device},
            {"step", static_cast<int>(refusal.step)},
            {"code", static_cast<int>(refusal.why.code())},
            {"message", refusal.why.message()}};
}

Result<Refusal> refusal_from(const json::Value& value) {
    Refusal refusal;
    refusal.digest = HF_TRY(json::need_string(value, "digest"));
    refusal.policy_version = std::string(json::get_string(value, "policyVersion"));
    refusal.device = std::string(json::get_string(value, "device"));
    const std::int64_t step = HF_TRY(json::need_int(value, "step"));
    const std::int64_t code = HF_TRY(json::need_int(value, "code"));
    const bool known = step >= 0 && step < static_cast<std::int64_t>(kStepCount) && code > 0 &&
                       code <= static_cast<std::int64_t>(Code::kUnauthenticated);
    if (!known) return invalid_argument("a refusal of step {} with code {}", step, code);
    refusal.step = static_cast<Step>(step);
    refusal.why = Status(static_cast<Code>(code), std::string(json::get_string(value, "message")));
    return refusal;
}

}  // namespace

Result<Desired> read_desired(const api::Object& node) {
    Desired desired;
    desired.uid = std::string(node.uid());
    desired.generation = node.generation();
    std::size_t index = 0;
    for (const json::Value& order : json::items_of(node.spec(), "services")) {
        Wish wish = HF_TRY(read_wish(order, node.spec())
                               .context("node {}: spec.services[{}]", node.name(), index++));
        const std::string service = wish.service;
        if (!desired.wishes.emplace(service, std::move(wish)).second) {
            return invalid_argument("node {}: spec.services names {} twice", node.name(), service);
        }
    }
    return desired;
}

Status check_follows(const Desired& last, const Desired& next) {
    if (last.uid != next.uid || next.generation > last.generation) return {};
    if (next.generation == last.generation) {
        if (next.wishes == last.wishes) return {};
        return failed_precondition(
            "generation {} has other orders than those that this node has followed: the control "
            "plane was put back to an earlier state. The node keeps what it has until newer orders "
            "come; to follow these, delete the Node and let it enlist anew",
            next.generation);
    }
    return failed_precondition(
        "orders of generation {} came after those of generation {}: the control plane's state is "
        "older than what this node has followed. It keeps what it has; to follow the older orders, "
        "delete the Node and let it enlist anew",
        next.generation, last.generation);
}

std::string write_memory(const Memory& memory) {
    json::Array active;
    for (const auto& [service, wish] : memory.active) active.push_back(to_json(wish));
    json::Array refusals;
    for (const auto& [service, list] : memory.refusals) {
        for (const Refusal& refusal : list) refusals.push_back(to_json(service, refusal));
    }
    json::Array trials;
    for (const auto& [service, trial] : memory.trials) {
        trials.push_back({{"service", service},
                          {"digest", trial.digest},
                          {"starts", trial.starts},
                          {"policyVersion", trial.policy_version},
                          {"device", trial.device}});
    }
    return json::write(json::Object{{"version", kMemoryVersion},
                                    {"node", memory.node.json()},
                                    {"active", std::move(active)},
                                    {"refusals", std::move(refusals)},
                                    {"trials", std::move(trials)}}) +
           "\n";
}

Result<Memory> read_memory(std::string_view text) {
    const json::Value value = HF_TRY(json::parse(text, kMaxMemoryBytes));
    const std::int64_t version = json::get_int(value, "version");
    if (version != kMemoryVersion) {
        return invalid_argument("version {} where {} is known", version, kMemoryVersion);
    }
    Memory memory;
    const json::Value* node = json::find(value, "node");
    if (!node) return invalid_argument("there is no node in it");
    memory.node = HF_TRY(api::Object::from_json(*node));
    for (const json::Value& each : json::items_of(value, "active")) {
        Wish wish = HF_TRY(wish_from(each));
        const std::string service = wish.service;
        memory.active.insert_or_assign(service, std::move(wish));
    }
    for (const json::Value& each : json::items_of(value, "refusals")) {
        const std::string service = HF_TRY(json::need_string(each, "service"));
        std::vector<Refusal>& list = memory.refusals[service];
        Refusal refusal = HF_TRY(refusal_from(each));
        if (list.size() < kMaxRefusals) list.push_back(std::move(refusal));
    }
    for (const json::Value& each : json::items_of(value, "trials")) {
        const std::string service = HF_TRY(json::need_string(each, "service"));
        Trial& trial = memory.trials[service];
        trial.digest = HF_TRY(json::need_string(each, "digest"));
        trial.starts = json::get_int(each, "starts");
        trial.policy_version = json::get_string(each, "policyVersion");
        trial.device = json::get_string(each, "device", "auto");
    }
    return memory;
}

}  // namespace hf::node
