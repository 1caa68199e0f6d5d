#include "control/server/policy_admission.h"

#include "api/kinds.h"
#include "api/window.h"
#include "control/scale/spec.h"
#include "control/server/cascade_admission.h"
#include "control/server/reasons.h"
#include "control/server/rollout_admission.h"

namespace hf::control {
namespace {

constexpr std::string_view kDefaultPolicy = "default";

std::string_view policy_of(const api::Object& service) {
    return json::get_string(service.spec(), "trustPolicy", kDefaultPolicy);
}

bool names_another(const api::Object* before, const api::Object& now) {
    if (now.kind() != api::service_kind().name) return false;
    return policy_of(now) != (before ? policy_of(*before) : kDefaultPolicy);
}

}  // namespace

Status admit_policy(const api::Object* before, const api::Object& now, const api::Identity& who,
                    const api::AccessRules& rules) {
    if (!names_another(before, now)) return {};
    api::AccessRequest access;
    access.verb = "use";
    access.resource = "trustpolicies";
    access.name = policy_of(now);
    if (rules.decide(who, access).allowed) return {};
    return reasons::refuse(Code::kPermissionDenied, reasons::kPolicyNotGranted,
                           "spec.trustPolicy: '{}' may not choose the policy '{}' for service "
                           "'{}': that needs verb 'use' on it; ask an administrator",
                           who.user, access.name, now.name());
}

resources::Resources::Admit admission_of(resources::Resources& resources) {
    return [&resources](const api::Object* before, api::Object& now,
                        const api::Identity& who) -> Status {
        HF_TRY(admit_rollout(before, now, who));
        if (now.kind() == api::service_kind().name) {
            const api::Windows windows = HF_TRY(api::windows_from(now.spec()).context("spec"));
            HF_TRY(api::check(windows).context("spec"));
        }
        HF_TRY(scale::admit_scale(now));
        if (changes_cascade(before, now)) {
            const resources::ObjectList others =
                HF_TRY(resources.list(api::service_kind(), now.ns(), {}));
            HF_TRY(admit_cascade(now, others.items));
        }
        if (!names_another(before, now)) return {};
        const api::AccessRules rules = HF_TRY(resources.access_rules());
        return admit_policy(before, now, who, rules);
    };
}

}  // namespace hf::control
