// The authority of a data folder over years, crashes and a root key that is elsewhere; and a
// machine that joins by it, from the token to the API.

#include "cli/up/identity.h"

#include <ctime>

#include <gtest/gtest.h>

#include "base/text.h"
#include "control/server/api_server.h"
#include "control/server/enrolment.h"
#include "crypto/spiffe.h"
#include "http/client.h"
#include "node/identity.h"
#include "store/memory.h"
#include "testing/manual_clock.h"
#include "testing/memory_files.h"
#include "testing/seeded_entropy.h"

namespace hf::cli {
namespace {

constexpr Duration kDay = std::chrono::hours(24);
const std::string kData = "/data";

class ApiIdentityTest : public ::testing::Test {
protected:
    World world_of(env::Files& files) {
        return {files, clock_, entropy_, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, "holdfast"};
    }
    Result<ApiIdentity> load(const std::string& domain = "") {
        World world = world_of(files_);
        return load_api_identity(world, kData, {"127.0.0.1", {}, domain});
    }
    std::string text(const std::string& name) {
        const Result<Bytes> bytes = files_.read(kData + "/pki/" + name, 1u << 20);
        return bytes.ok() ? std::string(as_text(*bytes)) : "";
    }
    void take_root_key_away() {
        root_key_ = text("root.key.pem");
        ASSERT_TRUE(files_.remove(kData + "/pki/root.key.pem").ok());
    }
    void put_root_key_back() { files_.overwrite(kData + "/pki/root.key.pem", to_bytes(root_key_)); }

