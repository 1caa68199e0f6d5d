// Attacks on authorisation by people and programs that are known (edge-trust cases A57 to A66),
// request by request. Each is refused with a stable reason and leaves one audit entry a minute;
// what a node might try is in identity_attacks_test.cpp.

#include <algorithm>

#include <gtest/gtest.h>

#include "api/kinds.h"
#include "api/yaml.h"
#include "base/text.h"
#include "control/server/api_server.h"
#include "control/server/policy_admission.h"
#include "control/server/reasons.h"
#include "resources/bootstrap.h"
#include "store/memory.h"
#include "testing/manual_clock.h"
#include "testing/seeded_entropy.h"

namespace hf::control {
namespace {

const std::string kGroup = "/apis/holdfast.dev/v1";
const std::string kOurs = kGroup + "/namespaces/default";
const std::string kTheirs = kGroup + "/namespaces/holdfast-system";
constexpr std::string_view kMerge = "application/merge-patch+json";

// ada has all of services in default; carl one of them by name; bob may also write roles there;
// bea is administrator of default; edith may edit everywhere.
constexpr std::string_view kWorld = R"(
apiVersion: holdfast.dev/v1
kind: Role
metadata: {name: tenant, namespace: default}
rules:
- {apiGroups: [holdfast.dev], resources: [services, rollouts], verbs: ['*']}
---
apiVersion: holdfast.dev/v1
kind: Role
metadata: {name: one, namespace: default}
rules:
- {apiGroups: [holdfast.dev], resources: [services], resourceNames: [pump],
   verbs: [get, list, watch, patch]}
---
apiVersion: holdfast.dev/v1
kind: Role
metadata: {name: writer-of-roles, namespace: default}
rules:
- {apiGroups: [holdfast.dev], resources: [roles, rolebindings], verbs: [create, update, patch, get]}
- {apiGroups: [holdfast.dev], resources: [services], verbs: [get]}
---
apiVersion: holdfast.dev/v1
kind: RoleBinding
metadata: {name: ada, namespace: default}
roleRef: {kind: Role, name: tenant}
subjects: [{kind: User, name: ada}]
---
apiVersion: holdfast.dev/v1
kind: RoleBinding
metadata: {name: carl, namespace: default}
roleRef: {kind: Role, name: one}
subjects: [{kind: User, name: carl}]
---
apiVersion: holdfast.dev/v1
kind: RoleBinding
metadata: {name: bob, namespace: default}
roleRef: {kind: Role, name: writer-of-roles}
subjects: [{kind: User, name: bob}]
---
apiVersion: holdfast.dev/v1
kind: RoleBinding
metadata: {name: bea, namespace: default}
roleRef: {kind: Role, name: admin, namespace: holdfast-system}
subjects: [{kind: User, name: bea}]
---
apiVersion: holdfast.dev/v1
kind: RoleBinding
metadata: {name: edith, namespace: holdfast-system}
roleRef: {kind: Role, name: edit}
subjects: [{kind: User, name: edith}]
---
apiVersion: holdfast.dev/v1
kind: ServiceAccount
metadata: {name: deployer, namespace: default}
---
apiVersion: holdfast.dev/v1
kind: TrustPolicy
metadata: {name: loose}
spec: {requireSignature: false, requireScan: false}
---
apiVersion: holdfast.dev/v1
kind: Service
metadata: {name: pump, namespace: default}
spec: {model: 'pump:v1'}
---
apiVersion: holdfast.dev/v1
kind: Service
metadata: {name: pump-2, namespace: default}
spec: {model: 'pump:v1'}
---
apiVersion: holdfast.dev/v1
kind: Service
metadata: {name: strict, namespace: default}
spec: {model: 'pump:v1', trustPolicy: strict}
---
apiVersion: holdfast.dev/v1
kind: Service
metadata: {name: secret, namespace: holdfast-system}
spec: {model: 'secret:v1'}
)";

std::string object(std::string_view kind, std::string_view name, std::string_view more = "") {
    return fmt::format(
        R"({{"apiVersion":"holdfast.dev/v1","kind":"{}","metadata":{{"name":"{}"}}{}}})", kind,
        name, more);
}

std::string service(std::string_view name, std::string_view more = "") {
    return object("Service", name, fmt::format(R"(,"spec":{{"model":"pump:v1"{}}})", more));
}

std::string binding(std::string_view role, std::string_view ns) {
    return object("RoleBinding", "mine",
                  fmt::format(R"(,"roleRef":{{"kind":"Role","name":"{}","namespace":"{}"}},)"
                              R"("subjects":[{{"kind":"User","name":"bob"}}])",
                              role, ns));
}

std::string role(std::string_view verbs, std::string_view resources,
                 std::string_view groups = R"("holdfast.dev")") {
    return object("Role", "mine",
                  fmt::format(R"(,"rules":[{{"apiGroups":[{}],"resources":[{}],"verbs":[{}]}}])",
                              groups, resources, verbs));
}

struct Attack {
    std::string_view what, who, method;
    std::string path;
    std::string body = {};
    std::string_view type = "application/json";
    std::string_view reason = reasons::kForbidden;  // as the audit entry has it
};

class AuthorisationAttacks : public ::testing::Test {
protected:
    AuthorisationAttacks() {
        add_api_routes(router_, api_);
        EXPECT_TRUE(resources::ensure_builtin_roles(resources_).ok());
        resources::WriteOptions options;
        options.who = admin_identity();
        const auto documents = api::parse_yaml_documents(kWorld).value();
        for (const json::Value& document : documents) {
            const Status made =
                resources_.create(api::Object::from_json(document).value(), options).status();
            EXPECT_TRUE(made.ok()) << made.to_string();
        }
        resources_.set_admission(admission_of(resources_));
    }

