// Attacks on identities, over a real TLS server: cases A46 to A56, and what a node that is known
// might try beyond its rights (A59, A60). Each is refused with a stable reason, and where a node is
// known there is an audit entry.

#include <ctime>
#include <thread>

#include <gtest/gtest.h>

#include "base/text.h"
#include "control/server/api_server.h"
#include "control/server/enrolment.h"
#include "control/server/reasons.h"
#include "crypto/issuing.h"
#include "crypto/svid.h"
#include "http/client.h"
#include "store/memory.h"
#include "testing/manual_clock.h"
#include "testing/seeded_entropy.h"

namespace hf::control {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

constexpr std::string_view kDomain = "plant";
constexpr std::string_view kNodes = "/apis/holdfast.dev/v1/nodes";
constexpr Duration kYear = hours(24 * 365);

// TLS verifies certificates by the machine's clock; the API, by the one that the test moves.
Instant machine_time() {
    return Instant(std::chrono::seconds(std::time(nullptr)));
}

struct Machine {
    std::string name;
    crypto::PrivateKey key = crypto::PrivateKey::generate();
    std::string chain;
};

struct Ask {
    std::string method = "GET";
    std::string path = {};
    std::string body = {};
    std::string bearer = {};
    std::string type = "application/json";
};

class IdentityAttacks : public ::testing::Test {
protected:
    IdentityAttacks() {
        add_api_routes(router_, api_);
        add_enrolment_routes(router_, *enrolment_);
        const crypto::Credential own =
            crypto::issue_server_certificate(authority_, {{}, {"127.0.0.1"}}, real_, kYear).value();
        http::ServerOptions options;
        options.tls.emplace();
        options.tls->certificate_pem =
            own.certificate_pem + authority_.certificate_pem + root_.certificate_pem;
        options.tls->key_pem = own.key.pem();
        options.tls->client_ca_pem = root_.certificate_pem;
        options.tls->admit_expired_clients = true;
        server_ = http::Server::start(std::move(options), router_).value();
    }

    Result<http::Response> send(const Machine* machine, const Ask& ask, bool old_tls = false) {
        http::ClientOptions options;
        options.pinned_ca_sha256 = crypto::certificate_digest(root_.certificate_pem).value();
        options.tls13_only = !old_tls;
        if (machine) {
            options.certificate_pem = machine->chain;
            options.key_pem = machine->key.pem();
        }
        http::ClientRequest request;
        request.method = ask.method;
        request.url = fmt::format("https://127.0.0.1:{}{}", server_->port(), ask.path);
        request.body = to_bytes(ask.body);
        request.headers.add("Content-Type", ask.type);
        if (!ask.bearer.empty()) request.headers.add("Authorization", "Bearer " + ask.bearer);
        return http::Client::create(options).value()->send(request);
    }

    // "ok", the reason that the refusal begins with, or "handshake" when it did not get that far.
    std::string outcome(const Machine* machine, const Ask& ask) {
        const Result<http::Response> response = send(machine, ask);
        if (response.status().code() == Code::kUnauthenticated) return "handshake";
        if (!response.ok()) return response.status().to_string();
        if (response->status < 300) return "ok";
        const json::Value status = json::parse(as_text(response->body)).value();
        EXPECT_EQ(json::get_string(status, "kind"), "Status");
        const std::string_view message = json::get_string(status, "message");
        return std::string(message.substr(0, message.find(':')));
    }

    static std::string enrol_body(const Machine& machine) {
        return json::write(json::Object{{"node", machine.name},
                                        {"csr", crypto::make_signing_request(machine.key)}});
    }

    Ask enrolment_of(const Machine& machine, const std::string& token) {
        return {"POST", "/v1/enrol", enrol_body(machine), token};
    }

    static Ask renewal_of(const Machine& machine) {
        return {"POST", "/v1/renew",
                json::write(json::Object{{"csr", crypto::make_signing_request(machine.key)}}), ""};
    }

    static Ask own_node(const Machine& machine) {
        return {"GET", fmt::format("{}/{}", kNodes, machine.name), "", ""};
    }

    // Takes the certificate of an answer.
    static void take(Machine& machine, const http::Response& response) {
        ASSERT_EQ(response.status, 200) << as_text(response.body);
        const json::Value answer = json::parse(as_text(response.body)).value();
        machine.chain = std::string(json::get_string(answer, "certificateChain"));
    }