    testing::ManualClock clock_{Instant(std::chrono::seconds(std::time(nullptr)))};
    testing::SeededEntropy entropy_;
    testing::MemoryFiles files_;
    std::string root_key_;
};

TEST_F(ApiIdentityTest, IsMadeOnceAndKept) {
    const Result<ApiIdentity> first = load();
    ASSERT_TRUE(first.ok()) << first.status().to_string();
    const ApiIdentity again = load().value();
    EXPECT_EQ(again.ca_pem, first->ca_pem);
    EXPECT_EQ(again.ca_pem, text("root.pem"));
    EXPECT_EQ(again.authority.certificate_pem, text("authority.pem"));
    EXPECT_EQ(again.authority.certificate_pem, first->authority.certificate_pem);
    EXPECT_EQ(again.trust_domain, first->trust_domain);
    EXPECT_EQ(text("trust-domain"), first->trust_domain + "\n");
    EXPECT_TRUE(first->trust_domain.starts_with("holdfast-"));
    EXPECT_EQ(first->trust_domain.size(), 17u);
    EXPECT_TRUE(crypto::check_authority(again.authority, again.ca_pem).ok());
    EXPECT_TRUE(
        again.tls.certificate_pem.ends_with(again.authority.certificate_pem + again.ca_pem));
    EXPECT_EQ(again.tls.client_ca_pem, again.ca_pem + again.authority.certificate_pem);
}

TEST_F(ApiIdentityTest, TheTrustDomainIsGivenOnceOrMadeUp) {
    for (const char* bad : {"Plant", "plant/x", "a b", "spiffe://a", "a\n"})
        EXPECT_EQ(load(bad).status().code(), Code::kInvalidArgument) << bad;
    EXPECT_EQ(load("plant.example").value().trust_domain, "plant.example");
    EXPECT_EQ(load().value().trust_domain, "plant.example");
    const Status other = load("other.example").status();
    EXPECT_EQ(other.code(), Code::kFailedPrecondition);
    EXPECT_NE(other.message().find("plant.example"), std::string::npos);
    files_.overwrite(kData + "/pki/trust-domain", to_bytes("Not A Domain"));
    EXPECT_FALSE(load().ok());
}

TEST_F(ApiIdentityTest, TheRootKeyIsNeededOnlyWhenTheAuthorityIsAboutToEnd) {
    const ApiIdentity first = load().value();
    take_root_key_away();
    ASSERT_TRUE(load().ok());
    clock_.advance(1500 * kDay);  // less than a year is left of five: wanted, not needed
    EXPECT_EQ(load().value().authority.certificate_pem, first.authority.certificate_pem);
    clock_.advance(300 * kDay);  // 25 days are left
    const Status needed = load().status();
    EXPECT_EQ(needed.code(), Code::kFailedPrecondition);
    EXPECT_NE(needed.message().find("put it back to /data/pki/root.key.pem"), std::string::npos)
        << needed.to_string();
    put_root_key_back();
    const ApiIdentity renewed = load().value();
    EXPECT_NE(renewed.authority.certificate_pem, first.authority.certificate_pem);
    EXPECT_EQ(renewed.ca_pem, first.ca_pem) << "machines go on believing the root";
    take_root_key_away();
    EXPECT_TRUE(load().ok());
    clock_.advance(1825 * kDay);  // now the root itself ends as well
    EXPECT_EQ(load().status().code(), Code::kFailedPrecondition);
    put_root_key_back();
    EXPECT_NE(load().value().ca_pem, first.ca_pem);
}

TEST_F(ApiIdentityTest, WhatIsDamagedIsSaid) {
    const ApiIdentity first = load().value();
    const std::string root = text("root.pem");
    files_.overwrite(kData + "/pki/root.pem", to_bytes("x"));
    EXPECT_NE(load().status().message().find("root.pem"), std::string::npos);
    EXPECT_EQ(text("root.pem"), "x") << "never overwritten";
    files_.overwrite(kData + "/pki/root.pem", to_bytes(root));
    take_root_key_away();
    const std::string key = text("authority.key.pem");
    for (const std::string name : {"authority.pem", "authority.key.pem"}) {
        const std::string good = text(name);
        files_.overwrite(kData + "/pki/" + name, to_bytes("x"));
        const Status status = load().status();
        EXPECT_NE(status.message().find("root.key.pem"), std::string::npos) << status.to_string();
        files_.overwrite(kData + "/pki/" + name, to_bytes(good));
    }
    const std::string other = crypto::PrivateKey::generate().pem();
    files_.overwrite(kData + "/pki/authority.key.pem", to_bytes(other));
    EXPECT_NE(load().status().message().find("not that of the authority"), std::string::npos);
    ASSERT_TRUE(files_.remove(kData + "/pki/authority.pem").ok());
    EXPECT_NE(load().status().message().find("is missing"), std::string::npos);
    put_root_key_back();
    EXPECT_TRUE(load().ok());
}

TEST_F(ApiIdentityTest, ACrashAtAnyPointIsMendedByTheNextStart) {
    for (std::uint64_t changes = 0;; ++changes) {
        testing::MemoryFiles files;
        World world = world_of(files);
        files.die_after(changes);
        const bool through = load_api_identity(world, kData, {"127.0.0.1", {}, ""}).ok();
        files.restart();
        Rng rng(changes);
        files.lose_power(rng);
        const auto read = [&](const std::string& name) {
            const Result<Bytes> bytes = files.read(kData + "/pki/" + name, 1u << 20);
            return bytes.ok() ? std::string(as_text(*bytes)) : "";
        };
        const std::string root = read("root.pem"), domain = read("trust-domain");
        const Result<ApiIdentity> next = load_api_identity(world, kData, {"127.0.0.1", {}, ""});
        ASSERT_TRUE(next.ok()) << changes << ": " << next.status().to_string();
        EXPECT_TRUE(root.empty() || root == next->ca_pem);
        EXPECT_TRUE(domain.empty() || domain == next->trust_domain + "\n");
        EXPECT_TRUE(crypto::check_authority(next->authority, next->ca_pem).ok());
        if (through) break;
        ASSERT_LT(changes, 100u);
    }
}

TEST_F(ApiIdentityTest, AMachineJoinsByATokenAndIsKnown) {
    const ApiIdentity identity = load().value();
    const std::unique_ptr<store::Store> store = store::make_memory_store(clock_);
    resources::Resources resources(*store, clock_, entropy_);
    control::Tokens tokens(resources, entropy_);
    control::JoinTokens join_tokens(resources, entropy_, identity.ca_pem);
    const auto enrolment =
        control::Enrolment::create(resources, join_tokens, entropy_,
                                   {identity.authority, identity.ca_pem, identity.trust_domain})
            .value();
    control::ApiServer api(resources, tokens, "0.0.0", enrolment.get());
    http::Router router;
    control::add_api_routes(router, api);
    control::add_enrolment_routes(router, *enrolment);
    http::ServerOptions options;
    options.tls = identity.tls;
    const auto server = http::Server::start(std::move(options), std::move(router)).value();

    control::JoinOffer offer;
    offer.site = "hall";
    const std::string token = join_tokens.issue(offer, control::admin_identity()).value();
    testing::MemoryFiles files;
    node::JoinOptions join{fmt::format("https://127.0.0.1:{}", server->port()), token, "press",
                           "/identity", false};
    const auto joined = node::Identity::join({files, clock_}, join);
    ASSERT_TRUE(joined.ok()) << joined.status().to_string();
    EXPECT_EQ((*joined)->site(), "hall");
    EXPECT_EQ((*joined)->trust_domain(), identity.trust_domain);
    const auto ask = [&]() -> Result<int> {
        http::ClientRequest request;
        request.url = join.url + "/apis/holdfast.dev/v1/nodes/press";
        const auto client = HF_TRY(http::Client::create((*joined)->client_options()));
        const http::Response response = HF_TRY(client->send(request));
        return response.status;
    };
    EXPECT_EQ(ask().value(), 404) << "known and allowed, but not there yet";
    const Status renewed = (*joined)->renew();
    ASSERT_TRUE(renewed.ok()) << renewed.to_string();
    EXPECT_EQ(ask().value(), 404);
    EXPECT_EQ(enrolment->get("press").value().current, (*joined)->serial());
    // Known by a next authority too, which has the name of the one before but not its key.
    ASSERT_TRUE(files_.remove(kData + "/pki/authority.pem").ok());
    const ApiIdentity next = load().value();
    ASSERT_NE(next.authority.certificate_pem, identity.authority.certificate_pem);
    ASSERT_TRUE(server->renew_tls(next.tls).ok());
    EXPECT_EQ(ask().value(), 404);
    ASSERT_TRUE(server->renew_tls(identity.tls).ok());
    ASSERT_TRUE(enrolment->revoke("press", "sold", control::admin_identity()).ok());
    EXPECT_EQ(ask().value(), 401);
    EXPECT_TRUE((*joined)->renew().message().starts_with("node-revoked: "));
    join.token = join_tokens.issue(offer, control::admin_identity()).value();
    EXPECT_TRUE(node::Identity::join({files, clock_}, join)
                    .status()
                    .message()
                    .starts_with("key-revoked: "));
    join.new_key = true;
    EXPECT_TRUE(node::Identity::join({files, clock_}, join).ok());
}

}  // namespace
}  // namespace hf::cli
