// Identities of machines: names, requests, certificates, and those that others would like to pass.

#include "crypto/svid.h"

#include <gtest/gtest.h>
#include <openssl/pem.h>

#include "base/rng.h"
#include "crypto/issuing.h"
#include "testing/script.h"

namespace hf::crypto {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

const Instant kNow = parse_rfc3339("2026-11-24T12:00:00Z").value();
constexpr Duration kDay = hours(24), kYear = hours(24 * 365);

TEST(SpiffeId, TakesWhatTheStandardTakesAndNothingElse) {
    const auto id = SpiffeId::parse("spiffe://plant-1.example/node/Press_7");
    ASSERT_TRUE(id.ok()) << id.status().to_string();
    EXPECT_EQ(id->trust_domain(), "plant-1.example");
    EXPECT_EQ(id->path(), "/node/Press_7");
    EXPECT_TRUE(SpiffeId::parse("spiffe://a").ok());
    EXPECT_EQ(SpiffeId::parse("spiffe://a")->path(), "");
    for (const std::string text :
         {"", "spiffe://", "spiffe:///x", "http://a/b", "SPIFFE://a/b", "spiffe://A/b",
          "spiffe://a/", "spiffe://a//b", "spiffe://a/./b", "spiffe://a/../b", "spiffe://a/b/",
          "spiffe://a/b?c", "spiffe://a/b#c", "spiffe://u@a/b", "spiffe://a:1/b", "spiffe://a/%41",
          "spiffe://a/b c", "spiffe://a/\xc3\xa4"}) {
        EXPECT_EQ(SpiffeId::parse(text).status().code(), Code::kInvalidArgument) << text;
    }
    EXPECT_FALSE(SpiffeId::parse("spiffe://" + std::string(256, 'a')).ok());
    EXPECT_FALSE(SpiffeId::parse("spiffe://a/" + std::string(2048, 'b')).ok());
}

class Svids : public ::testing::Test {
protected:
    std::string chain(const std::string& leaf) const {
        return leaf + intermediate_.certificate_pem;
    }
    std::string issued(Instant now = kNow, Duration validity = kDay) const {
        return issue_svid(intermediate_, {key_.public_key(), id_}, now, validity).value();
    }
    Result<Svid> verified(const std::string& leaf, Instant now = kNow) const {
        return verify_svid(chain(leaf), bundles_, now);
    }

    // A leaf by the real authority, as OpenSSL's configuration words describe it.
    std::string forged(const char* alternative_names, const char* constraints,
                       const char* usage) const {
        const openssl::Certificate certificate(X509_new());
        const openssl::Certificate authority =
            parse_certificate(intermediate_.certificate_pem).value();
        const openssl::Key own = handle_of(key_), signing = handle_of(intermediate_.key);
        X509_set_version(certificate.get(), X509_VERSION_3);
        ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 77);
        X509_set_issuer_name(certificate.get(), X509_get_subject_name(authority.get()));
        const auto seconds = [](Instant at) {
            return std::chrono::duration_cast<std::chrono::seconds>(at.time_since_epoch()).count();
        };
        ASN1_TIME_set(X509_getm_notBefore(certificate.get()), seconds(kNow - hours(1)));
        ASN1_TIME_set(X509_getm_notAfter(certificate.get()), seconds(kNow + kDay));
        X509_set_pubkey(certificate.get(), own.get());
        const auto add = [&](int kind, const char* words) {
            if (!words) return;
            X509V3_CTX context;
            X509V3_set_ctx_nodb(&context);
            X509V3_set_ctx(&context, authority.get(), certificate.get(), nullptr, nullptr, 0);
            const openssl::Extension extension(
                X509V3_EXT_nconf_nid(nullptr, &context, kind, words));
            EXPECT_NE(extension, nullptr) << words;
            X509_add_ext(certificate.get(), extension.get(), -1);
        };
        add(NID_subject_alt_name, alternative_names);
        add(NID_basic_constraints, constraints);
        add(NID_key_usage, usage);
        X509_sign(certificate.get(), signing.get(), EVP_sha256());
        const openssl::Bio out(BIO_new(BIO_s_mem()));
        PEM_write_bio_X509(out.get(), certificate.get());
        return openssl::text_of(out);
    }

