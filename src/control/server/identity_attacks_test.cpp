// Attacks on identities, over a real TLS server: cases A46 to A56, and what a node that is known
// might try beyond its rights (A59, A60). Each is refused with a stable reason, and where a node is
// known there is an audit entry.

#include <algorithm>
#include <thread>

#include "base/text.h"
#include "control/server/machines_test.h"

namespace hf::control {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

using IdentityAttacks = Machines;

TEST_F(IdentityAttacks, A46ToA51CertificatesThatAreNotOurs) {
    clock_.advance(hours(25));
    const crypto::Credential other_root = crypto::make_root("root", real_, kYear).value();
    const crypto::Credential other =
        crypto::issue_intermediate(other_root, "authority", real_, kYear).value();
    const Machine press = joined("press");
    const char* const leaf = "critical,CA:FALSE";
    Machine self = press;
    const crypto::Credential own = crypto::make_ca("press", real_, kYear).value();
    self.key = own.key;
    self.chain = own.certificate_pem;
    struct Case {
        std::string what;
        Machine machine;
        std::string_view reason;
        bool known;
    };
    const std::vector<Case> cases{
        {"A47 self-signed", self, "handshake", false},
        {"A48 another authority, our trust domain",
         forged("press", "URI:spiffe://plant/node/press", leaf, &other), "handshake", false},
        {"A48 our authority, another trust domain",
         forged("press", "URI:spiffe://other/node/press", leaf), reasons::kSvidOtherTrustDomain,
         false},
        {"A49 two URIs",
         forged("press", "URI:spiffe://plant/node/press,URI:spiffe://plant/node/x", leaf),
         reasons::kSvidNotOneUri, false},
        {"A49 the same twice",
         forged("press", "URI:spiffe://plant/node/press,URI:spiffe://plant/node/press", leaf),
         reasons::kSvidNotOneUri, false},
        {"not a node", forged("press", "URI:spiffe://plant/user/press", leaf),
         reasons::kSvidNotANode, false},
        {"below a node", forged("press", "URI:spiffe://plant/node/press/x", leaf),
         reasons::kSvidNotANode, false},
        {"no name", forged("press", "URI:spiffe://plant/node", leaf), reasons::kSvidNotANode,
         false},
        {"no SPIFFE ID", forged("press", "URI:https://plant/node/press", leaf),
         reasons::kSvidNotANode, false},
        {"A50 an authority", forged("press", "URI:spiffe://plant/node/press", "critical,CA:TRUE"),
         reasons::kSvidIsAuthority, true},
        {"A50 an authority that may not sign",
         forged("drill", "URI:spiffe://plant/node/drill", "critical,CA:TRUE,pathlen:0"),
         reasons::kSvidIsAuthority, true},
        {"a key that never joined", forged("press", "URI:spiffe://plant/node/press", leaf),
         reasons::kSvidOtherKey, true},
        {"a name that never joined", forged("ghost", "URI:spiffe://plant/node/ghost", leaf),
         reasons::kNodeUnknown, true},
    };
    EXPECT_EQ(outcome(nullptr, own_node(press)), "Unauthorized") << "A46";
    EXPECT_EQ(outcome(nullptr, renewal_of(press)), reasons::kSvidMissing) << "A46";
    for (const Case& c : cases) {
        for (const Ask& ask : {own_node(c.machine), renewal_of(c.machine)})
            EXPECT_EQ(outcome(&c.machine, ask), c.reason) << c.what;
        EXPECT_EQ(is_audited(fmt::format("refuse/{}", c.reason), c.machine.name), c.known)
            << c.what;
    }
    EXPECT_EQ(outcome(&press, own_node(press)), "nodes.holdfast.dev \"press\" not found");
}

TEST_F(IdentityAttacks, A51AnExpiredCertificateRenewsForAWhileAndDoesNothingElse) {
    const Machine press = joined("press");
    clock_.advance(hours(25));
    expect_refused("A51", press, own_node(press), reasons::kSvidExpired);
    EXPECT_EQ(outcome(&press, {"GET", "/apis"}), reasons::kSvidExpired);
    clock_.advance(kRenewalGrace);
    expect_refused("A51 too late", press, renewal_of(press), reasons::kRenewalTooLate);
    EXPECT_EQ(outcome(nullptr, enrolment_of(press, token())), "ok") << "a token helps";
}

TEST_F(IdentityAttacks, A52ARevokedNodeIsOutAtItsNextRequestAndItsKeyForGood) {
    clock_.advance(hours(25));
    const Machine press = joined("press");
    EXPECT_EQ(outcome(&press, {"GET", "/apis"}), reasons::kNodeForbidden) << "it is known";
    ASSERT_TRUE(enrolment_->revoke("press", "stolen", admin_identity()).ok());
    EXPECT_TRUE(is_audited("revoke", "press"));
    expect_refused("A52", press, own_node(press), reasons::kNodeRevoked);
    expect_refused("A52 renewal", press, renewal_of(press), reasons::kNodeRevoked);
    expect_refused("A52 its key", press, enrolment_of(press, token()), reasons::kKeyRevoked);
    const Machine again = joined("press");
    EXPECT_EQ(outcome(&again, own_node(again)), "nodes.holdfast.dev \"press\" not found");
    clock_.advance(2 * kRefusalAuditPause);
    expect_refused("A52 beside its successor", press, own_node(press), reasons::kNodeRevoked);
    EXPECT_EQ(outcome(&again, own_node(again)), "nodes.holdfast.dev \"press\" not found");
    EXPECT_EQ(enrolment_->revoke("ghost", "", admin_identity()).code(), Code::kNotFound);
}

TEST_F(IdentityAttacks, A53AStolenKeyIsFoundWhoeverRenewsFirst) {
    clock_.advance(hours(25));
    for (const bool thief_first : {true, false}) {
        Machine press = joined(thief_first ? "press" : "drill");
        Machine thief = press;
        Machine& first = thief_first ? thief : press;
        Machine& second = thief_first ? press : thief;
        renew(first);
        EXPECT_EQ(outcome(&first, {"GET", "/apis"}), reasons::kNodeForbidden);
        expect_refused("A53", second, renewal_of(second), reasons::kKeyInTwoPlaces);
        EXPECT_TRUE(is_audited("quarantine", press.name));
        for (const Machine* machine : {&press, &thief}) {
            expect_refused("A53", *machine, own_node(*machine), reasons::kNodeQuarantined);
            expect_refused("A53", *machine, renewal_of(*machine), reasons::kNodeQuarantined);
        }
        expect_refused("A53", press, enrolment_of(press, token()), reasons::kNodeQuarantined);
        ASSERT_TRUE(enrolment_->clear(press.name, admin_identity()).ok());
        EXPECT_EQ(enrolment_->clear(press.name, admin_identity()).code(),
                  Code::kFailedPrecondition);
        EXPECT_EQ(outcome(&first, {"GET", "/apis"}), reasons::kNodeForbidden) << "known again";
    }
}

TEST_F(IdentityAttacks, A53ACertificateOlderThanThePreviousGivesTheThiefAway) {
    clock_.advance(hours(25));
    Machine press = joined("press");
    const Machine thief = press;
    for (int renewals = 0; renewals < 2; ++renewals) {
        EXPECT_EQ(outcome(&press, {"GET", "/apis"}), reasons::kNodeForbidden);
        renew(press);
    }
    expect_refused("A53", thief, own_node(thief), reasons::kKeyInTwoPlaces);
    expect_refused("A53", press, own_node(press), reasons::kNodeQuarantined);
}

TEST_F(IdentityAttacks, A54JoinTokensAreForWhomTheyAreFor) {
    clock_.advance(hours(25));
    const std::string once = token();
    Machine press;
    press.name = "press";
    EXPECT_EQ(outcome(nullptr, enrolment_of(press, once)), "ok");
    EXPECT_EQ(outcome(nullptr, enrolment_of(press, once)), "ok") << "the answer was lost";
    Machine thief;
    thief.name = "thief";
    Machine posing;
    posing.name = "press";
    JoinOffer bound;
    bound.node = "drill";
    JoinOffer brief;
    brief.validity = minutes(1);
    const std::string ended = token(brief);
    clock_.advance(minutes(1));
    const std::string withdrawn = token();
    ASSERT_TRUE(join_tokens_.revoke(split(withdrawn, '.')[1], admin_identity()).ok());
    std::string other_root = token();
    other_root.replace(other_root.size() - 64, 64, std::string(64, '0'));
    std::string other_secret = token();
    other_secret[30] = other_secret[30] == '0' ? '1' : '0';
    struct Case {
        std::string what;
        std::string token;
        const Machine& machine;
        std::string_view reason;
        bool known;
    };
    const std::vector<Case> cases{
        {"A54 used up", once, thief, reasons::kJoinTokenUsed, true},
        {"A54 used up, the name of who used it", once, posing, reasons::kJoinTokenUsed, true},
        {"A55 a name that is taken", token(), posing, reasons::kNodeNameTaken, true},
        {"for another node", token(bound), thief, reasons::kJoinTokenOtherNode, true},
        {"ended", ended, thief, reasons::kJoinTokenExpired, true},
        {"withdrawn", withdrawn, thief, reasons::kJoinTokenUnknown, false},
        {"of another authority", other_root, thief, reasons::kJoinTokenUnknown, false},
        {"of another secret", other_secret, thief, reasons::kJoinTokenUnknown, false},
        {"none", "", thief, reasons::kJoinTokenMissing, false},
        {"A56 another kind of token", *tokens_.issue(admin_identity(), admin_identity()), thief,
         reasons::kJoinTokenMalformed, false},
        {"A56 a JWT without signature", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.", thief,
         reasons::kJoinTokenMalformed, false},
        {"endless", std::string(20000, 'h'), thief, reasons::kJoinTokenMalformed, false},
    };
    for (const Case& c : cases) {
        EXPECT_EQ(outcome(nullptr, enrolment_of(c.machine, c.token)), c.reason) << c.what;
        EXPECT_EQ(is_audited(fmt::format("refuse/{}", c.reason), c.machine.name), c.known)
            << c.what;
    }
    EXPECT_EQ(enrolment_->list()->size(), 1u) << "nobody else came in";
}

TEST_F(IdentityAttacks, A54OfManyAtOnceExactlyOneUsesAToken) {
    clock_.advance(hours(25));
    JoinOffer thrice;
    thrice.uses = 3;
    for (const auto& each : {std::pair(JoinOffer(), 1), std::pair(thrice, 3)}) {
        const JoinOffer& offer = each.first;
        const int wanted = each.second;
        const std::string contested = token(offer);
        std::vector<std::string> outcomes(8);
        std::vector<std::thread> threads;
        for (std::size_t i = 0; i < outcomes.size(); ++i) {
            threads.emplace_back([&, i] {
                Machine machine;
                machine.name = fmt::format("m{}-{}", wanted, i);
                outcomes[i] = outcome(nullptr, enrolment_of(machine, contested));
            });
        }
        for (std::thread& thread : threads) thread.join();
        EXPECT_EQ(std::count(outcomes.begin(), outcomes.end(), "ok"), wanted);
        EXPECT_EQ(std::count(outcomes.begin(), outcomes.end(), reasons::kJoinTokenUsed),
                  8 - wanted);
    }
}

TEST_F(IdentityAttacks, A55OfManyAtOnceExactlyOneTakesAName) {
    clock_.advance(hours(25));
    std::vector<Machine> machines(8);
    std::vector<std::string> outcomes(machines.size());
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < machines.size(); ++i) {
        machines[i].name = "press";
        threads.emplace_back([&, i, own = token()] {
            outcomes[i] = outcome(nullptr, enrolment_of(machines[i], own));
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(std::count(outcomes.begin(), outcomes.end(), "ok"), 1);
    EXPECT_EQ(std::count(outcomes.begin(), outcomes.end(), reasons::kNodeNameTaken), 7);
}

TEST_F(IdentityAttacks, A55A59A60ANodeIsNobodyElse) {
    clock_.advance(hours(25));
    const Machine press = joined("press");
    const Machine drill = joined("drill");
    const std::string group = "/apis/holdfast.dev/v1";
    const std::string spaced = group + "/namespaces/default";
    const auto object = [](std::string_view kind, std::string_view name, std::string_view more) {
        return fmt::format(
            R"({{"apiVersion":"holdfast.dev/v1","kind":"{}","metadata":{{"name":"{}"}}{}}})", kind,
            name, more);
    };
    const std::string binding =
        object("RoleBinding", "mine",
               R"(,"roleRef":{"kind":"Role","name":"admin"},"subjects":[{"kind":"Group",)"
               R"("name":"system:nodes"}])");
    const std::string_view forbidden = reasons::kNodeForbidden, another = reasons::kNodeOfAnother;
    const std::string patch = "application/merge-patch+json";
    const std::string nodes(kNodes);
    struct Case {
        std::string what;
        Ask ask;
        std::string_view reason;
    };
    const std::vector<Case> cases{
        {"A55 reads", {"GET", nodes + "/drill"}, another},
        {"A55 lists all", {"GET", nodes}, another},
        {"A55 lists another", {"GET", nodes + "?fieldSelector=metadata.name=drill"}, another},
        {"A55 lists others", {"GET", nodes + "?fieldSelector=metadata.name!=press"}, another},
        {"A55 watches", {"GET", nodes + "?watch=1"}, another},
        {"A55 makes", {"POST", nodes, object("Node", "drill", "")}, another},
        {"A55 posts status", {"PATCH", nodes + "/drill/status", "{}", "", patch}, another},
        {"A55 puts status", {"PUT", nodes + "/drill/status", object("Node", "drill", "")}, another},
        {"A55 event of another",
         {"POST", spaced + "/events",
          object("Event", "e", R"(,"involvedObject":{},"reason":"X","source":{"host":"drill"})")},
         another},
        {"changes more than status",
         {"PUT", nodes + "/press", object("Node", "press", "")},
         forbidden},
        {"removes itself", {"DELETE", nodes + "/press"}, forbidden},
        {"removes all", {"DELETE", nodes}, forbidden},
        {"A59 services", {"GET", group + "/services"}, forbidden},
        {"A59 policies", {"GET", group + "/trustpolicies"}, forbidden},
        {"A59 discovery", {"GET", "/apis"}, forbidden},
        {"A59 documents", {"GET", "/openapi/v2"}, forbidden},
        {"A59 namespaces", {"GET", "/api/v1/namespaces"}, forbidden},
        {"A59 tokens", {"POST", spaced + "/serviceaccounts/default/token", "{}"}, forbidden},
        {"A60 role", {"POST", spaced + "/roles", object("Role", "r", ",\"rules\":[]")}, forbidden},
        {"A60 binding", {"POST", spaced + "/rolebindings", binding}, forbidden},
        {"A60 review",
         {"POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", "{}"},
         forbidden},
    };
    const std::size_t before = store_->list("/audit/", {})->items.size();
    for (const Case& c : cases) EXPECT_EQ(outcome(&press, c.ask), c.reason) << c.what;
    EXPECT_TRUE(is_refusal_audited(node_identity("press"), another));
    EXPECT_TRUE(is_refusal_audited(node_identity("press"), forbidden));
    EXPECT_EQ(store_->list("/audit/", {})->items.size(), before + 2) << "one for each reason";

    // A role for nodes that somebody else wrote gives them nothing, nor does a token beside the
    // certificate.
    Ask admin_beside = cases.front().ask;
    admin_beside.bearer = *tokens_.issue(admin_identity(), admin_identity());
    EXPECT_EQ(outcome(&press, admin_beside), another);
    Ask renew_as_drill = renewal_of(drill);
    EXPECT_EQ(outcome(&press, renew_as_drill), reasons::kRenewalOtherKey);
}

TEST_F(IdentityAttacks, A55ANodeStandsWhereItsTokenSays) {
    clock_.advance(hours(25));
    const Machine press = joined("press");
    const std::string nodes(kNodes);
    const std::string status = nodes + "/press/status";
    const std::string node =
        R"({"apiVersion":"holdfast.dev/v1","kind":"Node","metadata":{"name":"press"},)"
        R"("status":{"site":"yard"}})";
    const std::vector<std::pair<Ask, std::string_view>> cases{
        {{"PATCH", status, R"({"status":{"site":"yard"}})", "", "application/merge-patch+json"},
         reasons::kNodeOtherSite},
        {{"PATCH", status, R"([{"op":"add","path":"/status/site","value":"yard"}])", "",
          "application/json-patch+json"},
         reasons::kNodeForbidden},
        {{"PUT", status, node}, reasons::kNodeOtherSite},
        {{"POST", nodes, node}, reasons::kNodeOtherSite},
    };
    for (const auto& [ask, reason] : cases)
        EXPECT_EQ(outcome(&press, ask), reason) << ask.method << " " << ask.path;
}

TEST_F(IdentityAttacks, A56TokensOfOthersAreNotGoodForTheApi) {
    for (const std::string& bearer :
         {std::string("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJzdWIiOiJhZG1pbiIsImF1ZCI6Ing"
                      "ifQ."),
          token(), std::string("hf..")}) {
        const Result<http::Response> response = send(nullptr, {"GET", "/apis", "", bearer});
        ASSERT_TRUE(response.ok());
        EXPECT_EQ(response->status, 401);
        EXPECT_EQ(json::get_string(json::parse(as_text(response->body)).value(), "reason"),
                  "Unauthorized");
    }
}

}  // namespace
}  // namespace hf::control
