#include "api/kinds.h"

#include <algorithm>

#include "base/text.h"

namespace hf::api {

const std::vector<const Kind*>& all_kinds() {
    static const std::vector<const Kind*> kKinds{
        &site_kind(),         &node_kind(),
        &model_kind(),        &model_version_kind(),
        &service_kind(),      &rollout_kind(),
        &trust_policy_kind(), &role_kind(),
        &role_binding_kind(), &service_account_kind(),
        &event_kind(),
    };
    return kKinds;
}

const Kind* find_kind(std::string_view name) {
    for (const Kind* kind : all_kinds()) {
        if (kind->name == name) return kind;
    }
    return nullptr;
}

const Kind* find_resource(std::string_view resource) {
    for (const Kind* kind : all_kinds()) {
        if (kind->plural == resource) return kind;
    }
    return nullptr;
}

Result<const Kind*> find_kind_by_any_name(std::string_view name) {
    const std::string wanted = to_lower(name);
    std::vector<std::string> known;
    for (const Kind* kind : all_kinds()) {
        std::vector<std::string> names{kind->plural, kind->singular, to_lower(kind->name),
                                       kind->qualified()};
        names.insert(names.end(), kind->short_names.begin(), kind->short_names.end());
        if (std::find(names.begin(), names.end(), wanted) != names.end()) return kind;
        known.push_back(kind->plural);
        known.push_back(kind->singular);
    }
    const std::string near = nearest(wanted, known);
    if (!near.empty()) return not_found("no kind '{}'; did you mean '{}'?", name, near);
    return not_found("no kind '{}'; there are: {}", name, join(known, ", "));
}

const std::vector<std::string>& all_namespaces() {
    static const std::vector<std::string> kNamespaces{std::string(kDefaultNamespace),
                                                      std::string(kSystemNamespace)};
    return kNamespaces;
}

bool is_namespace(std::string_view name) {
    return std::find(all_namespaces().begin(), all_namespaces().end(), name) !=
           all_namespaces().end();
}

}  // namespace hf::api