    std::string token_of(std::string_view user) {
        const auto known = bearers_.find(user);
        if (known != bearers_.end()) return known->second;
        const api::Identity who = user == "admin"
                                      ? admin_identity()
                                      : api::Identity{std::string(user), {"system:authenticated"}};
        return bearers_[std::string(user)] = tokens_.issue(who, admin_identity()).value();
    }

    http::Response send(const Attack& attack) {
        http::Request request;
        request.method = std::string(attack.method);
        request.target = attack.path;
        request.body = to_bytes(attack.body);
        request.headers.add("Content-Type", std::string(attack.type));
        request.headers.add("Authorization", "Bearer " + token_of(attack.who));
        return http::dispatch(router_, std::move(request));
    }

    static std::string_view text_of(const http::Response& response) {
        return as_text(response.body);
    }

    std::vector<std::string> audit() {
        std::vector<std::string> entries;
        const store::ListResult all = store_->list("/audit/", {}).value();
        for (const store::KeyValue& item : all.items) entries.push_back(item.value);
        return entries;
    }

    std::size_t refusals() {
        const std::vector<std::string> entries = audit();
        return static_cast<std::size_t>(
            std::count_if(entries.begin(), entries.end(), [](const std::string& entry) {
                return entry.find(R"("verb":"refuse/)") != std::string::npos;
            }));
    }

    // 403, one new entry that says who was refused what and why, and nothing else stored.
    void expect_refused(const Attack& attack) {
        SCOPED_TRACE(
            fmt::format("{}: {} {} {}", attack.what, attack.who, attack.method, attack.path));
        token_of(attack.who);
        clock_.advance(kRefusalAuditPause);
        const std::size_t before = audit().size();
        const http::Response response = send(attack);
        EXPECT_EQ(response.status, 403) << text_of(response);
        const json::Value status = json::parse(text_of(response)).value();
        EXPECT_EQ(json::get_string(status, "reason"), "Forbidden");
        if (attack.reason != reasons::kForbidden) {
            EXPECT_TRUE(json::get_string(status, "message").starts_with(attack.reason))
                << text_of(response);
        }
        const std::vector<std::string> entries = audit();
        ASSERT_EQ(entries.size(), before + 1);
        const json::Value entry = json::parse(entries.back()).value();
        EXPECT_EQ(json::get_string(entry, "user"), attack.who);
        EXPECT_EQ(json::get_string(entry, "verb"), fmt::format("refuse/{}", attack.reason));
        EXPECT_FALSE(json::get_string(entry, "asked").empty());
        EXPECT_FALSE(json::get_string(entry, "resource").empty());
    }

