#include <gtest/gtest.h>

#include "http/certificates_test.h"
#include "http/client.h"
#include "http/connection.h"
#include "http/peers_test.h"
#include "http/server.h"

namespace hf::http {
namespace {

class TlsTest : public ::testing::Test {
protected:
    static Router router() {
        Router router;
        router.add("GET", "/who", [](const Request& request) {
            return Response::text(200, "you are " + request.client_name);
        });
        router.add("POST", "/echo", [](const Request& request) {
            Response response;
            response.body = request.body;
            return response;
        });
        return router;
    }

    ServerOptions options(const TestCertificate& certificate) const {
        ServerOptions options;
        options.tls = Tls{certificate.certificate_pem, certificate.key_pem, ca_.certificate_pem};
        return options;
    }

    static ClientRequest get(const Server& server, std::string_view host = "127.0.0.1") {
        ClientRequest request;
        request.url = fmt::format("https://{}:{}/who", host, server.port());
        return request;
    }

    Result<Response> ask(const ClientRequest& request, ClientOptions options = {}) const {
        if (options.ca_pem.empty()) options.ca_pem = ca_.certificate_pem;
        return Client::create(options).value()->send(request);
    }

    const TestCertificate ca_ = make_certificate({.common_name = "authority"}, nullptr);
    const TestCertificate other_ca_ = make_certificate({.common_name = "authority"}, nullptr);
    const TestCertificate good_ = make_certificate({}, &ca_);
};

TEST_F(TlsTest, AServerOfATrustedAuthorityIsAsked) {
    const std::unique_ptr<Server> server = start(router(), options(good_));
    for (const char* host : {"127.0.0.1", "localhost"}) {
        const Result<Response> response = ask(get(*server, host));
        ASSERT_TRUE(response.ok()) << response.status().to_string();
        EXPECT_EQ(as_text(response->body), "you are ");
    }
}

// Each of them says the first byte of a handshake and no more.
TEST_F(TlsTest, ClientsThatDallyKeepTheOthersWaitingForAMomentOnly) {
    ServerOptions limited = options(good_);
    limited.limits.handshake_timeout = 2 * kPatience;
    const std::unique_ptr<Server> server = start(router(), limited);
    std::vector<std::unique_ptr<RawSocket>> dallying;
    for (std::size_t i = 0; i < kHandshakesAtOnce + 1; ++i) {
        dallying.push_back(std::make_unique<RawSocket>(server->port()));
        ASSERT_TRUE(dallying.back()->send("\x16"));
    }
    for (int again = 0; again < 2; ++again) {
        const Result<Response> response = ask(get(*server));
        ASSERT_TRUE(response.ok()) << response.status().to_string();
    }
}

TEST_F(TlsTest, LargeBodiesComeThroughOverOneConnection) {
    const std::unique_ptr<Server> server = start(router(), options(good_));
    ClientOptions trusting;
    trusting.ca_pem = ca_.certificate_pem;
    const std::unique_ptr<Client> client = Client::create(trusting).value();
    ClientRequest request;
    request.method = "POST";
    request.url = fmt::format("https://127.0.0.1:{}/echo", server->port());
    for (std::size_t size : {3000000u, 0u, 1u, 70000u}) {
        request.body.assign(size, 0x5a);
        const Result<Response> response = client->send(request);
        ASSERT_TRUE(response.ok()) << response.status().to_string();
        EXPECT_EQ(response->body, request.body);
    }
}

TEST_F(TlsTest, ServersThatCannotBeTrustedAreNotAsked) {
    struct Case {
        std::string name;
        TestCertificate certificate;
    };
    const std::vector<Case> cases{
        {"expired", make_certificate({.ends_in_s = -60}, &ca_)},
        {"not yet valid", make_certificate({.starts_in_s = 1800}, &ca_)},
        {"of another authority", make_certificate({}, &other_ca_)},
        {"of another host", make_certificate({.alternatives = "DNS:other.example"}, &ca_)},
        {"for clients", make_certificate({.usage = "clientAuth"}, &ca_)},
        {"signed by itself", make_certificate({}, nullptr)},
    };
    for (const Case& c : cases) {
        const std::unique_ptr<Server> server = start(router(), options(c.certificate));
        const Result<Response> response = ask(get(*server));
        EXPECT_EQ(response.status().code(), Code::kUnauthenticated)
            << c.name << ": " << response.status().to_string();
    }
}

TEST_F(TlsTest, AClientIsKnownByItsCertificate) {
    const std::unique_ptr<Server> server = start(router(), options(good_));
    const TestCertificate mine = make_certificate({.common_name = "pump-7"}, &ca_);
    ClientOptions known;
    known.certificate_pem = mine.certificate_pem;
    known.key_pem = mine.key_pem;
    const Result<Response> response = ask(get(*server), known);
    ASSERT_TRUE(response.ok()) << response.status().to_string();
    EXPECT_EQ(as_text(response->body), "you are pump-7");
}

TEST_F(TlsTest, AClientWithABadCertificateIsRefused) {
    const std::unique_ptr<Server> server = start(router(), options(good_));
    for (const TestCertificate& bad :
         {make_certificate({}, &other_ca_), make_certificate({.ends_in_s = -60}, &ca_),
          make_certificate({.usage = "serverAuth"}, &ca_)}) {
        ClientOptions known;
        known.certificate_pem = bad.certificate_pem;
        known.key_pem = bad.key_pem;
        const Result<Response> response = ask(get(*server), known);
        EXPECT_FALSE(response.ok());
        EXPECT_EQ(response.status().code(), Code::kUnauthenticated)
            << response.status().to_string();
    }
}

TEST_F(TlsTest, OtherAddressesThanLoopbackAreForTlsOnly) {
    ServerOptions everywhere = options(good_);
    everywhere.address = "0.0.0.0";
    const std::unique_ptr<Server> server = start(router(), everywhere);
    EXPECT_TRUE(ask(get(*server)).ok());
}

TEST_F(TlsTest, KeysAndCertificatesMustFit) {
    ServerOptions mixed = options(good_);
    mixed.tls->key_pem = ca_.key_pem;
    EXPECT_EQ(Server::start(mixed, {}).status().code(), Code::kInvalidArgument);
    mixed.tls->key_pem = "nonsense";
    EXPECT_EQ(Server::start(mixed, {}).status().code(), Code::kInvalidArgument);
    mixed = options(good_);
    mixed.tls->client_ca_pem = "nonsense";
    EXPECT_EQ(Server::start(mixed, {}).status().code(), Code::kInvalidArgument);
    ClientOptions trusting;
    trusting.ca_pem = "nonsense";
    EXPECT_EQ(Client::create(trusting).status().code(), Code::kInvalidArgument);
}

TEST_F(TlsTest, WhoDoesNotShakeHandsIsLeft) {
    ServerOptions impatient = options(good_);
    impatient.limits.handshake_timeout = std::chrono::milliseconds(50);
    const std::unique_ptr<Server> server = start(router(), impatient);
    RawSocket silent(server->port());
    EXPECT_EQ(silent.read_to_end(), "");
    RawSocket plain(server->port());
    plain.send("GET /who HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(plain.read_to_end().find("HTTP"), std::string::npos);
    EXPECT_TRUE(ask(get(*server)).ok());
}

TEST_F(TlsTest, StreamsEndWhenTheClientGoesAway) {
    const auto feed = std::make_shared<Feed>();
    std::future<void> destroyed = feed->destroyed();
    Router streams;
    streams.add("GET", "/who", [&](const Request&) {
        Response response;
        response.stream = feed->stream();
        return response;
    });
    const std::unique_ptr<Server> server = start(std::move(streams), options(good_));
    ClientRequest request = get(*server);
    std::string seen;
    request.sink = [&](ByteView piece) -> Status {
        seen += as_text(piece);
        if (seen == "one") feed->push("two");
        return seen == "onetwo" ? cancelled("enough") : Status();
    };
    feed->push("one");
    EXPECT_EQ(ask(request).status().code(), Code::kCancelled);
    EXPECT_EQ(destroyed.wait_for(kPatience), std::future_status::ready);
}

TEST_F(TlsTest, ARedirectAwayFromTlsIsRefused) {
    const std::unique_ptr<Server> plain = start(router());
    Router redirecting;
    redirecting.add("GET", "/who", [&](const Request&) {
        Response response = Response::text(302, "");
        response.headers.set("Location", url_of(*plain, "/who"));
        return response;
    });
    const std::unique_ptr<Server> server = start(std::move(redirecting), options(good_));
    EXPECT_EQ(ask(get(*server)).status().code(), Code::kFailedPrecondition);
}

TEST_F(TlsTest, DrainSaysGoodbye) {
    ServerOptions brief = options(good_);
    brief.limits.last_call = std::chrono::milliseconds(20);
    const std::unique_ptr<Server> server = start(router(), brief);
    ClientOptions trusting;
    trusting.ca_pem = ca_.certificate_pem;
    const std::unique_ptr<Client> client = Client::create(trusting).value();
    EXPECT_TRUE(client->send(get(*server)).ok());
    EXPECT_TRUE(server->drain(kPatience));
    EXPECT_EQ(client->send(get(*server)).status().code(), Code::kUnavailable);
}

}  // namespace
}  // namespace hf::http
