// Which TrustPolicy a Service may name (edge-trust attack case A64, the downgrade of the signing
// policy). Who may write Services could otherwise point one at the loosest policy that there is.
//
//   - A new Service may name the policy "default"; it is what holds without being named.
//   - Naming another one, or changing the name of an existing Service's, needs verb `use` on that
//     TrustPolicy, as role admin has it.
//
// Pure. The refusal begins with policy-not-granted.

#pragma once

#include "api/access.h"
#include "api/object.h"
#include "resources/resources.h"

namespace hf::control {

// `before` is null for a new object. OK for other kinds.
Status admit_policy(const api::Object* before, const api::Object& now, const api::Identity& who,
                    const api::AccessRules& rules);

// All that is asked before an object is written: this, rollout_admission.h, cascade_admission.h and
// scale/spec.h. REQUIRES: `resources` outlives it.
resources::Resources::Admit admission_of(resources::Resources& resources);

}  // namespace hf::control
