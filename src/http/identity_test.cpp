// Who is at the other end: servers by a pinned authority, clients by what their certificates say.

#include <gtest/gtest.h>
#include <openssl/pem.h>

#include "http/certificates_test.h"
#include "http/client.h"
#include "http/peers_test.h"
#include "http/server.h"

namespace hf::http {
namespace {

constexpr long kHour = 3600;

Digest digest_of(const std::string& pem) {
    BIO* const bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
    X509* const certificate = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
    std::array<std::uint8_t, Digest::kSize> bytes{};
    X509_digest(certificate, EVP_sha256(), bytes.data(), nullptr);
    X509_free(certificate);
    BIO_free(bio);
    return Digest(bytes);
}

TestSubject authority(std::string name) {
    TestSubject subject;
    subject.common_name = std::move(name);
    subject.alternatives.clear();
    subject.authority = true;
    return subject;
}

class PeerIdentity : public ::testing::Test {
protected:
    static Router router() {
        Router router;
        router.add("GET", "/who", [](const Request& request) {
            std::string text = fmt::format("{} {} {}", request.tls_version, request.client_name,
                                           request.client_is_authority ? "authority" : "leaf");
            for (const std::string& uri : request.client_uris) text += " " + uri;
            return Response::text(200, text);
        });
        router.add("GET", "/details", [](const Request& request) {
            return Response::text(
                200, fmt::format("{} {} {}", request.client_serial, request.client_key.hex(),
                                 format_rfc3339(request.client_not_after)));
        });
        return router;
    }

    // A server that shows these certificates, the first of which is its own.
    static std::unique_ptr<Server> serve(const std::vector<TestCertificate>& chain) {
        ServerOptions options;
        options.tls.emplace();
        for (const TestCertificate& certificate : chain)
            options.tls->certificate_pem += certificate.certificate_pem;
        options.tls->key_pem = chain.front().key_pem;
        return start(router(), options);
    }

    std::unique_ptr<Server> serve_clients(bool admit_expired, bool only13 = false) const {
        ServerOptions options;
        options.tls = Tls{server_.certificate_pem + middle_.certificate_pem, server_.key_pem,
                          root_.certificate_pem, only13, admit_expired};
        return start(router(), options);
    }

    static Result<std::string> ask(const Server& server, const ClientOptions& options,
                                   std::string_view path = "/who",
                                   std::string_view host = "127.0.0.1") {
        ClientRequest request;
        request.url = fmt::format("https://{}:{}{}", host, server.port(), path);
        const std::unique_ptr<Client> client = Client::create(options).value();
        const Response response = HF_TRY(client->send(request));
        return std::string(as_text(response.body));
    }

    ClientOptions as(const TestCertificate& own) const {
        ClientOptions options;
        options.ca_pem = root_.certificate_pem;
        options.certificate_pem = own.certificate_pem + middle_.certificate_pem;
        options.key_pem = own.key_pem;
        return options;
    }

