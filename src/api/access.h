// Who may do what: Roles and RoleBindings (Kubernetes' RBAC), evaluated. Deny is the default and
// rules only add. A binding in namespace N holds in N; one in holdfast-system holds in every
// namespace and for kinds without one. Members of group system:masters may do everything.
//
// Nobody grants what they do not hold: check_grant() is asked before a Role or RoleBinding is
// written. Immutable values, pure; build one from a consistent list of roles and bindings.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/object.h"

namespace hf::api {

inline constexpr std::string_view kMastersGroup = "system:masters";
inline constexpr std::string_view kAuthenticatedGroup = "system:authenticated";

struct Identity {
    std::string user;  // "system:serviceaccount:default:ci"
    std::vector<std::string> groups;

    bool is_in(std::string_view group) const;

    // The identity of a ServiceAccount, with its groups.
    static Identity of_service_account(std::string_view ns, std::string_view name);

    // A part of Holdfast itself, in system:masters: "system:holdfast:node".
    static Identity of_system(std::string_view component);
};

struct AccessRequest {
    std::string verb;  // "get", "list", "watch", "create", "update", "patch", "delete", ...
    std::string group = std::string(kGroup);
    std::string resource;  // "services" or "services/status"
    std::string ns;        // empty: every namespace, or a kind without one
    std::string name;      // empty: none in particular
    std::string path;      // when set, a path outside of resources is asked about instead
};

struct Verdict {
    bool allowed = false;
    std::string reason;  // which binding allows, or what nobody granted
};

struct Rule {
    std::vector<std::string> groups, resources, verbs, names, paths;

    bool allows(const AccessRequest& request) const;
};

std::vector<Rule> rules_of_role(const Object& role);

// Whether everything that `wanted` allows is allowed by one of `held`, rule part by rule part.
bool covers(const std::vector<Rule>& held, const Rule& wanted);

class AccessRules final {
public:
    AccessRules() = default;  // nobody may do anything, except system:masters
    AccessRules(const std::vector<Object>& roles, const std::vector<Object>& bindings);

    Verdict decide(const Identity& who, const AccessRequest& request) const;

    // What `who` may do in the namespace.
    std::vector<Rule> rules_for(const Identity& who, std::string_view ns) const;

    // PERMISSION_DENIED when writing `object`, a Role or RoleBinding, would give away more than
    // `who` holds there. A holder of verb `escalate` (for roles) or `bind` (for bindings) may. OK
    // for other kinds.
    Status check_grant(const Identity& who, const Object& object) const;

private:
    struct Subject {
        std::string kind, name, ns;
        bool is(const Identity& who) const;
    };
    struct Grant {
        std::string binding;  // "default/ci-deployers", for the reason
        std::string ns;       // where it holds; empty: everywhere
        std::vector<Subject> subjects;
        std::vector<Rule> rules;
    };
    struct Role {
        std::string ns, name;
        std::vector<Rule> rules;
    };
    const std::vector<Rule>* find_role(std::string_view ns, std::string_view name) const;
    const std::vector<Rule>* role_of(const Object& binding) const;

    std::vector<Role> roles_;
    std::vector<Grant> grants_;
};

}  // namespace hf::api
