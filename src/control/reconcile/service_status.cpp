#include "control/reconcile/service_status.h"

#include <algorithm>

#include <fmt/format.h>

#include "api/conditions.h"
#include "base/json_lists.h"
#include "control/place/from_resources.h"
#include "control/place/layout.h"
#include "control/reconcile/node_parts.h"

namespace hf::control {
namespace {

using api::Condition;
using api::Truth;

// One machine's part of the service.
struct Part {
    const api::Object* node = nullptr;
    const json::Value* order = nullptr;
    const json::Value* report = nullptr;  // null: none that follows the order
    bool lost = false;
    bool answers = false;
};

std::optional<Condition> condition_of(const json::Value& report, std::string_view type) {
    api::Object holder;
    holder.edit_status()["conditions"] = json::items_of(report, "conditions");
    return api::find_condition(holder, type);
}

bool says_ready(const json::Value& report) {
    for (const json::Value& each : json::items_of(report, "conditions")) {
        if (json::get_string(each, "type") == "Ready")
            return json::get_string(each, "status") == "True";
    }
    return false;
}

std::vector<Part> parts_of(const api::Object& service, const Objects& nodes) {
    std::vector<Part> parts;
    for (const auto& [name, node] : nodes) {
        const json::Value* order = find_service(node.spec(), service.ns(), service.name());
        if (!order) continue;
        Part part{&node, order, find_service(node.status(), service.ns(), service.name()),
                  !api::is_true(node, "Ready")};
        const bool old =
            part.report && json::get_int(*part.report, "epoch") < json::get_int(*order, "epoch");
        if (old) part.report = nullptr;
        part.answers = !part.lost && part.report && says_ready(*part.report);
        parts.push_back(part);
    }
    return parts;
}

bool answers(const Part& part) {
    return part.answers;
}

json::Value replica_of(const Part& part) {
    json::Object replica{{"node", part.node->name()},
                         {"epoch", json::get_int(*part.order, "epoch")},
                         {"ready", answers(part)}};
    if (const json::Value* devices = json::find(*part.order, "devices"))
        replica["devices"] = *devices;
    for (std::string_view key : {"digest", "url"}) {
        if (const json::Value* value = part.report ? json::find(*part.report, key) : nullptr)
            replica[key] = *value;
    }
    return replica;
}

// What the machine says of that condition, as it counts here.
std::optional<Condition> said_by(const Part& part, std::string_view type) {
    std::optional<Condition> said;
    if (part.report) said = condition_of(*part.report, type);
    if (!said || !part.lost) return said;
    said->status = Truth::kUnknown;
    said->reason = "NodeLost";
    said->message = fmt::format("node {} has not been heard of", part.node->name());
    return said;
}

std::vector<std::string> types_in(const std::vector<Part>& parts) {
    std::vector<std::string> types;
    for (const Part& part : parts) {
        if (!part.report) continue;
        for (const json::Value& each : json::items_of(*part.report, "conditions")) {
            std::string type(json::get_string(each, "type"));
            if (std::find(types.begin(), types.end(), type) == types.end())
                types.push_back(std::move(type));
        }
    }
    return types;
}

// What all of them say; of the first that says otherwise, with its name where there are several.
std::optional<Condition> merged(const std::vector<Part>& parts, std::string_view type) {
    std::optional<Condition> all;
    for (const Part& part : parts) {
        std::optional<Condition> said = said_by(part, type);
        if (!said) {
            if (part.report) continue;
            return std::nullopt;  // it has only just been ordered
        }
        if (said->status != Truth::kTrue) {
            if (parts.size() > 1 && !part.lost) {
                said->message = fmt::format("node {}: {}", part.node->name(), said->message);
            }
            return said;
        }
        if (!all) all = said;
    }
    return all;
}

Condition not_serving(std::int64_t generation) {
    return {"Ready", Truth::kFalse, "NotServing", "no version of the model answers", generation,
            {}};
}

Condition ready_of(const api::Object& service, const std::vector<Part>& parts) {
    const auto count = std::count_if(parts.begin(), parts.end(), answers);
    if (parts.empty()) return not_serving(service.generation());
    const bool all = count == static_cast<std::ptrdiff_t>(parts.size());
    if (all || count == 0) {
        const std::optional<Condition> said = merged(parts, "Ready");
        return said ? *said : not_serving(service.generation());
    }
    return {"Ready",
            Truth::kTrue,
            "PartlyServing",
            fmt::format("{} of {} replicas answer", count, parts.size()),
            service.generation(),
            {}};
}

bool scales(const api::Object& service) {
    return json::find(service.spec(), "scale") != nullptr;
}

// Of apply/scaler.h.
bool is_scalers(std::string_view type) {
    return type == "Scaled" || type == "ScalingLimited";
}

Condition placed_of(const api::Object& service, const place::ServicePlan& plan) {
    const auto placed = static_cast<std::int64_t>(plan.placed.size());
    Condition condition{"Placed",
                        Truth::kTrue,
                        "Placed",
                        fmt::format("{} of {} replicas have a machine", placed, plan.wanted),
                        service.generation(),
                        {}};
    if (plan.missing() <= 0) return condition;
    condition.status = Truth::kFalse;
    condition.reason = "NoMachine";
    if (!plan.refused.empty()) {
        condition.reason = place::refusal_name(plan.refused.front().why);
        condition.message += fmt::format("; {} {}", plan.refused.front().nodes,
                                         place::refusal_meaning(plan.refused.front().why));
    }
    condition.message += fmt::format("; see: holdfast explain service/{}", service.name());
    return condition;
}

// The first replica that answers speaks for the service; where none does, the first that has
// something to say.
void set_fields(json::Object& status, const std::vector<Part>& parts) {
    for (const char* key : {"digest", "url", "device", "node"}) status.erase(key);
    if (parts.empty()) return;
    const auto first = std::find_if(parts.begin(), parts.end(), answers);
    const Part& speaker = first == parts.end() ? parts.front() : *first;
    status["node"] = parts.front().node->name();
    for (const char* key : {"digest", "url", "device"}) {
        const json::Value* value = speaker.report ? json::find(*speaker.report, key) : nullptr;
        if (value) status[key] = *value;
    }
}

void set_conditions(api::Object& service, const std::vector<Part>& parts, Instant now) {
    std::vector<std::string> types = types_in(parts);
    std::vector<Condition> wanted;
    for (const std::string& type : types) {
        if (type == "Ready") continue;
        if (auto condition = merged(parts, type)) wanted.push_back(std::move(*condition));
    }
    wanted.push_back(ready_of(service, parts));
    json::Array kept;
    const json::Array* old = json::find_array(service.status(), "conditions");
    for (const json::Value& each : old ? *old : json::Array()) {
        const std::string_view type = json::get_string(each, "type");
        const bool others = type == "Placed" || (scales(service) && is_scalers(type));
        const bool still =
            others || std::any_of(wanted.begin(), wanted.end(),
                                  [&](const Condition& c) { return c.type == type; });
        if (still) kept.push_back(each);
    }
    service.edit_status()["conditions"] = std::move(kept);
    for (const Condition& condition : wanted) api::set_condition(service, condition, now);
}

}  // namespace

api::Object with_status(const api::Object& service, const place::ServicePlan& plan,
                        const Objects& nodes, Instant now) {
    const std::vector<Part> parts = parts_of(service, nodes);
    api::Object result = service;
    json::Object& status = result.edit_status();
    json::Array replicas;
    std::int64_t observed = 0;
    for (const Part& part : parts) {
        if (replicas.size() < kReplicasListed) replicas.push_back(replica_of(part));
        const std::int64_t seen =
            part.report ? json::get_int(*part.report, "observedGeneration") : 0;
        observed = &part == &parts.front() ? seen : std::min(observed, seen);
    }
    status["replicas"] = std::move(replicas);
    // The plan may be older than what the scaler has decided since.
    const bool decided = scales(service) && !service.being_removed();
    status["wantedReplicas"] = decided ? place::wanted_replicas(service) : plan.wanted;
    if (!scales(service)) status.erase("scale");
    status["readyReplicas"] =
        static_cast<std::int64_t>(std::count_if(parts.begin(), parts.end(), answers));
    if (observed > 0) status["observedGeneration"] = observed;
    set_fields(status, parts);
    set_conditions(result, parts, now);
    api::set_condition(result, placed_of(service, plan), now);
    return result;
}

}  // namespace hf::control
