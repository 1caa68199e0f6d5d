#include "crypto/certificates.h"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>
#include <openssl/pem.h>

#include "base/text.h"
#include "crypto/openssl.h"

namespace hf::crypto {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

const Instant kNow = parse_rfc3339("2026-11-24T12:00:00Z").value();
constexpr Duration kYear = hours(24 * 365);

Bytes der_of(const std::string& pem) {
    std::string base64;
    for (std::string_view line : split(pem, '\n')) {
        if (!line.starts_with("-----")) base64 += line;
    }
    return from_base64(base64).value();
}

openssl::Certificate parsed(const std::string& pem) {
    return openssl::Certificate(
        PEM_read_bio_X509(openssl::view_of(pem).get(), nullptr, nullptr, nullptr));
}

// The verdict on a leaf by the chain rules that signatures use too.
Status verify(const Credential& leaf, const Credential& ca, Instant at) {
    return PublicKey::from_chain({der_of(leaf.certificate_pem)}, {ca.certificate_pem}, at).status();
}

class Certificates : public ::testing::Test {
protected:
    const Credential ca_ = make_ca("test authority", kNow, kYear).value();
};

TEST_F(Certificates, AServerCertificateNamesItsHostsAndAddressesOnly) {
    const Credential server =
        issue_server_certificate(
            ca_, {{"holdfast.example", "*.edge.example"}, {"127.0.0.1", "::1"}}, kNow, kYear)
            .value();
    const openssl::Certificate certificate = parsed(server.certificate_pem);
    const auto host = [&](const char* name) {
        return X509_check_host(certificate.get(), name, 0, 0, nullptr) == 1;
    };
    EXPECT_TRUE(host("holdfast.example"));
    EXPECT_TRUE(host("a.edge.example"));
    EXPECT_FALSE(host("a.b.edge.example"));
    EXPECT_FALSE(host("other.example"));
    EXPECT_EQ(X509_check_ip_asc(certificate.get(), "127.0.0.1", 0), 1);
    EXPECT_EQ(X509_check_ip_asc(certificate.get(), "::1", 0), 1);
    EXPECT_EQ(X509_check_ip_asc(certificate.get(), "127.0.0.2", 0), 0);
    EXPECT_EQ(X509_check_purpose(certificate.get(), X509_PURPOSE_SSL_SERVER, 0), 1);
    EXPECT_EQ(X509_check_purpose(certificate.get(), X509_PURPOSE_SSL_CLIENT, 0), 0);
}

TEST_F(Certificates, AClientCertificateTellsWhoAndWhichGroups) {
    const Credential client =
        issue_client_certificate(ca_, {"system:node:pump-7", {"system:nodes", "Grün"}}, kNow,
                                 hours(1))
            .value();
    const CertificateFacts facts = read_certificate(client.certificate_pem).value();
    EXPECT_EQ(facts.common_name, "system:node:pump-7");
    EXPECT_EQ(facts.organizations, (std::vector<std::string>{"system:nodes", "Grün"}));
    EXPECT_EQ(facts.not_before, kNow - kClockSkew);
    EXPECT_EQ(facts.not_after, kNow + hours(1));
    EXPECT_FALSE(facts.is_ca);
    const openssl::Certificate certificate = parsed(client.certificate_pem);
    EXPECT_EQ(X509_check_purpose(certificate.get(), X509_PURPOSE_SSL_CLIENT, 0), 1);
    EXPECT_EQ(X509_check_purpose(certificate.get(), X509_PURPOSE_SSL_SERVER, 0), 0);
}

TEST_F(Certificates, OnlyTheIssuerVouchesAndOnlyInTime) {
    const Credential leaf = issue_client_certificate(ca_, {"me", {}}, kNow, hours(1)).value();
    EXPECT_TRUE(verify(leaf, ca_, kNow).ok());
    EXPECT_TRUE(verify(leaf, ca_, kNow - minutes(4)).ok());
    EXPECT_EQ(verify(leaf, ca_, kNow - minutes(6)).code(), Code::kUnauthenticated);
    EXPECT_EQ(verify(leaf, ca_, kNow + hours(1) + minutes(1)).code(), Code::kUnauthenticated);
    // Another authority of the same name has another key.
    const Credential other = make_ca("test authority", kNow, kYear).value();
    EXPECT_EQ(verify(leaf, other, kNow).code(), Code::kUnauthenticated);
}

TEST_F(Certificates, KeyAndCertificateBelongTogether) {
    const Credential leaf = issue_client_certificate(ca_, {"me", {}}, kNow, hours(1)).value();
    const PublicKey shown =
        PublicKey::from_chain({der_of(leaf.certificate_pem)}, {ca_.certificate_pem}, kNow).value();
    EXPECT_EQ(shown.pem(), leaf.key.public_key().pem());
    EXPECT_TRUE(read_certificate(ca_.certificate_pem)->is_ca);
}

TEST_F(Certificates, SerialNumbersDoNotRepeat) {
    std::set<std::string> serials;
    for (int i = 0; i < 20; ++i) {
        const Credential leaf = issue_client_certificate(ca_, {"me", {}}, kNow, hours(1)).value();
        serials.insert(read_certificate(leaf.certificate_pem)->serial_hex);
    }
    EXPECT_EQ(serials.size(), 20u);
}

TEST_F(Certificates, ALeafEndsWithItsAuthority) {
    const Credential leaf = issue_client_certificate(ca_, {"me", {}}, kNow, 2 * kYear).value();
    EXPECT_EQ(read_certificate(leaf.certificate_pem)->not_after, kNow + kYear);
    EXPECT_EQ(issue_client_certificate(ca_, {"me", {}}, kNow + kYear, kYear).status().code(),
              Code::kFailedPrecondition);
    EXPECT_EQ(issue_client_certificate(ca_, {"me", {}}, kNow - kYear, kYear).status().code(),
              Code::kFailedPrecondition);
}

TEST_F(Certificates, OnlyAnAuthorityWithItsOwnKeyIssues) {
    const Credential leaf = issue_client_certificate(ca_, {"me", {}}, kNow, hours(1)).value();
    const ClientNames names{"you", {}};
    EXPECT_EQ(issue_client_certificate(leaf, names, kNow, kYear).status().code(),
              Code::kInvalidArgument);
    const Credential mixed{leaf.key, ca_.certificate_pem};
    EXPECT_EQ(issue_client_certificate(mixed, names, kNow, kYear).status().code(),
              Code::kInvalidArgument);
    const Credential nonsense{ca_.key, "nonsense"};
    EXPECT_EQ(issue_client_certificate(nonsense, names, kNow, kYear).status().code(),
              Code::kInvalidArgument);
}

TEST_F(Certificates, NamesThatACertificateCannotCarryAreRefused) {
    EXPECT_FALSE(make_ca("", kNow, kYear).ok());
    EXPECT_FALSE(make_ca(std::string(65, 'x'), kNow, kYear).ok());
    EXPECT_FALSE(issue_client_certificate(ca_, {std::string("a\0b", 3), {}}, kNow, kYear).ok());
    EXPECT_FALSE(issue_client_certificate(ca_, {"me", {"\xff"}}, kNow, kYear).ok());
    const std::vector<std::string> bad_hosts{"",    ".",     "a..b",    "-a",
                                             "a b", "a,b=c", "x.*.org", std::string(64, 'a')};
    for (const std::string& host : bad_hosts) {
        EXPECT_FALSE(issue_server_certificate(ca_, {{host}, {}}, kNow, kYear).ok()) << host;
    }
    EXPECT_FALSE(issue_server_certificate(ca_, {{}, {"127.0.0"}}, kNow, kYear).ok());
    EXPECT_FALSE(issue_server_certificate(ca_, {}, kNow, kYear).ok());
    EXPECT_FALSE(read_certificate("").ok());
    EXPECT_FALSE(read_certificate(std::string(1u << 20, 'x')).ok());
}

}  // namespace
}  // namespace hf::crypto