    testing::ManualClock clock_;
    testing::SeededEntropy entropy_;
    std::unique_ptr<store::Store> store_ = store::make_memory_store(clock_);
    resources::Resources resources_{*store_, clock_, entropy_};
    Tokens tokens_{resources_, entropy_};
    ApiServer api_{resources_, tokens_, "0.0.0"};
    http::Router router_;
    std::map<std::string, std::string, std::less<>> bearers_;
};

TEST_F(AuthorisationAttacks, A57ATenantReachesNothingOfAnother) {
    const std::string all = kGroup + "/services";
    const std::string theirs = kTheirs + "/services";
    const std::vector<Attack> attacks{
        {"A57 read", "ada", "GET", theirs + "/secret"},
        {"A57 list", "ada", "GET", theirs},
        {"A57 list by name", "ada", "GET", theirs + "?fieldSelector=metadata.name=secret"},
        {"A57 watch", "ada", "GET", theirs + "?watch=1"},
        {"A57 list everywhere", "ada", "GET", all},
        {"A57 watch everywhere", "ada", "GET", all + "?watch=1"},
        {"A57 narrowed to one's own", "ada", "GET",
         all + "?fieldSelector=metadata.namespace=default"},
        {"A57 create", "ada", "POST", theirs, service("mine")},
        {"A57 create at no namespace", "ada", "POST", all, service("mine")},
        {"A57 replace", "ada", "PUT", theirs + "/secret", service("secret")},
        {"A57 patch", "ada", "PATCH", theirs + "/secret", "{}", kMerge},
        {"A57 status", "ada", "PATCH", theirs + "/secret/status", "{}", kMerge},
        {"A57 delete", "ada", "DELETE", theirs + "/secret"},
        {"A57 delete all", "ada", "DELETE", theirs},
        {"A57 delete all everywhere", "ada", "DELETE", all},
        {"A57 another kind", "ada", "GET", kOurs + "/models"},
        {"A57 administrator of another", "bea", "GET", theirs + "/secret"},
        {"A57 kinds without namespace", "bea", "GET", kGroup + "/nodes"},
    };
    for (const Attack& attack : attacks) expect_refused(attack);
    EXPECT_EQ(send({"", "ada", "GET", kOurs + "/services/pump"}).status, 200);

    // What the path allows, the body cannot carry elsewhere.
    const std::string stray =
        R"({"apiVersion":"holdfast.dev/v1","kind":"Service","metadata":{"name":"x",)"
        R"("namespace":"holdfast-system"},"spec":{"model":"pump:v1"}})";
    EXPECT_EQ(send({"", "ada", "POST", kOurs + "/services", stray}).status, 400);
    EXPECT_EQ(send({"", "ada", "PATCH", kOurs + "/services/pump",
                    R"({"metadata":{"namespace":"holdfast-system"}})", kMerge})
                  .status,
              400);
    EXPECT_EQ(resources_.list(api::service_kind(), "holdfast-system", {})->items.size(), 1u);
}

TEST_F(AuthorisationAttacks, A58NoPatternOrPrefixCrossesATenant) {
    const std::string ours = kOurs + "/services";
    std::vector<Attack> attacks;
    for (const std::string ns : {"default-2", "defaul", "DEFAULT", "*", "%2A", "default%20",
                                 "default%00", "default%2Fservices", "..", "%2e%2e"}) {
        attacks.push_back({"A58", "ada", "GET", kGroup + "/namespaces/" + ns + "/services"});
    }
    for (const Attack& attack : attacks) {
        const http::Response response = send(attack);
        EXPECT_TRUE(response.status == 403 || response.status == 400) << attack.path;
    }
    const std::vector<Attack> names{
        {"A58 begins alike", "carl", "GET", ours + "/pump-2"},
        {"A58 all", "carl", "GET", ours},
        {"A58 all but", "carl", "GET", ours + "?fieldSelector=metadata.name!=pump"},
        {"A58 begins alike, by selector", "carl", "GET",
         ours + "?fieldSelector=metadata.name=pump-2"},
        {"A58 watches all", "carl", "GET", ours + "?watch=1"},
        {"A58 a pattern", "carl", "GET", ours + "/%2A"},
        {"A58 another verb", "carl", "DELETE", ours + "/pump"},
    };
    for (const Attack& attack : names) expect_refused(attack);
    for (const std::string selector : {"metadata.name=pump", "metadata.name=pump,spec.model!=x",
                                       "metadata.name=pump,metadata.name=pump-2"}) {
        const http::Response response =
            send({"", "carl", "GET", ours + "?fieldSelector=" + selector});
        EXPECT_EQ(response.status, 200) << selector;
        EXPECT_EQ(text_of(response).find("pump-2"), std::string_view::npos) << selector;
    }
}

TEST_F(AuthorisationAttacks, A58AForgedPageTokenLeadsNowhereElse) {
    const std::int64_t now = store_->revision().value();
    for (const std::string after :
         {"", "/", "/objects/", "/objects/services/", "/objects/services/default",
          "/objects/services/default-2/", "/objects/services/holdfast-system/a", "/audit/",
          "/tokens/", "/enrolments/"}) {
        const json::Value token = json::Object{{"rv", now}, {"after", after}};
        std::string text = to_base64(as_bytes(json::write(token)));
        for (std::size_t at = 0; (at = text.find('+', at)) != std::string::npos; at += 3)
            text.replace(at, 1, "%2B");
        const http::Response response =
            send({"", "ada", "GET", kOurs + "/services?limit=5&continue=" + text});
        EXPECT_EQ(response.status, 400) << after;
    }
}

// Namespaces are built in today; the rules do not rely on that.
TEST(AuthorisationRules, A58NamespacesThatBeginAlikeAreStrangers) {
    api::Object role = api::Object::make("Role", "team", "all");
    role.fields()["rules"] = json::Array{json::Object{{"apiGroups", json::Array{"*"}},
                                                      {"resources", json::Array{"*"}},
                                                      {"verbs", json::Array{"*"}}}};
    api::Object binding = api::Object::make("RoleBinding", "team", "ada");
    binding.fields()["roleRef"] = json::Object{{"kind", "Role"}, {"name", "all"}};
    binding.fields()["subjects"] = json::Array{json::Object{{"kind", "User"}, {"name", "ada"}}};
    const api::AccessRules rules({role}, {binding});
    const std::string inside = resources::store_prefix(api::service_kind(), "team");
    for (const std::string ns : {"", "team-2", "tea", "team/", "/team", "team/..", "team/x", "Team",
                                 "team ", "*", "holdfast-system"}) {
        for (const std::string verb : {"get", "list", "watch", "create", "delete"}) {
            const api::AccessRequest asked{verb, "holdfast.dev", "services", ns, "", ""};
            EXPECT_FALSE(rules.decide({"ada", {}}, asked).allowed) << verb << " in " << ns;
        }
        if (ns == "team/" || ns == "team/.." || ns == "team/x") continue;  // no namespace's name
        const std::string key = resources::store_key({&api::service_kind(), ns, "pump"});
        EXPECT_FALSE(key.starts_with(inside)) << key;
    }
    EXPECT_TRUE(
        rules.decide({"ada", {}}, {"get", "holdfast.dev", "services", "team", "", ""}).allowed);
}

TEST_F(AuthorisationAttacks, A60A61NobodyRaisesThemselves) {
    const std::string roles = kOurs + "/roles";
    const std::string bindings = kOurs + "/rolebindings";
    const std::string_view held = reasons::kGrantNotHeld;
    const std::string_view json_type = "application/json";
    const std::string all = R"("*")";
    const std::string get = R"("get")";
    const std::string more = R"({"rules":[{"apiGroups":["*"],"resources":["*"],"verbs":["*"]}]})";
    const std::vector<Attack> attacks{
        {"A60 a role of everything", "bob", "POST", roles, role(all, all, all), json_type, held},
        {"A60 a verb more", "bob", "POST", roles, role(R"("delete")", R"("services")"), json_type,
         held},
        {"A60 the right to escalate", "bob", "POST", roles, role(R"("escalate")", R"("roles")"),
         json_type, held},
        {"A60 the right to bind", "bob", "POST", roles, role(R"("bind")", R"("roles")"), json_type,
         held},
        {"A60 a resource more", "bob", "POST", roles, role(get, R"("serviceaccounts/token")"),
         json_type, held},
        {"A60 one's own role", "bob", "PATCH", roles + "/writer-of-roles", more, kMerge, held},
        {"A60 a role that holds everywhere", "bea", "POST", kTheirs + "/roles", role(get, all)},
        {"A60 the built-in role", "edith", "PATCH", kTheirs + "/roles/edit", more, kMerge},
        {"A60 a token of a stronger account", "ada", "POST",
         kOurs + "/serviceaccounts/deployer/token", "{}"},
        {"A61 a role not held", "bob", "POST", bindings, binding("tenant", "default"), json_type,
         held},
        {"A61 the administrator's", "bob", "POST", bindings, binding("admin", "holdfast-system"),
         json_type, held},
        {"A61 where it holds everywhere", "bea", "POST", kTheirs + "/rolebindings",
         binding("admin", "holdfast-system")},
        {"A61 another's binding", "bob", "PATCH", bindings + "/ada",
         R"({"subjects":[{"kind":"User","name":"bob"}]})", kMerge, held},
        {"A61 without the right to write any", "ada", "POST", bindings,
         binding("tenant", "default")},
    };
    for (const Attack& attack : attacks) expect_refused(attack);
    EXPECT_EQ(resources_.list(api::role_kind(), "default", {})->items.size(), 3u);
    EXPECT_EQ(send({"", "bob", "POST", roles, role(get, R"("services")")}).status, 201)
        << "what is held may be given";
    const Attack not_there{"A61", "bob", "POST", bindings, binding("ghost", "default")};
    EXPECT_EQ(send(not_there).status, 403) << "a role that may come later";
    const Attack group{"A61 into the masters", "carl", "GET", kTheirs + "/services"};
    expect_refused(group);
}

TEST_F(AuthorisationAttacks, A62NobodyApprovesTheirOwnRollout) {
    const std::string rollouts = kOurs + "/rollouts";
    const auto with = [](std::string_view by) {
        return fmt::format(
            R"(,"spec":{{"service":"pump","model":"pump:v2","stages":[{{"name":"rest",)"
            R"("approval":true}}],"approvals":[{{"stage":"rest","by":"{}"}}]}})",
            by);
    };
    expect_refused({"A62 own", "ada", "POST", rollouts, object("Rollout", "r", with("ada")),
                    "application/json", reasons::kOwnRollout});
    expect_refused({"A62 in another's name", "ada", "POST", rollouts,
                    object("Rollout", "r", with("bob")), "application/json",
                    reasons::kNotYourWord});
}

TEST_F(AuthorisationAttacks, A64TheSigningPolicyIsNotLoosened) {
    const std::string policies = kGroup + "/trustpolicies";
    const std::string services = kOurs + "/services";
    const std::string loosened = R"({"spec":{"requireSignature":false,"keys":[]}})";
    const std::string_view json_type = "application/json";
    const std::string_view granted = reasons::kPolicyNotGranted;
    const std::vector<Attack> attacks{
        {"A64 loosens", "edith", "PATCH", policies + "/loose", loosened, kMerge},
        {"A64 replaces", "edith", "PUT", policies + "/loose",
         object("TrustPolicy", "loose", R"(,"spec":{})")},
        {"A64 deletes", "edith", "DELETE", policies + "/loose"},
        {"A64 deletes all", "edith", "DELETE", policies},
        {"A64 makes one", "edith", "POST", policies, object("TrustPolicy", "own", R"(,"spec":{})")},
        {"A64 from within a namespace", "bea", "PATCH", policies + "/loose", loosened, kMerge},
        {"A64 names a looser one", "edith", "POST", services,
         service("mine", R"(,"trustPolicy":"loose")"), json_type, granted},
        {"A64 names one that may come", "edith", "POST", services,
         service("mine", R"(,"trustPolicy":"later")"), json_type, granted},
        {"A64 changes to a looser one", "edith", "PATCH", services + "/pump",
         R"({"spec":{"trustPolicy":"loose"}})", kMerge, granted},
        {"A64 changes back to the default", "edith", "PATCH", services + "/strict",
         R"({"spec":{"trustPolicy":"default"}})", kMerge, granted},
        {"A64 leaves the name out", "edith", "PATCH", services + "/strict",
         R"({"spec":{"trustPolicy":null}})", kMerge, granted},
        {"A64 an administrator of the namespace only", "bea", "PATCH", services + "/pump",
         R"({"spec":{"trustPolicy":"loose"}})", kMerge, granted},
    };
    for (const Attack& attack : attacks) expect_refused(attack);
    const Attack other_change{
        "", "edith", "PATCH", services + "/strict", R"({"spec":{"model":"pump:v2"}})", kMerge};
    EXPECT_EQ(send(other_change).status, 200) << "the policy stays, the rest may change";
    EXPECT_EQ(send({"", "edith", "POST", services, service("plain", R"(,"trustPolicy":"default")")})
                  .status,
              201);

    // An administrator may, and it is on record.
    token_of("admin");
    clock_.advance(kRefusalAuditPause);
    ASSERT_EQ(send({"", "admin", "PATCH", policies + "/loose", R"({"spec":{"requireScan":true}})",
                    kMerge})
                  .status,
              200);
    const json::Value entry = json::parse(audit().back()).value();
    EXPECT_EQ(json::get_string(entry, "verb"), "update");
    EXPECT_EQ(json::get_string(entry, "resource"), "trustpolicies");
    EXPECT_EQ(json::get_string(entry, "name"), "loose");
}

TEST_F(AuthorisationAttacks, A66NoRequestReachesTheAudit) {
    expect_refused({"", "ada", "GET", kTheirs + "/services"});
    std::vector<std::string> before = audit();
    std::sort(before.begin(), before.end());
    std::vector<std::string> paths;
    for (const std::string name : {"audit", "audits", "auditentries", "events/../audit",
                                   "events%2F..%2F..%2F..%2Faudit", "..%2Faudit", "%2e%2e/audit"}) {
        paths.push_back(kGroup + "/" + name);
        paths.push_back(kOurs + "/" + name);
        paths.push_back(kTheirs + "/" + name + "/x");
    }
    for (const std::string path : {"/audit", "/api/v1/audit", "/apis/audit/v1/entries"})
        paths.emplace_back(path);
    for (const std::string& path : paths) {
        for (const std::string_view method : {"GET", "POST", "PUT", "PATCH", "DELETE"}) {
            const http::Response response = send({"", "admin", method, path, "{}", kMerge});
            EXPECT_TRUE(response.status == 404 || response.status == 400 || response.status == 405)
                << method << " " << path << ": " << response.status;
        }
    }
    for (const std::string name : {"../../audit/x", "x/../../../audit/y", "/audit/z", "..", ""}) {
        const http::Response response =
            send({"", "admin", "POST", kOurs + "/services", service(name)});
        EXPECT_EQ(response.status, 422) << name;
    }
    std::vector<std::string> after = audit();
    std::sort(after.begin(), after.end());
    EXPECT_TRUE(std::includes(after.begin(), after.end(), before.begin(), before.end()))
        << "every entry that was there is there unchanged";
}

TEST_F(AuthorisationAttacks, A66NobodyWashesTheAuditAwayByBeingRefused) {
    const std::string path = kTheirs + "/services/";
    const std::size_t before = refusals();
    for (int i = 0; i < 300; ++i)
        EXPECT_EQ(send({"", "ada", "GET", path + std::to_string(i)}).status, 403);
    EXPECT_EQ(refusals(), before + 1);
    EXPECT_EQ(send({"", "carl", "GET", path + "x"}).status, 403);
    EXPECT_EQ(refusals(), before + 2) << "another caller is news";
    clock_.advance(kRefusalAuditPause);
    EXPECT_EQ(send({"", "ada", "GET", path + std::string(3000, 'x')}).status, 403);
    EXPECT_EQ(refusals(), before + 3);
    EXPECT_LT(audit().back().size(), 1000u) << "a long name is cut";
}

}  // namespace
}  // namespace hf::control