    Machine joined(std::string name) {
        Machine machine;
        machine.name = std::move(name);
        take(machine, send(nullptr, enrolment_of(machine, token())).value());
        return machine;
    }

    void renew(Machine& machine) { take(machine, send(&machine, renewal_of(machine)).value()); }

    std::string token(JoinOffer offer = {}) {
        return join_tokens_.issue(offer, admin_identity()).value();
    }

    // A certificate for the machine's key by an authority of ours, as OpenSSL's words describe it.
    Machine forged(std::string name, const char* alternatives, const char* constraints,
                   const crypto::Credential* by = nullptr) {
        namespace openssl = crypto::openssl;
        Machine machine;
        machine.name = std::move(name);
        const crypto::Credential& issuer = by ? *by : authority_;
        const openssl::Certificate made(X509_new());
        const openssl::Certificate signer =
            crypto::parse_certificate(issuer.certificate_pem).value();
        const openssl::Key own = crypto::handle_of(machine.key);
        const openssl::Key signing = crypto::handle_of(issuer.key);
        X509_set_version(made.get(), X509_VERSION_3);
        ASN1_INTEGER_set(X509_get_serialNumber(made.get()), 77);
        X509_set_issuer_name(made.get(), X509_get_subject_name(signer.get()));
        X509_gmtime_adj(X509_getm_notBefore(made.get()), -3600);
        X509_gmtime_adj(X509_getm_notAfter(made.get()), 3600);
        X509_set_pubkey(made.get(), own.get());
        const std::pair<int, const char*> extensions[] = {
            {NID_subject_alt_name, alternatives},
            {NID_basic_constraints, constraints},
            {NID_key_usage, "critical,digitalSignature"},
            {NID_ext_key_usage, "clientAuth,serverAuth"}};
        for (const auto& [kind, value] : extensions) {
            const openssl::Extension extension(X509V3_EXT_nconf_nid(nullptr, nullptr, kind, value));
            X509_add_ext(made.get(), extension.get(), -1);
        }
        X509_sign(made.get(), signing.get(), EVP_sha256());
        machine.chain = crypto::pem_of(made.get()) + issuer.certificate_pem;
        return machine;
    }

    // Whether an entry says that `verb` was done to the node's enrolment.
    bool is_audited(std::string_view verb, std::string_view node) {
        const store::ListResult entries = store_->list("/audit/", {}).value();
        for (const store::KeyValue& item : entries.items) {
            const json::Value entry = json::parse(item.value).value();
            if (json::get_string(entry, "resource") == "enrolments" &&
                json::get_string(entry, "verb") == verb && json::get_string(entry, "name") == node)
                return true;
        }
        return false;
    }

    // The refusal, and its audit entry when the node is known.
    void expect_refused(std::string_view what, const Machine& machine, const Ask& ask,
                        std::string_view reason) {
        EXPECT_EQ(outcome(&machine, ask), reason) << what;
        EXPECT_TRUE(is_audited(fmt::format("refuse/{}", reason), machine.name)) << what;
    }

