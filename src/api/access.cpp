#include "api/access.h"

#include <algorithm>

#include "api/kinds.h"

namespace hf::api {
namespace {

using Strings = std::vector<std::string>;

bool contains(const Strings& list, std::string_view text) {
    return std::find(list.begin(), list.end(), text) != list.end();
}

bool contains_or_star(const Strings& list, std::string_view text) {
    return contains(list, "*") || contains(list, text);
}

Strings strings_at(const json::Value& value, std::string_view key) {
    Strings strings;
    if (const json::Array* list = json::find_array(value, key)) {
        for (const json::Value& item : *list) {
            if (item.is_string()) strings.emplace_back(json::as_view(item.get_string()));
        }
    }
    return strings;
}

// "services", "*", or "*/status" for that subresource of everything.
bool allows_resource(const Strings& resources, std::string_view resource) {
    if (contains_or_star(resources, resource)) return true;
    const std::size_t slash = resource.find('/');
    return slash != std::string_view::npos &&
           contains(resources, "*" + std::string(resource.substr(slash)));
}

// "/metrics", or "/healthz/*" for whatever is below, or "*".
bool allows_path(const Strings& paths, std::string_view path) {
    return std::any_of(paths.begin(), paths.end(), [&](std::string_view pattern) {
        if (!pattern.ends_with('*')) return pattern == path;
        return path.starts_with(pattern.substr(0, pattern.size() - 1));
    });
}

// Where a namespaced grant holds: holdfast-system is everywhere, written as "".
std::string_view scope_of(std::string_view ns) {
    return ns == kSystemNamespace ? std::string_view() : ns;
}

std::string sentence(const Identity& who, const AccessRequest& request) {
    if (!request.path.empty()) {
        return fmt::format("User \"{}\" cannot {} path \"{}\"", who.user, request.verb,
                           request.path);
    }
    const std::string where = request.ns.empty()
                                  ? std::string("at the cluster scope")
                                  : fmt::format("in the namespace \"{}\"", request.ns);
    return fmt::format("User \"{}\" cannot {} resource \"{}\" in API group \"{}\" {}", who.user,
                       request.verb, request.resource, request.group, where);
}

// `wanted` as if one request: "*" is only covered by "*".
bool covers_one(const std::vector<Rule>& held, const AccessRequest& wanted) {
    return std::any_of(held.begin(), held.end(),
                       [&](const Rule& rule) { return rule.allows(wanted); });
}

}  // namespace

bool Identity::is_in(std::string_view group) const {
    return contains(groups, group);
}

Identity Identity::of_service_account(std::string_view ns, std::string_view name) {
    return {fmt::format("system:serviceaccount:{}:{}", ns, name),
            {"system:serviceaccounts", fmt::format("system:serviceaccounts:{}", ns),
             std::string(kAuthenticatedGroup)}};
}

Identity Identity::of_system(std::string_view component) {
    return {fmt::format("system:holdfast:{}", component),
            {std::string(kMastersGroup), std::string(kAuthenticatedGroup)}};
}

bool Rule::allows(const AccessRequest& request) const {
    if (!contains_or_star(verbs, request.verb)) return false;
    if (!request.path.empty()) return allows_path(paths, request.path);
    return contains_or_star(groups, request.group) &&
           allows_resource(resources, request.resource) &&
           (names.empty() || (!request.name.empty() && contains(names, request.name)));
}

std::vector<Rule> rules_of_role(const Object& role) {
    std::vector<Rule> rules;
    const json::Array* list = json::find_array(role.json(), "rules");
    if (!list) return rules;
    for (const json::Value& item : *list) {
        rules.push_back({strings_at(item, "apiGroups"), strings_at(item, "resources"),
                         strings_at(item, "verbs"), strings_at(item, "resourceNames"),
                         strings_at(item, "nonResourceURLs")});
    }
    return rules;
}

bool covers(const std::vector<Rule>& held, const Rule& wanted) {
    const Strings names = wanted.names.empty() ? Strings{""} : wanted.names;
    for (const std::string& verb : wanted.verbs) {
        for (const std::string& path : wanted.paths) {
            if (!covers_one(held, {verb, "", "", "", "", path})) return false;
        }
        for (const std::string& group : wanted.groups) {
            for (const std::string& resource : wanted.resources) {
                for (const std::string& name : names) {
                    if (!covers_one(held, {verb, group, resource, "", name, ""})) return false;
                }
            }
        }
    }
    return true;
}

bool AccessRules::Subject::is(const Identity& who) const {
    if (kind == "User") return who.user == name;
    if (kind == "Group") return who.is_in(name);
    return kind == "ServiceAccount" && who.user == Identity::of_service_account(ns, name).user;
}

AccessRules::AccessRules(const std::vector<Object>& roles, const std::vector<Object>& bindings) {
    for (const Object& role : roles) {
        roles_.push_back({std::string(role.ns()), std::string(role.name()), rules_of_role(role)});
    }
    for (const Object& binding : bindings) {
        const std::vector<Rule>* rules = role_of(binding);
        if (!rules) continue;
        Grant grant{fmt::format("{}/{}", binding.ns(), binding.name()),
                    std::string(scope_of(binding.ns())),
                    {},
                    *rules};
        if (const json::Array* subjects = json::find_array(binding.json(), "subjects")) {
            for (const json::Value& subject : *subjects) {
                grant.subjects.push_back(
                    {std::string(json::get_string(subject, "kind")),
                     std::string(json::get_string(subject, "name")),
                     std::string(json::get_string(subject, "namespace", binding.ns()))});
            }
        }
        grants_.push_back(std::move(grant));
    }
}

const std::vector<Rule>* AccessRules::find_role(std::string_view ns, std::string_view name) const {
    for (const Role& role : roles_) {
        if (role.ns == ns && role.name == name) return &role.rules;
    }
    return nullptr;
}

const std::vector<Rule>* AccessRules::role_of(const Object& binding) const {
    const json::Value& reference = binding.member("roleRef");
    const std::string_view ns = json::get_string(reference, "namespace", binding.ns());
    if (ns != binding.ns() && ns != kSystemNamespace) return nullptr;
    return find_role(ns, json::get_string(reference, "name"));
}

Verdict AccessRules::decide(const Identity& who, const AccessRequest& request) const {
    if (who.is_in(kMastersGroup))
        return {true, fmt::format("group {} may do everything", kMastersGroup)};
    for (const Grant& grant : grants_) {
        if (!grant.ns.empty() && grant.ns != request.ns) continue;
        const bool named = std::any_of(grant.subjects.begin(), grant.subjects.end(),
                                       [&](const Subject& subject) { return subject.is(who); });
        if (named && covers_one(grant.rules, request))
            return {true, fmt::format("allowed by RoleBinding \"{}\"", grant.binding)};
    }
    return {false, sentence(who, request)};
}

std::vector<Rule> AccessRules::rules_for(const Identity& who, std::string_view ns) const {
    std::vector<Rule> rules;
    if (who.is_in(kMastersGroup)) rules.push_back({{"*"}, {"*"}, {"*"}, {}, {"*"}});
    for (const Grant& grant : grants_) {
        if (!grant.ns.empty() && grant.ns != ns) continue;
        const bool named = std::any_of(grant.subjects.begin(), grant.subjects.end(),
                                       [&](const Subject& subject) { return subject.is(who); });
        if (named) rules.insert(rules.end(), grant.rules.begin(), grant.rules.end());
    }
    return rules;
}

Status AccessRules::check_grant(const Identity& who, const Object& object) const {
    const bool is_role = object.kind() == "Role";
    if (!is_role && object.kind() != "RoleBinding") return {};
    const std::string ns(scope_of(object.ns()));
    AccessRequest exempt;
    exempt.verb = is_role ? "escalate" : "bind";
    exempt.resource = "roles";
    exempt.ns = ns;
    exempt.name = is_role ? std::string(object.name())
                          : std::string(json::get_string(object.member("roleRef"), "name"));
    if (decide(who, exempt).allowed) return {};
    const std::vector<Rule> held = rules_for(who, ns);
    std::vector<Rule> granted;
    if (is_role) {
        granted = rules_of_role(object);
    } else if (const std::vector<Rule>* rules = role_of(object)) {
        granted = *rules;
    } else {
        return permission_denied(
            "RoleBinding \"{}\": its Role \"{}\" is not there, so nobody can tell whether user "
            "\"{}\" may grant it: make the Role first",
            object.name(), exempt.name, who.user);
    }
    for (const Rule& rule : granted) {
        if (covers(held, rule)) continue;
        return permission_denied(
            "grant-not-held: user \"{}\" is attempting to grant permissions not currently held: "
            "verbs [{}] on "
            "[{}{}]",
            who.user, fmt::join(rule.verbs, " "), fmt::join(rule.resources, " "),
            fmt::join(rule.paths, " "));
    }
    return {};
}

}  // namespace hf::api
