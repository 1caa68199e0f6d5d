// Whether an object is good, from the field table of its kind: unknown fields, defaults, types,
// bounds, names, and what may change. Messages follow Kubernetes' wording; each names the path of
// the field and what to write instead. Pure functions.

#pragma once

#include <string>
#include <vector>

#include "api/kind.h"

namespace hf::api {

// What to do about fields that the kind does not have; the query parameter of the same name.
enum class FieldValidation : unsigned char { kStrict, kWarn, kIgnore };

// "Strict", "Warn", "Ignore"; INVALID_ARGUMENT otherwise.
Result<FieldValidation> parse_field_validation(std::string_view text);

// One thing wrong with an object; metav1.StatusCause.
struct Cause {
    std::string reason;   // "FieldValueRequired", "FieldValueInvalid", ...
    std::string field;    // "spec.model"
    std::string message;  // without the field
    friend bool operator==(const Cause&, const Cause&) = default;
};

// At most this many are told of; a hostile object has no end of them.
inline constexpr std::size_t kMaxCauses = 32;

// Removes unknown fields and nulls. Answers one sentence an unknown field:
//     unknown field "spec.modle" (did you mean "model"?)
std::vector<std::string> prune(const Kind& kind, Object& object);

void fill_defaults(const Kind& kind, Object& object);

// Empty: the object is good. REQUIRES: pruned.
std::vector<Cause> validate(const Kind& kind, const Object& object);

// What `now` changes of `before` that may not change.
std::vector<Cause> validate_change(const Kind& kind, const Object& before, const Object& now);

// INVALID_ARGUMENT: Service.holdfast.dev "pump" is invalid: spec.model: Required value
// REQUIRES: causes is not empty.
Status invalid(const Kind& kind, std::string_view name, const std::vector<Cause>& causes);

}  // namespace hf::api