    const Instant real_ = machine_time();
    testing::ManualClock clock_{real_ - hours(25)};
    testing::SeededEntropy entropy_;
    std::unique_ptr<store::Store> store_ = store::make_memory_store(clock_);
    resources::Resources resources_{*store_, clock_, entropy_};
    const crypto::Credential root_ =
        crypto::make_root("root", real_ - hours(100), 2 * kYear).value();
    const crypto::Credential authority_ =
        crypto::issue_intermediate(root_, "authority", real_ - hours(100), kYear).value();
    Tokens tokens_{resources_, entropy_};
    JoinTokens join_tokens_{resources_, entropy_, root_.certificate_pem};
    std::unique_ptr<Enrolment> enrolment_ =
        Enrolment::create(resources_, join_tokens_, entropy_,
                          {authority_, root_.certificate_pem, std::string(kDomain)})
            .value();
    ApiServer api_{resources_, tokens_, "0.0.0", enrolment_.get()};
    http::Router router_;
    std::unique_ptr<http::Server> server_;
};

TEST_F(IdentityAttacks, AnHonestMachineComesRenewsAndKeepsItsNode) {
    JoinOffer offer;
    offer.site = "hall";
    Machine press;
    press.name = "press";
    const http::Response response = send(nullptr, enrolment_of(press, token(offer))).value();
    take(press, response);
    const json::Value answer = json::parse(as_text(response.body)).value();
    EXPECT_EQ(json::get_string(answer, "node"), "press");
    EXPECT_EQ(json::get_string(answer, "site"), "hall");
    EXPECT_EQ(json::get_string(answer, "trustBundle"), root_.certificate_pem);
    EXPECT_EQ(json::get_string(answer, "renewAfter"), format_rfc3339(clock_.now() + hours(12)));
    const auto svid = crypto::verify_svid(
        press.chain, {{std::string(kDomain), {root_.certificate_pem}}}, clock_.now());
    ASSERT_TRUE(svid.ok()) << svid.status().to_string();
    EXPECT_EQ(svid->id.text(), "spiffe://plant/node/press");

    clock_.advance(hours(25));  // now the clocks agree, and the certificate has ended
    renew(press);
    const Ask create{"POST", std::string(kNodes),
                     R"({"apiVersion":"holdfast.dev/v1","kind":"Node","metadata":)"
                     R"({"name":"press"}})"};
    EXPECT_EQ(outcome(&press, create), "ok");
    EXPECT_EQ(outcome(&press, own_node(press)), "ok");
    EXPECT_EQ(outcome(&press, {"GET", fmt::format("{}?fieldSelector=metadata.name=press", kNodes)}),
              "ok");
    EXPECT_EQ(
        outcome(&press, {"PATCH", fmt::format("{}/press/status", kNodes),
                         R"({"status":{"version":"1"}})", "", "application/merge-patch+json"}),
        "ok");
    const Ask event{"POST", "/apis/holdfast.dev/v1/namespaces/default/events",
                    R"({"apiVersion":"holdfast.dev/v1","kind":"Event","metadata":{"name":"e"},)"
                    R"("involvedObject":{"kind":"Node","name":"press"},"reason":"Joined",)"
                    R"("source":{"host":"press"}})"};
    EXPECT_EQ(outcome(&press, event), "ok");
    const EnrolmentRecord record = enrolment_->get("press").value();
    EXPECT_EQ(record.site, "hall");
    EXPECT_TRUE(record.seen);
    EXPECT_TRUE(is_audited("create", "press"));
    EXPECT_TRUE(is_audited("renew", "press"));
    EXPECT_EQ(enrolment_->list()->size(), 1u);
}

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

TEST_F(IdentityAttacks, ARenewalWhoseAnswerIsLostLeavesAWayOn) {
    clock_.advance(hours(25));
    Machine press = joined("press");
    EXPECT_EQ(outcome(&press, {"GET", "/apis"}), reasons::kNodeForbidden);
    for (int lost = 0; lost < 3; ++lost) EXPECT_EQ(outcome(&press, renewal_of(press)), "ok");
    EXPECT_EQ(outcome(&press, {"GET", "/apis"}), reasons::kNodeForbidden);
    Machine before = press;
    renew(press);
    EXPECT_EQ(outcome(&press, {"GET", "/apis"}), reasons::kNodeForbidden);
    EXPECT_EQ(outcome(&before, {"GET", "/apis"}), reasons::kNodeForbidden) << "within the grace";
    clock_.advance(kSupersededGrace);
    expect_refused("after the grace", before, own_node(before), reasons::kSvidSuperseded);
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

TEST_F(IdentityAttacks, JoinTokensAreKeptAsDigestsAndForgottenADayAfterTheirEnd) {
    const std::string secret = token();
    const store::ListResult all = store_->list("", {}).value();
    for (const store::KeyValue& item : all.items)
        EXPECT_EQ(item.value.find(split(secret, '.')[2]), std::string::npos) << item.key;
    clock_.advance(hours(24));
    token();
    EXPECT_EQ(join_tokens_.list()->size(), 2u);
    clock_.advance(hours(1));
    token();
    EXPECT_EQ(join_tokens_.list()->size(), 2u);
    EXPECT_EQ(join_tokens_.open(secret).status().code(), Code::kUnauthenticated);
    EXPECT_EQ(join_tokens_.revoke(split(secret, '.')[1], admin_identity()).code(), Code::kNotFound);
}

TEST_F(IdentityAttacks, A54OfManyAtOnceExactlyOneUsesAToken) {
    clock_.advance(hours(25));
    JoinOffer thrice;
    thrice.uses = 3;
    for (const auto& [offer, wanted] : {std::pair(JoinOffer(), 1), std::pair(thrice, 3)}) {
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
    for (const Case& c : cases) EXPECT_EQ(outcome(&press, c.ask), c.reason) << c.what;

    // A role for nodes that somebody else wrote gives them nothing, nor does a token beside the
    // certificate.
    Ask admin_beside = cases.front().ask;
    admin_beside.bearer = *tokens_.issue(admin_identity(), admin_identity());
    EXPECT_EQ(outcome(&press, admin_beside), another);
    Ask renew_as_drill = renewal_of(drill);
    EXPECT_EQ(outcome(&press, renew_as_drill), reasons::kRenewalOtherKey);
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

TEST_F(IdentityAttacks, MalformedRequestsAreToldSo) {
    clock_.advance(hours(25));
    Machine press;
    press.name = "press";
    const std::string csr = crypto::make_signing_request(press.key);
    const auto body = [&](const std::string& node, const std::string& request) {
        return json::write(json::Object{{"node", node}, {"csr", request}});
    };
    std::string flipped = csr;
    flipped[csr.size() / 2] = flipped[csr.size() / 2] == 'A' ? 'B' : 'A';
    for (const std::string& bad :
         {std::string(), std::string("[]"), std::string("{"), body("Press", csr), body("", csr),
          body("../x", csr), body("press/../drill", csr), body("press", ""),
          body("press", press.key.public_key().pem()), body("press", flipped),
          body("press", csr.substr(0, csr.size() / 2)), body(std::string(300, 'a'), csr)}) {
        EXPECT_EQ(outcome(nullptr, {"POST", "/v1/enrol", bad, token()}), reasons::kRequestMalformed)
            << bad;
    }
    const Ask large{"POST", "/v1/enrol", body("press", std::string(20000, 'x')), token()};
    EXPECT_EQ(send(nullptr, large)->status, 413);
    EXPECT_TRUE(enrolment_->list()->empty());
}

TEST_F(IdentityAttacks, RefusalsDoNotFloodTheAudit) {
    const Machine press = joined("press");
    clock_.advance(hours(25));
    const std::size_t before = store_->list("/audit/", {})->items.size();
    for (int i = 0; i < 20; ++i) outcome(&press, own_node(press));
    EXPECT_EQ(store_->list("/audit/", {})->items.size(), before + 1);
    clock_.advance(kRefusalAuditPause);
    outcome(&press, own_node(press));
    EXPECT_EQ(store_->list("/audit/", {})->items.size(), before + 2);
}

TEST(EnrolmentParts, MustFit) {
    testing::ManualClock clock;
    testing::SeededEntropy entropy;
    const std::unique_ptr<store::Store> store = store::make_memory_store(clock);
    resources::Resources resources(*store, clock, entropy);
    const crypto::Credential root = crypto::make_root("r", clock.now(), kYear).value();
    const crypto::Credential other = crypto::make_root("r", clock.now(), kYear).value();
    const crypto::Credential good =
        crypto::issue_intermediate(root, "a", clock.now(), kYear).value();
    JoinTokens tokens(resources, entropy, root.certificate_pem);
    EXPECT_TRUE(
        Enrolment::create(resources, tokens, entropy, {good, root.certificate_pem, "a"}).ok());
    EXPECT_EQ(Enrolment::create(resources, tokens, entropy, {good, other.certificate_pem, "a"})
                  .status()
                  .code(),
              Code::kFailedPrecondition);
    EXPECT_EQ(Enrolment::create(resources, tokens, entropy, {good, root.certificate_pem, "A/b"})
                  .status()
                  .code(),
              Code::kInvalidArgument);
    for (const JoinOffer& bad :
         {JoinOffer{Duration(0), 1, "", ""}, JoinOffer{hours(1), 0, "", ""},
          JoinOffer{hours(1), kMaxJoinUses + 1, "", ""}, JoinOffer{hours(1), 1, "A B", ""},
          JoinOffer{kMaxJoinValidity + hours(1), 1, "", ""}}) {
        EXPECT_EQ(tokens.issue(bad, admin_identity()).status().code(), Code::kInvalidArgument);
    }
}

}  // namespace
}  // namespace hf::control
