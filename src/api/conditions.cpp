#include "api/conditions.h"

namespace hf::api {
namespace {

std::string_view text_of(Truth truth) {
    switch (truth) {
        case Truth::kTrue: return "True";
        case Truth::kFalse: return "False";
        case Truth::kUnknown: break;
    }
    return "Unknown";
}

Truth truth_of(std::string_view text) {
    if (text == "True") return Truth::kTrue;
    return text == "False" ? Truth::kFalse : Truth::kUnknown;
}

json::Object to_json(const Condition& condition, std::string_view since) {
    json::Object object{{"type", condition.type},
                        {"status", text_of(condition.status)},
                        {"reason", condition.reason},
                        {"message", condition.message},
                        {"lastTransitionTime", since}};
    if (condition.observed_generation > 0)
        object["observedGeneration"] = condition.observed_generation;
    return object;
}

}  // namespace

std::optional<Condition> find_condition(const Object& object, std::string_view type) {
    const json::Array* list = json::find_array(object.status(), "conditions");
    if (!list) return std::nullopt;
    for (const json::Value& item : *list) {
        if (json::get_string(item, "type") != type) continue;
        return Condition{std::string(type),
                         truth_of(json::get_string(item, "status")),
                         std::string(json::get_string(item, "reason")),
                         std::string(json::get_string(item, "message")),
                         json::get_int(item, "observedGeneration"),
                         std::string(json::get_string(item, "lastTransitionTime"))};
    }
    return std::nullopt;
}

bool is_true(const Object& object, std::string_view type) {
    const json::Array* list = json::find_array(object.status(), "conditions");
    if (!list) return false;
    for (const json::Value& item : *list) {
        if (json::get_string(item, "type") == type)
            return truth_of(json::get_string(item, "status")) == Truth::kTrue;
    }
    return false;
}

bool set_condition(Object& object, const Condition& condition, Instant now) {
    const std::optional<Condition> before = find_condition(object, condition.type);
    const bool keeps_time = before && before->status == condition.status;
    json::Object entry =
        to_json(condition, keeps_time ? before->last_transition_time : format_rfc3339(now));
    json::Value& list = object.edit_status()["conditions"];
    if (!list.is_array()) list = json::Array();
    for (json::Value& item : list.get_array()) {
        if (json::get_string(item, "type") != condition.type) continue;
        const bool changed = item != json::Value(entry);
        item = std::move(entry);
        return changed;
    }
    list.get_array().emplace_back(std::move(entry));
    return true;
}

}  // namespace hf::api
