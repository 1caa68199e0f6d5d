// A machine's identity against a server that issues real certificates: joining, renewing, and every
// way in which either can be cut short. The server's own decisions are tested in control/server.

#include "node/identity.h"

#include <algorithm>
#include <ctime>
#include <functional>
#include <optional>
#include <set>

#include <gtest/gtest.h>

#include "base/json.h"
#include "crypto/certificates.h"
#include "crypto/join_token.h"
#include "http/server.h"
#include "testing/manual_clock.h"
#include "testing/memory_files.h"

namespace hf::node {
namespace {

using std::chrono::hours;

constexpr Duration kDay = hours(24);
constexpr Duration kYear = 365 * kDay;
const std::string kFolder = "/identity";

// TLS goes by the machine's clock.
Instant machine_time() {
    return Instant(std::chrono::seconds(std::time(nullptr)));
}

// Gives every key that asks a certificate, as `domain` and `name` say, which tests change to lie.
class Authority {
public:
    explicit Authority(Instant at) : now(at) {
        http::Router router;
        router.add("POST", "/v1/enrol",
                   [this](const http::Request& request) { return answer(request); });
        router.add("POST", "/v1/renew",
                   [this](const http::Request& request) { return answer(request); });
        const crypto::Credential own =
            crypto::issue_server_certificate(authority, {{}, {"127.0.0.1"}}, at, kYear).value();
        http::ServerOptions options;
        options.tls.emplace();
        options.tls->certificate_pem =
            own.certificate_pem + authority.certificate_pem + root.certificate_pem;
        options.tls->key_pem = own.key.pem();
        options.tls->client_ca_pem = root.certificate_pem;
        options.tls->admit_expired_clients = true;
        server_ = http::Server::start(std::move(options), std::move(router)).value();
    }

    std::string url() const { return fmt::format("https://127.0.0.1:{}", server_->port()); }

    std::string token() const {
        return crypto::JoinToken{std::string(16, 'a'), std::string(64, 'b'),
                                 crypto::certificate_digest(root.certificate_pem).value()}
            .text();
    }

    const crypto::Credential root =
        crypto::make_root("root", machine_time() - 2 * kDay, 2 * kYear).value();
    const crypto::Credential authority =
        crypto::issue_intermediate(root, "authority", machine_time() - 2 * kDay, kYear).value();

    // What the next answers are made of. Requests come one at a time.
    std::string domain = "plant", name = "press", bundle = root.certificate_pem;
    std::optional<crypto::PublicKey> other_key;
    std::optional<http::Response> instead;
    std::vector<std::string> keys;  // that asked, as fingerprints
    std::string shown;              // serial of the certificate that asked last
    Instant shown_until;
    Instant now;  // when certificates are issued
    Duration validity = kDay;

private:
    http::Response answer(const http::Request& request) {
        const json::Value body = json::parse(as_text(request.body)).value();
        const crypto::PublicKey key =
            crypto::read_signing_request(json::get_string(body, "csr")).value();
        keys.push_back(key.fingerprint().hex());
        shown = request.client_serial;
        shown_until = request.client_not_after;
        if (instead) return *instead;
        const auto id =
            crypto::SpiffeId::parse(fmt::format("spiffe://{}/node/{}", domain, name)).value();
        const std::string leaf =
            crypto::issue_svid(authority, {other_key.value_or(key), id}, now, validity).value();
        return http::Response::json(
            200, json::write(json::Object{{"node", name},
                                          {"certificateChain", leaf + authority.certificate_pem},
                                          {"trustBundle", bundle},
                                          {"site", "hall"}}));
    }

    std::unique_ptr<http::Server> server_;
};

class IdentityTest : public ::testing::Test {
protected:
    JoinOptions options(const Authority& authority) const {
        return {authority.url(), authority.token(), authority.name, kFolder, false};
    }
    IdentityWorld world() { return {files_, clock_}; }
    std::string text(const std::string& name) {
        const Result<Bytes> bytes = files_.read(kFolder + "/" + name, 1u << 20);
        return bytes.ok() ? std::string(as_text(*bytes)) : "";
    }