    const Credential root_ = make_root("root", kNow, 10 * kYear).value();
    const Credential intermediate_ = issue_intermediate(root_, "intermediate", kNow, kYear).value();
    const PrivateKey key_ = PrivateKey::generate();
    const SpiffeId id_ = SpiffeId::parse("spiffe://plant.example/node/press-7").value();
    const TrustBundles bundles_{{"plant.example", {root_.certificate_pem}}};
};

TEST_F(Svids, AMachineComesByItsIdentityAndIsKnownByIt) {
    const auto key = read_signing_request(make_signing_request(key_));
    ASSERT_TRUE(key.ok()) << key.status().to_string();
    EXPECT_EQ(key->pem(), key_.public_key().pem());
    const auto svid = verified(issued());
    ASSERT_TRUE(svid.ok()) << svid.status().to_string();
    EXPECT_EQ(svid->id, id_);
    EXPECT_EQ(svid->key.pem(), key_.public_key().pem());
    EXPECT_EQ(svid->not_after, kNow + kDay);
    EXPECT_FALSE(svid->serial_hex.empty());
    const openssl::Certificate leaf = parse_certificate(issued()).value();
    EXPECT_EQ(X509_NAME_entry_count(X509_get_subject_name(leaf.get())), 0);
    for (const int purpose : {X509_PURPOSE_SSL_SERVER, X509_PURPOSE_SSL_CLIENT}) {
        EXPECT_EQ(X509_check_purpose(leaf.get(), purpose, 0), 1);
    }
}

TEST_F(Svids, ItEndsWithItsTimeAndWithItsAuthority) {
    const std::string leaf = issued();
    EXPECT_EQ(verified(leaf, kNow + kDay + minutes(1)).status().code(), Code::kUnauthenticated);
    EXPECT_EQ(verified(leaf, kNow - hours(1)).status().code(), Code::kUnauthenticated);
    EXPECT_EQ(verified(issued(kNow, 3 * kYear), kNow)->not_after, kNow + kYear);
    EXPECT_EQ(
        issue_svid(intermediate_, {key_.public_key(), id_}, kNow + 2 * kYear, kDay).status().code(),
        Code::kFailedPrecondition);
}

