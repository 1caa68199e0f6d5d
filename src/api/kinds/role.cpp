#include "api/kinds.h"

namespace hf::api {

const Kind& role_kind() {
    static const Kind kKind{
        "Role",
        "roles",
        "role",
        {},
        "Rules of what may be done; a RoleBinding gives them to somebody. A Role bound in "
        "namespace "
        "holdfast-system holds in every namespace and for kinds without one.",
        true,
        {list(
            "rules", "What may be done; each rule adds.",
            object("", "Every verb listed may be done to every resource listed.",
                   {list("apiGroups", "Groups of the resources; '*' is all.", text("", "A group.")),
                    list("resources", "Plural names, as in 'services' or 'services/status'; '*'.",
                         text("", "A resource.").between(1, kMaxTextBytes)),
                    list("verbs", "As in 'get', 'list', 'watch', 'create'; '*' is all.",
                         text("", "A verb.").between(1, kMaxTextBytes))
                        .needed()
                        .between(1, kMaxListItems),
                    list("resourceNames", "Only objects of these names; empty is all.",
                         text("", "A name.")),
                    list("nonResourceURLs", "Paths outside of resources, as in '/metrics'.",
                         text("", "A path; '*' at its end is any rest."))}))},
        {},
    };
    return kKind;
}

}  // namespace hf::api
