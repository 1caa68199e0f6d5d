// status.conditions: what is so about an object, each with when it last changed and why. The
// meaning is Kubernetes' (API conventions, "Typical status properties"). Pure functions.

#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "api/object.h"
#include "base/time.h"

namespace hf::api {

enum class Truth : unsigned char { kUnknown, kFalse, kTrue };

struct Condition {
    std::string type;  // "Ready"
    Truth status = Truth::kUnknown;
    std::string reason;   // one CamelCase word
    std::string message;  // a sentence
    std::int64_t observed_generation = 0;
    std::string last_transition_time{};  // RFC 3339; ignored by set_condition
};

// The condition of that type, or nullopt.
std::optional<Condition> find_condition(const Object& object, std::string_view type);

// "True" of find_condition.
bool is_true(const Object& object, std::string_view type);

// Adds or replaces the condition of that type. lastTransitionTime becomes `now` only when the
// status changes. Whether anything but the time differs from before is the answer.
bool set_condition(Object& object, const Condition& condition, Instant now);

}  // namespace hf::api