TEST_F(Svids, OthersAreRefused) {
    const char* const kLeaf = "critical,CA:FALSE";
    const char* const kSign = "critical,digitalSignature";
    const char* const kName = "URI:spiffe://plant.example/node/x";
    EXPECT_TRUE(verified(forged(kName, kLeaf, kSign)).ok());
    const auto expect_refused = [&](const std::string& leaf, const std::string& why) {
        const Status status = verified(leaf).status();
        EXPECT_EQ(status.code(), Code::kUnauthenticated) << why;
        EXPECT_NE(status.message().find(why), std::string::npos) << why << ": " << status.message();
    };
    expect_refused(forged(nullptr, kLeaf, kSign), "no alternative name");
    expect_refused(
        forged("URI:spiffe://plant.example/a,URI:spiffe://plant.example/b", kLeaf, kSign),
        "2 alternative names");
    expect_refused(forged("URI:spiffe://plant.example/a,DNS:a.example", kLeaf, kSign),
                   "2 alternative names");
    expect_refused(forged("DNS:a.example", kLeaf, kSign), "no URI");
    expect_refused(forged("URI:https://plant.example/a", kLeaf, kSign), "no SPIFFE ID");
    expect_refused(forged("URI:spiffe://other.example/a", kLeaf, kSign), "'other.example'");
    expect_refused(forged(kName, "critical,CA:TRUE", "critical,keyCertSign"), "an authority");
    expect_refused(forged(kName, "critical,CA:TRUE", kSign), "an authority");
    expect_refused(forged(kName, kLeaf, "critical,digitalSignature,keyCertSign"), "may sign");
    expect_refused(forged(kName, kLeaf, "critical,keyAgreement"), "digital signatures");
    expect_refused("", "no alternative name");  // the intermediate is no machine
    expect_refused("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "0 PEM");
}

TEST_F(Svids, AStrangersAuthorityIsNotOurs) {
    const Credential stranger = make_root("root", kNow, kYear).value();
    const Credential theirs = issue_intermediate(stranger, "intermediate", kNow, kYear).value();
    const std::string leaf = issue_svid(theirs, {key_.public_key(), id_}, kNow, kDay).value();
    EXPECT_EQ(verify_svid(leaf + theirs.certificate_pem, bundles_, kNow).status().code(),
              Code::kUnauthenticated);
    // Without the intermediate, nothing leads to the root.
    EXPECT_EQ(verify_svid(issued(), bundles_, kNow).status().code(), Code::kUnauthenticated);
    // An intermediate signs no further authority.
    const auto below = issue_intermediate(intermediate_, "below", kNow, kYear);
    ASSERT_TRUE(below.ok());
    const std::string deep = issue_svid(*below, {key_.public_key(), id_}, kNow, kDay).value();
    EXPECT_EQ(
        verify_svid(deep + below->certificate_pem + intermediate_.certificate_pem, bundles_, kNow)
            .status()
            .code(),
        Code::kUnauthenticated);
}

TEST_F(Svids, ARequestIsSignedByItsOwnKeyOrRefused) {
    const std::string request = make_signing_request(key_);
    Rng rng(testing::seed());
    for (int round = 0; round < 500; ++round) {
        std::string changed = request;
        changed[rng.below(changed.size())] = static_cast<char>(33 + rng.below(90));
        const auto key = read_signing_request(changed);
        // Base64's last bits and the lines' ends may change nothing.
        if (key.ok()) {
            EXPECT_EQ(key->pem(), key_.public_key().pem());
        }
    }
    EXPECT_EQ(read_signing_request("").status().code(), Code::kInvalidArgument);
    EXPECT_EQ(read_signing_request(root_.certificate_pem).status().code(), Code::kInvalidArgument);
    EXPECT_EQ(read_signing_request(std::string(1 << 20, 'A')).status().code(),
              Code::kInvalidArgument);
}

TEST(Authority, IsCheckedAgainstItsKeyAndItsRoot) {
    const Credential root = make_root("root", kNow, kYear).value();
    const Credential other = make_root("root", kNow, kYear).value();
    const Credential good = issue_intermediate(root, "authority", kNow, kYear).value();
    const Credential foreign = issue_intermediate(other, "authority", kNow, kYear).value();
    EXPECT_TRUE(check_authority(good, root.certificate_pem).ok());
    const Credential server =
        issue_server_certificate(good, {{"localhost"}, {}}, kNow, kYear).value();
    const std::vector<std::pair<Credential, std::string_view>> cases{
        {foreign, "the root did not sign"},
        {{foreign.key, good.certificate_pem}, "the key is not"},
        {server, "no authority"},
    };
    for (const auto& [credential, says] : cases) {
        const Status status = check_authority(credential, root.certificate_pem);
        EXPECT_EQ(status.code(), Code::kFailedPrecondition) << says;
        EXPECT_NE(status.message().find(says), std::string::npos) << status.to_string();
    }
    EXPECT_EQ(check_authority(good, "nonsense").code(), Code::kInvalidArgument);
    EXPECT_EQ(certificate_digest("nonsense").status().code(), Code::kInvalidArgument);
    EXPECT_NE(certificate_digest(root.certificate_pem).value(),
              certificate_digest(other.certificate_pem).value());
}

}  // namespace
}  // namespace hf::crypto