    const TestCertificate root_ = make_certificate({.common_name = "root"}, nullptr);
    const TestCertificate middle_ = make_certificate(authority("middle"), &root_);
    const TestCertificate server_ = make_certificate({}, &middle_);
    const TestCertificate other_root_ = make_certificate({.common_name = "root"}, nullptr);
    const TestCertificate other_middle_ = make_certificate(authority("middle"), &other_root_);
    const TestCertificate other_server_ = make_certificate({}, &other_middle_);
};

TEST_F(PeerIdentity, APinnedAuthorityIsBelievedWithoutBeingKnown) {
    const std::unique_ptr<Server> server = serve({server_, middle_, root_});
    for (const TestCertificate* pinned : {&root_, &middle_}) {
        ClientOptions options;
        options.pinned_ca_sha256 = digest_of(pinned->certificate_pem);
        options.tls13_only = true;
        for (const char* host : {"127.0.0.1", "localhost"}) {
            const Result<std::string> answer = ask(*server, options, "/who", host);
            ASSERT_TRUE(answer.ok()) << answer.status().to_string();
            EXPECT_EQ(*answer, "TLSv1.3  leaf");
        }
    }
}

TEST_F(PeerIdentity, EveryOtherServerIsRefusedByAPin) {
    TestSubject elsewhere, ended, begins_later, old_middle = authority("middle");
    elsewhere.alternatives = "DNS:other.example,IP:127.0.0.2";
    ended.ends_in_s = -60;
    begins_later.starts_in_s = kHour / 2;
    old_middle.ends_in_s = -60;
    const TestCertificate ended_middle = make_certificate(old_middle, &root_);
    const TestCertificate by_forged = make_certificate({}, &other_middle_);
    const TestCertificate own = make_certificate({}, nullptr);
    struct Case {
        std::string name;
        std::vector<TestCertificate> chain;
        const TestCertificate* pinned = nullptr;
        std::string_view says;
    };
    const std::vector<Case> cases{
        {"another pin", {server_, middle_, root_}, &other_root_, "shows no certificate"},
        {"a pin of the leaf", {server_, middle_, root_}, &server_, "shows no certificate"},
        {"a leaf that is its own root", {own}, &own, "shows no certificate"},
        {"the leaf shown twice", {own, own}, &own, "shows no certificate"},
        {"the root not shown", {server_, middle_}, &root_, "shows no certificate"},
        {"another chain, the root stuffed beside",
         {other_server_, other_middle_, root_},
         &root_,
         "not to be trusted"},
        {"another chain, whole, the root last",
         {other_server_, other_middle_, other_root_, root_},
         &root_,
         "not to be trusted"},
        {"a forged authority of the same name",
         {by_forged, other_middle_, middle_, root_},
         &root_,
         "not to be trusted"},
        {"the authority between left out", {server_, root_}, &root_, "not to be trusted"},
        {"another host",
         {make_certificate(elsewhere, &middle_), middle_, root_},
         &root_,
         "not to be trusted"},
        {"expired",
         {make_certificate(ended, &middle_), middle_, root_},
         &root_,
         "certificate has expired"},
        {"not yet valid",
         {make_certificate(begins_later, &middle_), middle_, root_},
         &root_,
         "not yet valid"},
        {"an authority between that ended",
         {make_certificate({}, &ended_middle), ended_middle, root_},
         &root_,
         "certificate has expired"},
        {"for clients only",
         {make_certificate({.usage = "clientAuth"}, &middle_), middle_, root_},
         &root_,
         "not to be trusted"},
        {"a leaf that signs",
         {make_certificate({}, &server_), server_, middle_, root_},
         &root_,
         "not to be trusted"},
    };
    for (const Case& c : cases) {
        const std::unique_ptr<Server> server = serve(c.chain);
        ClientOptions options;
        options.pinned_ca_sha256 = digest_of(c.pinned->certificate_pem);
        options.ca_pem = other_root_.certificate_pem;  // counts for nothing beside a pin
        const Result<std::string> answer = ask(*server, options);
        EXPECT_EQ(answer.status().code(), Code::kUnauthenticated) << c.name;
        EXPECT_NE(answer.status().message().find(c.says), std::string::npos)
            << c.name << ": " << answer.status().to_string();
    }
}

TEST_F(PeerIdentity, APinnedClientNeverSpeaksWithoutTls) {
    const std::unique_ptr<Server> plain = start(router());
    ClientOptions pinned, only13;
    pinned.pinned_ca_sha256 = Digest();
    only13.tls13_only = true;
    for (const ClientOptions& options : {pinned, only13}) {
        ClientRequest request;
        request.url = fmt::format("http://127.0.0.1:{}/who", plain->port());
        EXPECT_EQ(Client::create(options).value()->send(request).status().code(),
                  Code::kInvalidArgument);
    }
}

TEST_F(PeerIdentity, OlderVersionsOfTlsAreRefusedWhereAskedTo) {
    const std::unique_ptr<Server> server = serve_clients(false, true);
    const std::unique_ptr<Server> lenient = serve_clients(false);
    const auto speaks_tls12 = [](const Server& asked) {
        const std::string command = fmt::format(
            "echo | openssl s_client -connect 127.0.0.1:{} -tls1_2 >/dev/null 2>&1", asked.port());
        return std::system(command.c_str()) == 0;
    };
    EXPECT_TRUE(speaks_tls12(*lenient));
    EXPECT_FALSE(speaks_tls12(*server));
    ClientOptions options;
    options.ca_pem = root_.certificate_pem;
    EXPECT_TRUE(ask(*server, options).ok());
}

TEST_F(PeerIdentity, HandlersLearnWhatAClientsCertificateSays) {
    const std::unique_ptr<Server> server = serve_clients(false);
    struct Case {
        std::string alternatives;
        bool authority;
        std::string_view answer;
    };
    const std::vector<Case> cases{
        {"URI:spiffe://plant/node/a", false, "TLSv1.3 test leaf spiffe://plant/node/a"},
        {"URI:spiffe://plant/node/a,DNS:x.example,URI:b:c", false,
         "TLSv1.3 test leaf spiffe://plant/node/a b:c"},
        {"DNS:x.example", false, "TLSv1.3 test leaf"},
        {"", false, "TLSv1.3 test leaf"},
        {"URI:spiffe://plant/node/a", true, "TLSv1.3 test authority spiffe://plant/node/a"},
    };
    for (const Case& c : cases) {
        TestSubject subject;
        subject.alternatives = c.alternatives;
        subject.authority = c.authority;
        const Result<std::string> answer = ask(*server, as(make_certificate(subject, &middle_)));
        ASSERT_TRUE(answer.ok()) << answer.status().to_string();
        EXPECT_EQ(*answer, c.answer);
    }
    ClientOptions nobody;
    nobody.ca_pem = root_.certificate_pem;
    EXPECT_EQ(ask(*server, nobody).value(), "TLSv1.3  leaf");
    EXPECT_EQ(ask(*server, nobody, "/details").value(),
              fmt::format(" {} 1970-01-01T00:00:00Z", Digest().hex()));
}

TEST_F(PeerIdentity, SerialKeyAndEndAreThoseOfTheCertificate) {
    const std::unique_ptr<Server> server = serve_clients(false);
    const TestCertificate own = make_certificate({}, &middle_);
    const std::string first = ask(*server, as(own), "/details").value();
    EXPECT_EQ(ask(*server, as(own), "/details").value(), first);
    EXPECT_NE(ask(*server, as(make_certificate({}, &middle_)), "/details").value(), first);
    EXPECT_GE(first.size(), 64u + 2u + 20u + 1u);
}

TEST_F(PeerIdentity, ExpiredClientsAreAdmittedOnlyWhereAskedToAndOnlyTheirOwnEndIsForgiven) {
    TestSubject ended, old_middle = authority("middle");
    ended.ends_in_s = -60;
    old_middle.ends_in_s = -60;
    const TestCertificate expired = make_certificate(ended, &middle_);
    const std::unique_ptr<Server> strict = serve_clients(false);
    EXPECT_EQ(ask(*strict, as(expired)).status().code(), Code::kUnauthenticated);
    const std::unique_ptr<Server> lenient = serve_clients(true);
    EXPECT_TRUE(ask(*lenient, as(expired)).ok());
    const TestCertificate gone = make_certificate(old_middle, &root_);
    ClientOptions by_gone = as(expired);
    const TestCertificate under_gone = make_certificate({}, &gone);
    by_gone.certificate_pem = under_gone.certificate_pem + gone.certificate_pem;
    by_gone.key_pem = under_gone.key_pem;
    const TestCertificate ended_other = make_certificate(ended, &other_middle_);
    ClientOptions other = as(ended_other);
    other.certificate_pem = ended_other.certificate_pem + other_middle_.certificate_pem;
    const ClientOptions alone = as(make_certificate({}, nullptr));
    for (const ClientOptions& bad : {by_gone, other, alone})
        EXPECT_EQ(ask(*lenient, bad).status().code(), Code::kUnauthenticated);
}

TEST_F(PeerIdentity, AChainEndsAtAnAuthorityThatTheServerTrusts) {
    ServerOptions options;
    options.tls = Tls{server_.certificate_pem + middle_.certificate_pem, server_.key_pem,
                      root_.certificate_pem + middle_.certificate_pem};
    const std::unique_ptr<Server> server = start(router(), options);
    const TestCertificate own = make_certificate({}, &middle_);
    ClientOptions leaf_only = as(own);
    leaf_only.certificate_pem = own.certificate_pem;
    EXPECT_TRUE(ask(*server, leaf_only).ok());
    EXPECT_TRUE(ask(*server, as(own)).ok());
    // Of another authority under the same root, which the server does not have.
    const TestCertificate second = make_certificate(authority("second"), &root_);
    const TestCertificate under_second = make_certificate({}, &second);
    ClientOptions by_second = as(under_second);
    EXPECT_FALSE(ask(*server, by_second).ok());
    by_second.certificate_pem = under_second.certificate_pem + second.certificate_pem;
    EXPECT_TRUE(ask(*server, by_second).ok());
    // One of the same name under another root is somebody else.
    const TestCertificate stranger = make_certificate({}, &other_middle_);
    ClientOptions strange = as(stranger);
    strange.certificate_pem = stranger.certificate_pem + other_middle_.certificate_pem;
    EXPECT_EQ(ask(*server, strange).status().code(), Code::kUnauthenticated);
}

TEST_F(PeerIdentity, AServerIsBelievedByItsUri) {
    TestSubject node, two, nobody;
    node.alternatives = "URI:spiffe://plant/node/a";
    two.alternatives = "URI:spiffe://plant/node/a,URI:spiffe://plant/node/b";
    ClientOptions options;
    options.ca_pem = root_.certificate_pem;
    options.server_uri = "spiffe://plant/node/a";
    const TestCertificate good = make_certificate(node, &middle_);
    const std::unique_ptr<Server> server = serve({good, middle_});
    EXPECT_EQ(ask(*server, options).value_or(""), "TLSv1.3  leaf");
    for (const TestSubject& subject : {two, nobody}) {
        const std::unique_ptr<Server> other = serve({make_certificate(subject, &middle_), middle_});
        EXPECT_EQ(ask(*other, options).status().code(), Code::kUnauthenticated);
    }
    const std::unique_ptr<Server> strange =
        serve({make_certificate(node, &other_middle_), other_middle_});
    EXPECT_EQ(ask(*strange, options).status().code(), Code::kUnauthenticated);
    options.server_uri = "spiffe://plant/node/b";
    EXPECT_NE(ask(*server, options).status().message().find("is spiffe://plant/node/a, not"),
              std::string::npos);
}

TEST_F(PeerIdentity, ACertificateIsRenewedWhileTheServerRuns) {
    const std::unique_ptr<Server> server = serve({server_, middle_, root_});
    ClientOptions options;
    options.ca_pem = root_.certificate_pem;
    EXPECT_TRUE(ask(*server, options).ok());
    EXPECT_FALSE(server->renew_tls({"no certificate", "", ""}).ok());
    EXPECT_TRUE(ask(*server, options).ok()) << "what is not good changes nothing";
    ASSERT_TRUE(server
                    ->renew_tls({other_server_.certificate_pem + other_middle_.certificate_pem,
                                 other_server_.key_pem, ""})
                    .ok());
    EXPECT_FALSE(ask(*server, options).ok());
    options.ca_pem = other_root_.certificate_pem;
    EXPECT_TRUE(ask(*server, options).ok());
}

TEST_F(PeerIdentity, AGateAnswersBeforeAnyHandler) {
    ServerOptions options;
    options.gate = [](const Request& request) -> std::optional<Response> {
        if (request.headers.get("Key")) return std::nullopt;
        return Response::error(401, "who are you?");
    };
    const std::unique_ptr<Server> server = start(router(), options);
    ClientRequest request;
    request.url = fmt::format("http://127.0.0.1:{}/who", server->port());
    const std::unique_ptr<Client> client = Client::create({}).value();
    EXPECT_EQ(client->send(request)->status, 401);
    request.headers.add("Key", "k");
    EXPECT_EQ(client->send(request)->status, 200);
}

}  // namespace
}  // namespace hf::http
