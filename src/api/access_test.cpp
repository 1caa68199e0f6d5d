#include "api/access.h"

#include <gtest/gtest.h>

#include "api/kinds.h"
#include "api/yaml.h"

namespace hf::api {
namespace {

Object object_of(std::string_view yaml) {
    return *Object::from_json(*parse_yaml(yaml));
}

Object role(std::string_view ns, std::string_view name, std::string_view rules) {
    return object_of(
        fmt::format("{{apiVersion: holdfast.dev/v1, kind: Role, metadata: {{name: {}, "
                    "namespace: {}}}, rules: {}}}",
                    name, ns, rules));
}

Object binding(std::string_view ns, std::string_view role_ref, std::string_view subjects) {
    return object_of(
        fmt::format("{{apiVersion: holdfast.dev/v1, kind: RoleBinding, metadata: {{name: b, "
                    "namespace: {}}}, roleRef: {}, subjects: {}}}",
                    ns, role_ref, subjects));
}

const Identity kAda{"ada", {"system:authenticated", "team"}};
const Identity kBob{"bob", {"system:authenticated"}};
constexpr std::string_view kRead =
    "[{apiGroups: [holdfast.dev], resources: [services], verbs: "
    "[get, list]}]";

AccessRequest get_service(std::string_view ns, std::string_view verb = "get") {
    AccessRequest request;
    request.verb = std::string(verb);
    request.resource = "services";
    request.ns = std::string(ns);
    return request;
}

TEST(Access, NothingIsAllowedByDefaultAndTheAnswerSaysWhatWasAsked) {
    const Verdict verdict = AccessRules().decide(kAda, get_service("default"));
    EXPECT_FALSE(verdict.allowed);
    EXPECT_EQ(verdict.reason,
              "User \"ada\" cannot get resource \"services\" in API group "
              "\"holdfast.dev\" in the namespace \"default\"");
}

TEST(Access, MastersMayDoEverything) {
    EXPECT_TRUE(AccessRules().decide(Identity::of_system("node"), get_service("")).allowed);
}

TEST(Access, ABindingHoldsInItsNamespaceOnly) {
    const AccessRules rules({role("default", "read", kRead)},
                            {binding("default", "{name: read}", "[{kind: User, name: ada}]")});
    EXPECT_TRUE(rules.decide(kAda, get_service("default")).allowed);
    EXPECT_FALSE(rules.decide(kAda, get_service("other")).allowed);
    EXPECT_FALSE(rules.decide(kAda, get_service("")).allowed);
    EXPECT_FALSE(rules.decide(kAda, get_service("default", "delete")).allowed);
    EXPECT_FALSE(rules.decide(kBob, get_service("default")).allowed);
}

TEST(Access, ABindingInTheSystemNamespaceHoldsEverywhere) {
    const AccessRules rules(
        {role("holdfast-system", "read", kRead)},
        {binding("holdfast-system", "{name: read}", "[{kind: Group, name: team}]")});
    EXPECT_TRUE(rules.decide(kAda, get_service("default")).allowed);
    EXPECT_TRUE(rules.decide(kAda, get_service("")).allowed);
    EXPECT_FALSE(rules.decide(kBob, get_service("default")).allowed);
}

TEST(Access, ARoleOfTheSystemNamespaceBoundElsewhereHoldsThere) {
    const AccessRules rules({role("holdfast-system", "read", kRead)},
                            {binding("default", "{name: read, namespace: holdfast-system}",
                                     "[{kind: ServiceAccount, name: ci}]")});
    const Identity ci = Identity::of_service_account("default", "ci");
    EXPECT_TRUE(rules.decide(ci, get_service("default")).allowed);
    EXPECT_FALSE(rules.decide(ci, get_service("")).allowed);
    const Identity other = Identity::of_service_account("holdfast-system", "ci");
    EXPECT_FALSE(rules.decide(other, get_service("default")).allowed);
}

TEST(Access, ARoleOfAnotherNamespaceIsNotTaken) {
    const AccessRules rules(
        {role("other", "read", kRead)},
        {binding("default", "{name: read, namespace: other}", "[{kind: User, name: ada}]")});
    EXPECT_FALSE(rules.decide(kAda, get_service("default")).allowed);
}

TEST(Access, NamesSubresourcesAndPathsNarrow) {
    const Rule named{{"holdfast.dev"}, {"services", "*/status"}, {"get"}, {"pump"}, {}};
    AccessRequest request = get_service("default");
    EXPECT_FALSE(named.allows(request));
    request.name = "pump";
    EXPECT_TRUE(named.allows(request));
    request.resource = "nodes/status";
    EXPECT_TRUE(named.allows(request));
    request.resource = "nodes";
    EXPECT_FALSE(named.allows(request));
    const Rule paths{{}, {}, {"get"}, {}, {"/metrics", "/debug/*"}};
    AccessRequest path;
    path.verb = "get";
    path.path = "/metrics";
    EXPECT_TRUE(paths.allows(path));
    path.path = "/metrics/x";
    EXPECT_FALSE(paths.allows(path));
    path.path = "/debug/x";
    EXPECT_TRUE(paths.allows(path));
}

TEST(Access, NobodyGrantsWhatTheyDoNotHold) {
    const std::string_view manage =
        "[{apiGroups: [holdfast.dev], resources: [services], verbs: [get, list]}, {apiGroups: "
        "[holdfast.dev], resources: [roles, rolebindings], verbs: ['*']}]";
    // '*' on roles includes escalate and bind, so ada gets plain verbs instead.
    const std::string plain =
        "[{apiGroups: [holdfast.dev], resources: [services], verbs: [get, "
        "list]}, {apiGroups: [holdfast.dev], resources: [roles, "
        "rolebindings], verbs: [create, update]}]";
    const std::vector<Object> bindings{
        binding("default", "{name: plain}", "[{kind: User, name: ada}]"),
        binding("default", "{name: manage}", "[{kind: User, name: bob}]")};
    const Object more =
        role("default", "more", "[{apiGroups: ['*'], resources: ['*'], verbs: ['*']}]");
    const Object same = role("default", "same", kRead);
    const AccessRules rules(
        {role("default", "plain", plain), role("default", "manage", manage), more, same}, bindings);
    EXPECT_TRUE(rules.check_grant(kAda, same).ok());
    EXPECT_EQ(rules.check_grant(kAda, more).code(), Code::kPermissionDenied);
    EXPECT_TRUE(rules.check_grant(kBob, more).ok());
    EXPECT_TRUE(rules.check_grant(kAda, binding("default", "{name: same}", "[]")).ok());
    EXPECT_FALSE(rules.check_grant(kAda, binding("default", "{name: more}", "[]")).ok());
    EXPECT_FALSE(rules.check_grant(kAda, binding("default", "{name: none}", "[]")).ok());
    // Held in default only, so not to be given everywhere.
    EXPECT_FALSE(rules.check_grant(kAda, role("holdfast-system", "same", kRead)).ok());
}

// Every list over {a, *}, also empty: 4 values.
std::vector<std::vector<std::string>> lists(const std::string& one, const std::string& other) {
    return {{}, {one}, {other}, {"*"}, {one, other}};
}

// For all pairs of rules over a small world: covers() says yes exactly when no request is allowed
// by the wanted rule and refused by the held one. The world has one more verb, resource and name
// than the rules speak of, because "*" means those too.
TEST(Access, CoversIsExactOnASmallWorld) {
    std::vector<Rule> rules;
    for (const auto& verbs : lists("get", "list")) {
        for (const auto& resources : lists("services", "nodes")) {
            for (const auto& names : std::vector<std::vector<std::string>>{{}, {"x"}, {"x", "y"}})
                rules.push_back({{"g"}, resources, verbs, names, {}});
        }
    }
    const auto allows_all = [](const std::vector<Rule>& held, const Rule& wanted) {
        for (const char* verb : {"get", "list", "other"}) {
            for (const char* resource : {"services", "nodes", "others"}) {
                for (const char* name : {"", "x", "y", "z"}) {
                    const AccessRequest request{verb, "g", resource, "", name, ""};
                    const bool has = std::any_of(held.begin(), held.end(), [&](const Rule& rule) {
                        return rule.allows(request);
                    });
                    if (wanted.allows(request) && !has) return false;
                }
            }
        }
        return true;
    };
    std::size_t checked = 0;
    for (const Rule& held : rules) {
        for (const Rule& wanted : rules) {
            ASSERT_EQ(covers({held}, wanted), allows_all({held}, wanted))
                << checked << "th pair: verbs " << fmt::format("{}", fmt::join(wanted.verbs, ","))
                << " resources " << fmt::format("{}", fmt::join(wanted.resources, ","));
            ++checked;
        }
    }
    // With two rules held, the answer may be more careful than needed, never less.
    for (std::size_t i = 0; i < rules.size(); i += 3) {
        for (std::size_t j = 1; j < rules.size(); j += 4) {
            for (const Rule& wanted : rules) {
                if (!covers({rules[i], rules[j]}, wanted)) continue;
                ASSERT_TRUE(allows_all({rules[i], rules[j]}, wanted));
            }
        }
    }
    EXPECT_EQ(checked, 75u * 75u);
}

// For all small worlds of a role in one of two namespaces, a binding in one of two, and one
// subject: never is anything allowed to who is not named, and never outside of the binding's reach.
TEST(Access, NeverAllowedWithoutABindingThatReaches) {
    for (const std::string_view role_ns : {"default", "holdfast-system", "other"}) {
        for (const std::string_view binding_ns : {"default", "holdfast-system", "other"}) {
            for (const std::string_view subject : {"User", "Group", "ServiceAccount"}) {
                const AccessRules rules(
                    {role(role_ns, "r", kRead)},
                    {binding(binding_ns, fmt::format("{{name: r, namespace: {}}}", role_ns),
                             fmt::format("[{{kind: {}, name: ada}}]", subject))});
                const bool role_found = role_ns == binding_ns || role_ns == "holdfast-system";
                for (const std::string_view ns : {"", "default", "other"}) {
                    const bool reaches = binding_ns == "holdfast-system" || binding_ns == ns;
                    const bool want = role_found && reaches && subject == "User";
                    EXPECT_EQ(rules.decide(kAda, get_service(ns)).allowed, want)
                        << role_ns << " " << binding_ns << " " << subject << " " << ns;
                    EXPECT_FALSE(rules.decide(kBob, get_service(ns)).allowed);
                }
            }
        }
    }
}

}  // namespace
}  // namespace hf::api
