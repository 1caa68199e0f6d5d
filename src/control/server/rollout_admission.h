// What may be written of Rollouts, beyond what their table says (edge-trust attack cases A62, A63):
//
//   - The spec must be one that can be followed (rollout/spec.h), and once it is under way it may
//     only be tightened.
//   - An approval or promotion is its giver's own word: `by` is who writes it, and nobody approves
//     or promotes a roll-out that they made. Annotation holdfast.dev/author says who did.
//
// Pure. Refusals begin with a reason of reasons.h, or name the field.

#pragma once

#include "api/access.h"
#include "api/object.h"

namespace hf::control {

inline constexpr std::string_view kAuthorAnnotation = "holdfast.dev/author";

// `before` is null for a new object. May set the annotation of `now`. OK for other kinds.
Status admit_rollout(const api::Object* before, api::Object& now, const api::Identity& who);

}  // namespace hf::control
