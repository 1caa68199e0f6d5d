// Enrolment as honest machines meet it, and what is bounded or checked whoever comes.

#include "base/text.h"
#include "control/server/machines_test.h"

namespace hf::control {
namespace {

using std::chrono::hours;

using EnrolmentTest = Machines;

TEST_F(EnrolmentTest, AnHonestMachineComesRenewsAndKeepsItsNode) {
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

TEST_F(EnrolmentTest, ARenewalWhoseAnswerIsLostLeavesAWayOn) {
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

TEST_F(EnrolmentTest, JoinTokensAreKeptAsDigestsAndForgottenADayAfterTheirEnd) {
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

TEST_F(EnrolmentTest, TheUsesOfATokenLieBesideItAndGoAfterIt) {
    clock_.advance(hours(25));
    JoinOffer thrice;
    thrice.uses = 3;
    const std::string text = token(thrice);
    const std::string id(split(text, '.')[1]);
    const std::string key = "/jointokens/" + id;
    const auto claims = [&] { return store_->list("/joinclaims/" + id + "/", {})->items.size(); };
    const store::Revision made = store_->get(key)->modified;
    for (const char* name : {"press", "drill"}) {
        Machine machine;
        machine.name = name;
        EXPECT_EQ(outcome(nullptr, enrolment_of(machine, text)), "ok");
        EXPECT_EQ(outcome(nullptr, enrolment_of(machine, text)), "ok") << "the answer was lost";
    }
    EXPECT_EQ(claims(), 2u);
    EXPECT_EQ(store_->get(key)->modified, made) << "those who come at once would wait for it";
    const std::vector<JoinTokens::Open> listed = join_tokens_.list().value();
    ASSERT_EQ(listed.size(), 1u);
    EXPECT_EQ(listed[0].record.used.size(), 2u);
    ASSERT_TRUE(join_tokens_.revoke(id, admin_identity()).ok());
    Machine late;
    late.name = "late";
    EXPECT_EQ(outcome(nullptr, enrolment_of(late, text)), reasons::kJoinTokenUnknown);
    token();
    EXPECT_EQ(claims(), 0u);
}

TEST_F(EnrolmentTest, UsesThatTheTokensRecordHoldsCountToo) {
    clock_.advance(hours(25));
    JoinOffer twice;
    twice.uses = 2;
    const std::string text = token(twice);
    const std::string key = fmt::format("/jointokens/{}", split(text, '.')[1]);
    Machine old;
    old.name = "old";
    json::Value record = json::parse(store_->get(key)->value).value();
    record.get_object()["used"] = json::Array{
        json::Object{{"node", old.name}, {"key", old.key.public_key().fingerprint().to_string()}}};
    ASSERT_TRUE(store_->commit({{}, {{key, json::write(record), {}}}, {}}).ok());
    Machine press, drill;
    press.name = "press";
    drill.name = "drill";
    EXPECT_EQ(outcome(nullptr, enrolment_of(press, text)), "ok");
    EXPECT_EQ(outcome(nullptr, enrolment_of(drill, text)), reasons::kJoinTokenUsed);
    EXPECT_EQ(outcome(nullptr, enrolment_of(old, text)), "ok") << "it comes again";
}

TEST_F(EnrolmentTest, MalformedRequestsAreToldSo) {
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

TEST_F(EnrolmentTest, RefusalsDoNotFloodTheAudit) {
    const Machine press = joined("press");
    clock_.advance(hours(25));
    const std::size_t before = store_->list("/audit/", {})->items.size();
    for (int i = 0; i < 20; ++i) outcome(&press, own_node(press));
    EXPECT_EQ(store_->list("/audit/", {})->items.size(), before + 1);
    clock_.advance(kRefusalAuditPause);
    outcome(&press, own_node(press));
    EXPECT_EQ(store_->list("/audit/", {})->items.size(), before + 2);
}

TEST_F(EnrolmentTest, OlderTlsIsNotGoodForNodes) {
    clock_.advance(hours(25));
    http::Request request;
    request.client_uris = {"spiffe://plant/node/press"};
    request.client_serial = "01";
    request.client_not_after = clock_.now() + hours(1);
    for (const char* version : {"TLSv1.2", "", "TLSv1.30"}) {
        request.tls_version = version;
        EXPECT_EQ(reasons::of(enrolment_->authenticate(request).status()), reasons::kSvidOldTls);
    }
    request.tls_version = "TLSv1.3";
    EXPECT_EQ(reasons::of(enrolment_->authenticate(request).status()), reasons::kNodeUnknown);
    ApiServer without(resources_, tokens_, "0.0.0");
    EXPECT_EQ(reasons::of(without.authenticate(request).status()), reasons::kSvidNotServed);
}

TEST_F(EnrolmentTest, CertificatesByNameAreJudgedByTimeAndName) {
    http::Request request;
    request.client_serial = "01";
    request.client_name = "ada";
    request.client_not_after = clock_.now() + hours(1);
    EXPECT_EQ(api_.authenticate(request)->user, "ada");
    for (const char* name : {"system:masters", "system:node:press", "system:"}) {
        request.client_name = name;
        EXPECT_EQ(api_.authenticate(request).status().code(), Code::kUnauthenticated) << name;
    }
    request.client_name = "ada";
    request.client_is_authority = true;
    EXPECT_FALSE(api_.authenticate(request).ok());
    request.client_is_authority = false;
    clock_.advance(hours(1));
    EXPECT_FALSE(api_.authenticate(request).ok());
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
    EXPECT_EQ(Enrolment::create(resources, tokens, entropy, {good, root.certificate_pem, "a/b"})
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