    testing::MemoryFiles files_;
    testing::ManualClock clock_{machine_time()};
    Authority server_{clock_.now()};
};

TEST_F(IdentityTest, IsMadeOnceAndOpenedAfterwards) {
    EXPECT_EQ(Identity::open(world(), kFolder).status().code(), Code::kNotFound);
    const auto joined = Identity::join(world(), options(server_));
    ASSERT_TRUE(joined.ok()) << joined.status().to_string();
    const auto opened = Identity::open(world(), kFolder);
    ASSERT_TRUE(opened.ok()) << opened.status().to_string();
    for (const auto* identity : {joined->get(), opened->get()}) {
        EXPECT_EQ(identity->node(), "press");
        EXPECT_EQ(identity->site(), "hall");
        EXPECT_EQ(identity->trust_domain(), "plant");
        EXPECT_EQ(identity->url(), server_.url());
        EXPECT_EQ(identity->serial(), (*joined)->serial());
        EXPECT_EQ(identity->client_options().key_pem, text("key.pem"));
        EXPECT_EQ(identity->client_options().certificate_pem, text("svid.pem"));
    }
    EXPECT_EQ(text("bundle.pem"), server_.root.certificate_pem);
}

TEST_F(IdentityTest, RenewsWithTheSameKeyByItsCertificate) {
    const auto identity = Identity::join(world(), options(server_)).value();
    const std::string first = identity->serial(), key = text("key.pem");
    ASSERT_TRUE(identity->renew().ok());
    EXPECT_EQ(server_.shown, first);
    EXPECT_NE(identity->serial(), first);
    EXPECT_EQ(text("key.pem"), key);
    EXPECT_EQ(Identity::open(world(), kFolder).value()->serial(), identity->serial());
}

TEST_F(IdentityTest, OfSeveralServersTheFirstThatAnswersDoes) {
    JoinOptions several = options(server_);
    const std::string nobody = "https://127.0.0.1:1";
    several.url = nobody + "," + server_.url() + "/";
    const auto identity = Identity::join(world(), several).value();
    EXPECT_EQ(identity->url(), nobody) << "as they were given";
    ASSERT_TRUE(identity->renew().ok());
    EXPECT_EQ(identity->url(), server_.url()) << "whoever answered is asked next";
    const auto opened = Identity::open(world(), kFolder).value();
    EXPECT_EQ(opened->servers().count(), 2u);
    EXPECT_EQ(opened->keep_servers({server_.url()}), Status());
    EXPECT_EQ(opened->url(), server_.url());
    EXPECT_EQ(Identity::open(world(), kFolder).value()->servers().count(), 1u);
    EXPECT_EQ(Identity::open(world(), kFolder).value()->serial(), identity->serial());
}

TEST_F(IdentityTest, AnIdentityOfOneServersTimeIsRead) {
    ASSERT_TRUE(Identity::join(world(), options(server_)).ok());
    json::Value kept = json::parse(text("server.json")).value();
    kept.as_object().erase("servers");
    files_.overwrite(kFolder + "/server.json", to_bytes(json::write(kept)));
    EXPECT_EQ(Identity::open(world(), kFolder).value()->url(), server_.url());
}

TEST_F(IdentityTest, AnEndedIdentityIsKeptAndRenews) {
    testing::ManualClock past(machine_time() - kDay - hours(1));
    Authority then(past.now());
    const IdentityWorld world{files_, past};
    const auto identity = Identity::join(world, options(then)).value();
    EXPECT_EQ(identity->standing(past.now()), Identity::Standing::kGood);
    past.advance(kDay + hours(1));
    then.now = past.now();
    EXPECT_EQ(identity->standing(past.now()), Identity::Standing::kExpired);
    const auto opened = Identity::open(world, kFolder).value();
    EXPECT_EQ(opened->standing(past.now()), Identity::Standing::kExpired);
    EXPECT_EQ(opened->next_renewal(past.now()), past.now());
    const Status renewed = opened->renew();
    ASSERT_TRUE(renewed.ok()) << renewed.to_string();
    EXPECT_LT(then.shown_until, past.now()) << "it was shown although it had ended";
    EXPECT_EQ(opened->standing(past.now()), Identity::Standing::kGood);
}

TEST_F(IdentityTest, RenewalIsDueAroundHalfOfItsLifeAndNotForAllAtOnce) {
    std::vector<Duration> due;
    for (int i = 0; i < 20; ++i) {
        const auto identity = Identity::join(world(), options(server_)).value();
        due.push_back(identity->next_renewal(clock_.now()) - clock_.now());
        EXPECT_EQ(due.back(), identity->next_renewal(clock_.now()) - clock_.now());
        EXPECT_GE(due.back(), hours(10) + std::chrono::minutes(40));
        EXPECT_LE(due.back(), hours(13) + std::chrono::minutes(20));
    }
    std::sort(due.begin(), due.end());
    EXPECT_GT(due.back() - due.front(), hours(1));
}

TEST_F(IdentityTest, WhatCannotBeIsRefusedBeforeAnythingIsSent) {
    std::vector<JoinOptions> cases(7, options(server_));
    cases[0].token = "hfj.x.y.z";
    cases[1].token.clear();
    cases[2].url = "http://127.0.0.1:1";
    cases[3].url = "127.0.0.1:1";
    cases[4].url = "https://";
    cases[5].name = "Press 7";
    cases[6].name.clear();
    for (const JoinOptions& bad : cases) {
        EXPECT_EQ(Identity::join(world(), bad).status().code(), Code::kInvalidArgument);
    }
    EXPECT_TRUE(server_.keys.empty());
}

TEST_F(IdentityTest, ServersThatAreNotTheTokensOrAnswerOtherThingsAreNotBelieved) {
    Authority other(clock_.now());
    JoinOptions elsewhere = options(server_);
    elsewhere.url = other.url();
    EXPECT_EQ(Identity::join(world(), elsewhere).status().code(), Code::kUnauthenticated);
    EXPECT_TRUE(other.keys.empty()) << "the token was not shown to it";

    struct Case {
        std::string what;
        std::function<void()> lie;
        Code code;
        std::string_view says;
    };
    const auto json = [](int status, std::string body) {
        return http::Response::json(status, body);
    };
    const std::vector<Case> cases{
        {"another name", [&] { server_.name = "drill"; }, Code::kFailedPrecondition,
         "not for the node 'press'"},
        {"another key", [&] { server_.other_key = crypto::PrivateKey::generate().public_key(); },
         Code::kFailedPrecondition, "another key"},
        {"another root", [&] { server_.bundle = other.root.certificate_pem; },
         Code::kUnauthenticated, "certificate"},
        {"two roots", [&] { server_.bundle += other.root.certificate_pem; }, Code::kInvalidArgument,
         "2 certificates"},
        {"no root", [&] { server_.bundle = "x"; }, Code::kInvalidArgument, "0 certificates"},
        {"ended already", [&] { server_.validity = std::chrono::seconds(-60); },
         Code::kUnauthenticated, "clock"},
        {"no JSON", [&] { server_.instead = json(200, "<html>"); }, Code::kInternal, "no JSON"},
        {"a list", [&] { server_.instead = json(200, "[]"); }, Code::kInternal, "no JSON"},
        {"nothing in it", [&] { server_.instead = json(200, "{}"); }, Code::kInvalidArgument,
         "certificateChain"},
        {"too much", [&] { server_.instead = json(200, std::string(300u << 10, ' ')); },
         Code::kResourceExhausted, "limit"},
        {"elsewhere", [&] { server_.instead = json(404, "{}"); }, Code::kUnimplemented, "404"},
        {"a refusal", [&] { server_.instead = json(409, R"({"message":"node-name-taken: no"})"); },
         Code::kAlreadyExists, "node-name-taken: no"},
        {"trouble", [&] { server_.instead = json(500, "x"); }, Code::kInternal, "500"},
        {"busy", [&] { server_.instead = json(503, "x"); }, Code::kUnavailable, "503"},
    };
    const auto identity = Identity::join(world(), options(server_)).value();
    const std::string before = text("server.json"), serial = identity->serial();
    const auto honest = options(server_);
    for (const Case& c : cases) {
        c.lie();
        for (const Status& status : {Identity::join(world(), honest).status(), identity->renew()}) {
            EXPECT_EQ(status.code(), c.code) << c.what << ": " << status.to_string();
            EXPECT_NE(status.message().find(c.says), std::string::npos)
                << c.what << ": " << status.to_string();
        }
        EXPECT_EQ(text("server.json"), before) << c.what;
        EXPECT_EQ(identity->serial(), serial) << c.what;
        server_.name = "press";
        server_.other_key.reset();
        server_.instead.reset();
        server_.bundle = server_.root.certificate_pem;
        server_.validity = kDay;
    }
    server_.domain = "other";
    EXPECT_EQ(identity->renew().code(), Code::kFailedPrecondition);
    EXPECT_EQ(text("server.json"), before);
}

// What an opening finds: the serial, or what it says.
std::string found(IdentityWorld world) {
    const auto identity = Identity::open(world, kFolder);
    if (!identity.ok()) return std::string(code_name(identity.status().code()));
    const http::ClientOptions options = (*identity)->client_options();
    const auto key = crypto::PrivateKey::from_pem(options.key_pem).value();
    const auto svid = crypto::read_certificate(options.certificate_pem).value();
    EXPECT_TRUE(http::Client::create(options).ok()) << "key and certificate do not fit";
    return svid.serial_hex;
}

TEST_F(IdentityTest, ACrashWhileJoiningLeavesNothingOrAllAndTheSameKeyComesAgain) {
    for (const bool full : {false, true}) {
        for (std::uint64_t changes = 0;; ++changes) {
            testing::MemoryFiles files;
            const IdentityWorld world{files, clock_};
            server_.keys.clear();
            full ? files.fill_after(changes) : files.die_after(changes);
            const auto joined = Identity::join(world, options(server_));
            const bool through = files.changes() <= changes;
            files.restart();
            Rng rng(changes);
            if (!full) files.lose_power(rng);
            const std::string state = found(world);
            const std::string wanted = joined.ok() ? (*joined)->serial() : "NOT_FOUND";
            EXPECT_EQ(state, wanted) << changes;
            const auto again = Identity::join(world, options(server_));
            ASSERT_TRUE(again.ok()) << again.status().to_string();
            const std::set<std::string> keys(server_.keys.begin(), server_.keys.end());
            EXPECT_EQ(keys.size(), 1u) << "the token was used by another key at " << changes;
            if (through) break;
            ASSERT_LT(changes, 200u);
        }
    }
}

TEST_F(IdentityTest, ACrashWhileRenewingOrChangingTheKeyLeavesTheOldOrTheNew) {
    Authority other(clock_.now());
    for (const bool rejoin : {false, true}) {
        for (const bool full : {false, true}) {
            for (std::uint64_t changes = 0;; ++changes) {
                testing::MemoryFiles files;
                const IdentityWorld world{files, clock_};
                const auto identity = Identity::join(world, options(server_)).value();
                const std::string old = identity->serial();
                const std::uint64_t before = files.changes();
                full ? files.fill_after(before + changes) : files.die_after(before + changes);
                JoinOptions anew = options(other);
                anew.new_key = true;
                const Status status =
                    rejoin ? Identity::join(world, anew).status() : identity->renew();
                const bool through = files.changes() <= before + changes;
                files.restart();
                Rng rng(changes);
                if (!full) files.lose_power(rng);
                const std::string now = found(world);
                EXPECT_GT(now.size(), 20u) << now << " at " << changes;
                EXPECT_TRUE(status.ok() || now == old) << status.to_string();
                const auto opened = Identity::open(world, kFolder).value();
                EXPECT_EQ(opened->url(), now == old || !rejoin ? server_.url() : other.url());
                EXPECT_EQ(found(world), now) << "opening changes nothing";
                EXPECT_TRUE(opened->renew().ok());
                if (through) break;
                ASSERT_LT(changes, 200u);
            }
        }
    }
}

TEST_F(IdentityTest, ANewKeyTakesThePlaceOfTheOldOne) {
    ASSERT_TRUE(Identity::join(world(), options(server_)).ok());
    const std::string old = text("key.pem");
    JoinOptions anew = options(server_);
    anew.new_key = true;
    ASSERT_TRUE(Identity::join(world(), anew).ok());
    EXPECT_NE(text("key.pem"), old);
    EXPECT_EQ(text("key.next.pem"), "");
    const std::string second = text("key.pem");
    ASSERT_TRUE(Identity::join(world(), anew).ok());
    EXPECT_NE(text("key.pem"), second);
    const std::set<std::string> keys(server_.keys.begin(), server_.keys.end());
    EXPECT_EQ(keys.size(), 3u);
}

TEST_F(IdentityTest, DamageIsSaidAndNeverUsed) {
    ASSERT_TRUE(Identity::join(world(), options(server_)).ok());
    const std::string server = text("server.json"), key = text("key.pem");
    const std::string path = kFolder + "/server.json";
    for (std::size_t size = 0; size + 2 < server.size(); size += 7) {
        files_.overwrite(path, to_bytes(server.substr(0, size)));
        const Status status = Identity::open(world(), kFolder).status();
        EXPECT_EQ(status.code(), Code::kDataLoss) << size;
        EXPECT_NE(status.message().find("server.json"), std::string::npos);
    }
    files_.overwrite(path, to_bytes(server));
    const std::string other = crypto::PrivateKey::generate().pem();
    for (const std::string& bad : {std::string(), std::string("x"), other}) {
        files_.overwrite(kFolder + "/key.pem", to_bytes(bad));
        const Status status = Identity::open(world(), kFolder).status();
        EXPECT_EQ(status.code(), Code::kDataLoss);
        EXPECT_NE(status.message().find("key.pem"), std::string::npos);
    }
    files_.overwrite(kFolder + "/key.pem", to_bytes(key));
    files_.overwrite(kFolder + "/svid.pem", to_bytes("x"));
    ASSERT_TRUE(files_.remove(kFolder + "/bundle.pem").ok());
    ASSERT_TRUE(Identity::open(world(), kFolder).ok()) << "copies are made again";
    EXPECT_EQ(text("bundle.pem"), server_.root.certificate_pem);
    EXPECT_NE(text("svid.pem"), "x");
}

}  // namespace
}  // namespace hf::node
