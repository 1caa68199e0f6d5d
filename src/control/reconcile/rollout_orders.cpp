#include "control/reconcile/rollout_orders.h"

#include <algorithm>

#include <fmt/format.h>

#include "api/conditions.h"
#include "base/json_lists.h"
#include "control/reconcile/node_parts.h"

namespace hf::control {
namespace {

using rollout::NodeState;
using rollout::Outcome;

std::optional<rollout::Token> token_of(const json::Value& part) {
    const Result<rollout::Token> token = rollout::parse_token(json::get_string(part, "rollout"));
    return token.ok() ? std::optional(*token) : std::nullopt;
}

Instant time_of(std::string_view text) {
    const Result<Instant> time = parse_rfc3339(text);
    return time.ok() ? *time : Instant();
}

// The condition that is false, for a version that was refused or is tried again.
std::string failure_in(const json::Value& report) {
    for (const json::Value& each : json::items_of(report, "conditions")) {
        const bool step = json::get_string(each, "type") != "Ready";
        if (step && json::get_string(each, "status") == "False") {
            return fmt::format("{}: {}", json::get_string(each, "reason"),
                               json::get_string(each, "message"));
        }
    }
    return "unknown";
}

// The condition of a node that waits for a maintenance window; nullptr when it does not.
const json::Value* waiting_in(const json::Value& report) {
    const json::Array* conditions = json::find_array(report, "conditions");
    if (!conditions) return nullptr;
    for (const json::Value& each : *conditions) {
        const bool waits = json::get_string(each, "type") == "WaitingForWindow";
        if (waits && json::get_string(each, "status") == "True") return &each;
    }
    return nullptr;
}

void read_outcome(const json::Value& report, const json::Value& order, NodeState& node) {
    const std::optional<rollout::Token> told = token_of(report);
    if (!node.token || !told || told->rollout != node.token->rollout) return;
    node.answered = told->revision;
    if (told->revision != node.token->revision) return;
    const std::string failure = failure_in(report);
    const json::Value* const waits = waiting_in(report);
    if (json::get_string(report, "digest") == json::get_string(order, "digest")) {
        node.outcome = Outcome::kGood;
    } else if (waits) {
        node.outcome = Outcome::kWaiting;
        node.reason = json::get_string(*waits, "message");
    } else if (failure == "unknown") {
        node.outcome = Outcome::kWorking;
    } else {
        node.outcome = json::get_bool(report, "settled") ? Outcome::kFailed : Outcome::kPassing;
        node.reason = failure;
    }
}

std::optional<Instant> lost_since(const api::Object& node) {
    const auto ready = api::find_condition(node, "Ready");
    if (!ready) return time_of(node.creation_timestamp());
    if (ready->status == api::Truth::kTrue) return std::nullopt;
    return time_of(ready->last_transition_time);
}

NodeState observe(const api::Object& object, const json::Value& order, const json::Value* report) {
    NodeState node;
    node.name = object.name();
    if (const json::Object* labels = json::find_object(object.metadata(), "labels")) {
        for (const auto& [key, value] : *labels) {
            if (value.is_string()) node.labels.emplace(key, json::as_view(value.get_string()));
        }
    }
    node.wants = json::get_string(order, "digest");
    node.token = token_of(order);
    node.ordered_at = time_of(json::get_string(order, "orderedAt"));
    node.unreachable_since = lost_since(object);
    node.available = false;
    if (!report) return node;
    node.runs = json::get_string(*report, "digest");
    node.available = !node.unreachable_since && !node.runs.empty();
    read_outcome(*report, order, node);
    return node;
}

}  // namespace

std::vector<NodeState> observe_nodes(const std::string& service, const Objects& nodes) {
    std::vector<NodeState> states;
    for (const auto& [name, node] : nodes) {
        const json::Value* order = find_service(node.spec(), service);
        if (order) states.push_back(observe(node, *order, find_service(node.status(), service)));
    }
    return states;
}

std::map<std::string, rollout::Metrics> observe_metrics(const std::string& service,
                                                        const Objects& nodes) {
    std::map<std::string, rollout::Metrics> metrics;
    for (const auto& [name, node] : nodes) {
        const json::Value* report = find_service(node.status(), service);
        if (!report || lost_since(node)) continue;
        const std::string digest(json::get_string(*report, "digest"));
        if (digest.empty() || !json::find(*report, "requests")) continue;
        rollout::Metrics& sum = metrics[digest];
        const auto add = [report](std::int64_t& to, std::string_view key) {
            constexpr std::int64_t kMost = rollout::kMetricMax;
            to = std::min(to + std::clamp<std::int64_t>(json::get_int(*report, key), 0, kMost),
                          kMost);
        };
        add(sum.requests, "requests");
        add(sum.errors, "errors");
        add(sum.compared, "compared");
        add(sum.agreed, "agreed");
        sum.latency_p99_ms =
            std::max(sum.latency_p99_ms, json::get_int(*report, "latencyP99Milliseconds"));
    }
    return metrics;
}

std::string present_digest(const std::string& service, const Objects& nodes) {
    std::map<std::string, int> counts;
    for (const auto& [name, node] : nodes) {
        const json::Value* order = find_service(node.spec(), service);
        if (!order) continue;
        const std::string digest(json::get_string(*order, "digest"));
        if (!digest.empty()) ++counts[digest];
    }
    const auto most =
        std::max_element(counts.begin(), counts.end(),
                         [](const auto& a, const auto& b) { return a.second < b.second; });
    return most == counts.end() ? std::string() : most->first;
}

bool write_order(api::Object& node, const RolloutWrite& write) {
    const json::Value* found = find_service(node.spec(), write.service);
    if (!found) return false;
    const std::optional<rollout::Token> there = token_of(*found);
    const rollout::Token& token = write.action.token;
    const bool same = there && there->rollout == token.rollout;
    if (same && there->revision >= token.revision) return false;
    json::Array services = *json::find_array(node.spec(), "services");
    for (json::Value& order : services) {
        if (!(order == *found)) continue;
        json::Object& fields = order.get_object();
        // Back to nothing, where the service's model stood for none before.
        if (write.action.digest.empty()) {
            fields.erase("digest");
        } else {
            fields["digest"] = write.action.digest;
        }
        const bool forward = write.action.kind == rollout::Action::Kind::kOrder;
        // That of the roll-out before, which may have ended just now, goes back too far.
        if (!same) fields.erase("modelBefore");
        if (forward && !fields.contains("modelBefore")) fields["modelBefore"] = fields["model"];
        // Not what the service names by now: people may have changed it meanwhile.
        const json::Value* before = fields.if_contains("modelBefore");
        fields["model"] = forward || !before ? json::Value(write.model) : *before;
        fields["rollout"] = rollout::to_text(token);
        fields["orderedAt"] = format_rfc3339(write.now);
        // Back it goes at any time.
        fields.erase("windows");
        fields.erase("downloadAhead");
        if (!forward) continue;
        if (!write.windows.empty()) fields["windows"] = api::to_json(write.windows);
        if (write.download_ahead) fields["downloadAhead"] = true;
    }
    node.edit_spec()["services"] = std::move(services);
    return true;
}

}  // namespace hf::control
