#include "http/http2_client.h"

#include <gtest/gtest.h>

#include "http/certificates_test.h"
#include "http/grpc_client.h"
#include "http/grpc_wire.h"
#include "http/http2.h"
#include "http/http2_peer_test.h"

namespace hf::http {
namespace {

class Http2ClientTest : public ::testing::Test {
protected:
    static Router router() {
        Router router;
        router.add("GET", "/peer", [](const Request& request) {
            Response response = Response::text(200, request.peer);
            response.trailers.set("X-Version", fmt::format("{}", request.version));
            return response;
        });
        router.add("POST", "/size", [](const Request& request) {
            return Response::text(200, fmt::format("{}", request.body.size()));
        });
        router.add("GET", "/large",
                   [](const Request&) { return Response::text(200, std::string(6000000, 'x')); });
        router.add("GET", "/missing-large",
                   [](const Request&) { return Response::text(404, std::string(100000, 'x')); });
        router.add("GET", "/headers", [](const Request& request) {
            std::string names;
            for (const auto& [name, value] : request.headers.all()) names += name + ",";
            return Response::text(200, names);
        });
        return router;
    }

    static std::unique_ptr<Server> serve(ServerOptions options = {}) {
        options.http2 = &http2();
        return start(router(), std::move(options));
    }

    static std::unique_ptr<Client> client(ClientOptions options = {}) {
        return create_http2_client(std::move(options)).value();
    }

    static Result<Response> get(Client& client, std::string url) {
        ClientRequest request;
        request.url = std::move(url);
        return client.send(request);
    }
};

TEST_F(Http2ClientTest, AsksAgainOverTheSameConnection) {
    const std::unique_ptr<Server> server = serve();
    const std::unique_ptr<Client> client = this->client();
    const Response first = get(*client, url_of(*server, "/peer")).value();
    EXPECT_EQ(first.status, 200);
    EXPECT_EQ(first.trailers.get("x-version"), "2");
    EXPECT_EQ(get(*client, url_of(*server, "/nothing"))->status, 404);
    EXPECT_EQ(get(*client, url_of(*server, "/peer"))->body, first.body);
    EXPECT_EQ(as_text(get(*client, url_of(*server, "/headers"))->body), "user-agent,host,");
}

TEST_F(Http2ClientTest, LargeBodiesGoBothWays) {
    const std::unique_ptr<Server> server = serve();
    const std::unique_ptr<Client> client = this->client();
    ClientRequest request;
    request.method = "POST";
    request.url = url_of(*server, "/size");
    request.body = Bytes(8u << 20);
    EXPECT_EQ(as_text(client->send(request)->body), "8388608");
    EXPECT_EQ(get(*client, url_of(*server, "/large"))->body.size(), 6000000u);
    ClientRequest large;
    large.url = url_of(*server, "/large");
    std::size_t size = 0;
    large.sink = [&](ByteView bytes) -> Status {
        size += bytes.size();
        return {};
    };
    EXPECT_TRUE(client->send(large).ok());
    EXPECT_EQ(size, 6000000u);
    large.sink = [](ByteView) { return aborted("enough"); };
    EXPECT_EQ(client->send(large).status().code(), Code::kAborted);
    EXPECT_TRUE(get(*client, url_of(*server, "/peer")).ok()) << "over a new connection";
}

TEST_F(Http2ClientTest, BoundsWhatItCollects) {
    const std::unique_ptr<Server> server = serve();
    ClientOptions options;
    options.body_bytes_max = 99999;
    const std::unique_ptr<Client> client = this->client(options);
    EXPECT_EQ(get(*client, url_of(*server, "/missing-large")).status().code(),
              Code::kResourceExhausted);
    EXPECT_EQ(get(*client, url_of(*server, "/large")).status().code(), Code::kResourceExhausted);
}

TEST_F(Http2ClientTest, SendsNothingThatCannotBeSent) {
    const std::unique_ptr<Client> client = this->client();
    bool sent = false;
    ClientRequest request;
    request.url = "http://127.0.0.1:1/";
    request.sent = &sent;
    EXPECT_EQ(client->send(request).status().code(), Code::kUnavailable);
    request.headers.set("bad name", "x");
    EXPECT_EQ(client->send(request).status().code(), Code::kInvalidArgument);
    request.headers = {};
    request.method = "A B";
    EXPECT_EQ(client->send(request).status().code(), Code::kInvalidArgument);
    request.method = "PUT";
    request.source = [] { return Bytes(); };
    EXPECT_EQ(client->send(request).status().code(), Code::kUnimplemented);
    EXPECT_FALSE(sent);
}

TEST_F(Http2ClientTest, TlsSettlesOnHttp2OrNothing) {
    const TestCertificate ca = make_certificate({.common_name = "ca"}, nullptr);
    const TestCertificate own = make_certificate({}, &ca);
    ServerOptions options;
    options.tls.emplace();
    options.tls->certificate_pem = own.certificate_pem;
    options.tls->key_pem = own.key_pem;
    ClientOptions trusting;
    trusting.ca_pem = ca.certificate_pem;
    const std::unique_ptr<Client> client = this->client(trusting);
    {
        const std::unique_ptr<Server> server = serve(options);
        const std::string url = fmt::format("https://127.0.0.1:{}/peer", server->port());
        const Response first = get(*client, url).value();
        EXPECT_EQ(first.trailers.get("x-version"), "2");
        EXPECT_EQ(get(*client, url)->body, first.body);
        EXPECT_EQ(get(*this->client(), url).status().code(), Code::kUnauthenticated);
    }
    const std::unique_ptr<Server> older = start(router(), options);
    const Result<Response> refused =
        get(*client, fmt::format("https://127.0.0.1:{}/peer", older->port()));
    EXPECT_EQ(refused.status().code(), Code::kUnavailable);
    EXPECT_NE(refused.status().message().find("does not speak HTTP/2"), std::string_view::npos);
}

TEST_F(Http2ClientTest, NoticesThatItsServerWasRestarted) {
    std::unique_ptr<Server> server = serve();
    const std::unique_ptr<Client> client = this->client();
    const std::string url = url_of(*server, "/peer");
    ASSERT_TRUE(get(*client, url).ok());
    ServerOptions options;
    options.port = server->port();
    server.reset();
    EXPECT_EQ(get(*client, url).status().code(), Code::kUnavailable);
    server = serve(options);
    EXPECT_TRUE(get(*client, url).ok());
}

// What a server may say instead of an answer, frame by frame; it closes the connection then.
TEST_F(Http2ClientTest, HostileServersAreErrors) {
    const std::string settings = frame_bytes({h2::kSettings, 0, 0, ""});
    const auto stream = [&](std::uint8_t type, std::uint8_t flags, std::string payload) {
        std::string bytes = settings;
        bytes += frame_bytes({type, flags, 1, std::move(payload)});
        return bytes;
    };
    constexpr std::uint8_t kWhole = h2::kEndHeaders | h2::kEndStream;
    std::string endless = stream(h2::kHeaders, 0, literal_headers({{":status", "200"}}));
    for (int i = 0; i < 40; ++i) {
        const HeaderList more{{"x", std::string(4000, 'x')}};
        endless += frame_bytes({h2::kContinuation, 0, 1, literal_headers(more)});
    }
    const struct {
        const char* what;
        std::string says;
        Code code;
    } kCases[] = {
        {"all is well", stream(h2::kHeaders, kWhole, "\x88"), Code::kOk},
        {"nothing", "", Code::kUnavailable},
        {"HTTP/1", "HTTP/1.1 400 Bad Request\r\n\r\n", Code::kUnavailable},
        {"no HTTP", std::string(100, '\xff'), Code::kUnavailable},
        {"settings alone", settings, Code::kUnavailable},
        {"no status", stream(h2::kHeaders, kWhole, literal_headers({{"a", "b"}})),
         Code::kUnavailable},
        {"half an answer", stream(h2::kHeaders, h2::kEndHeaders, "\x88"), Code::kUnavailable},
        {"HPACK that is none", stream(h2::kHeaders, kWhole, "\xff\xff\xff\xff\xff"),
         Code::kUnavailable},
        {"a reset", stream(h2::kReset, 0, number32(h2::kCancel)), Code::kUnavailable},
        {"a refusal", stream(h2::kReset, 0, number32(h2::kRefused)), Code::kUnavailable},
        {"a body before its header", stream(h2::kData, h2::kEndStream, "x"), Code::kUnavailable},
        {"a header without an end", endless, Code::kUnavailable},
    };
    for (const auto& each : kCases) {
        const RawServer server(each.says);
        bool sent = false;
        ClientRequest request;
        request.url = server.url();
        request.sent = &sent;
        const Result<Response> response = client()->send(request);
        EXPECT_EQ(response.status().code(), each.code)
            << each.what << ": " << response.status().to_string();
        EXPECT_EQ(sent, std::string_view(each.what) != "a refusal") << each.what;
    }
}

// A server that breaks the protocol and goes on listening is left, too.
TEST_F(Http2ClientTest, ABrokenConnectionIsLeftThoughItStaysOpen) {
    const std::string settings = frame_bytes({h2::kSettings, 0, 0, ""});
    for (const Frame& wrong : {Frame{h2::kData, 0, 0, "x"}, Frame{h2::kSettings, h2::kAck, 0, "x"},
                               Frame{h2::kHeaders, h2::kEndHeaders, 2, "\x88"}}) {
        const RawServer server({settings + frame_bytes(wrong)}, RawServer::Then::kStays);
        EXPECT_EQ(get(*client(), server.url()).status().code(), Code::kUnavailable) << wrong.type;
    }
}

TEST_F(Http2ClientTest, WhatIsRefusedIsAskedOnceMore) {
    const std::string settings = frame_bytes({h2::kSettings, 0, 0, ""});
    const auto after_settings = [&](const Frame& frame) { return settings + frame_bytes(frame); };
    const std::string good =
        after_settings({h2::kHeaders, h2::kEndHeaders | h2::kEndStream, 1, "\x88"});
    const std::string leaving = number32(0) + number32(0);  // no stream, no error
    for (const std::string& refusal : {after_settings({h2::kReset, 0, 1, number32(h2::kRefused)}),
                                       after_settings({h2::kGoAway, 0, 0, leaving})}) {
        const RawServer server({refusal, good});
        bool sent = false;
        ClientRequest request;
        request.url = server.url();
        request.sent = &sent;
        const Result<Response> response = client()->send(request);
        EXPECT_EQ(response.status().to_string(), Status().to_string());
        EXPECT_TRUE(sent);
        EXPECT_EQ(server.connections(), 2u);
    }
    // One that has begun to answer has done something.
    std::string begun = after_settings({h2::kHeaders, h2::kEndHeaders, 1, "\x88"});
    begun += frame_bytes({h2::kReset, 0, 1, number32(h2::kRefused)});
    const RawServer server({begun, good});
    EXPECT_EQ(get(*client(), server.url()).status().code(), Code::kUnavailable);
    EXPECT_EQ(server.connections(), 1u);
}

// What is unread on a kept connection does not hide that it has ended.
TEST_F(Http2ClientTest, AKeptConnectionThatEndedIsNotUsed) {
    std::string answer = frame_bytes({h2::kSettings, 0, 0, ""});
    answer += frame_bytes({h2::kHeaders, h2::kEndHeaders | h2::kEndStream, 1, "\x88"});
    std::string more = answer;
    more += frame_bytes({h2::kPing, 0, 0, "12345678"});
    const RawServer server({more, answer});
    const std::unique_ptr<Client> client = this->client();
    ASSERT_TRUE(get(*client, server.url()).ok());
    while (server.closed() == 0) std::this_thread::yield();
    EXPECT_TRUE(get(*client, server.url()).ok());
    EXPECT_EQ(server.connections(), 2u);
}

TEST_F(Http2ClientTest, ThePulseEndsWaiting) {
    Router router;
    router.add("GET", "/wait", [](const Request& request) {
        while (!request.is_given_up()) std::this_thread::yield();
        return Response::text(200, "");
    });
    ServerOptions options;
    options.http2 = &http2();
    const std::unique_ptr<Server> server = start(std::move(router), options);
    ClientRequest request;
    request.url = url_of(*server, "/wait");
    int beats = 0;
    request.pulse = [&]() -> Status { return ++beats < 3 ? Status() : cancelled("enough"); };
    EXPECT_EQ(client()->send(request).status().code(), Code::kCancelled);
}

class GrpcClientTest : public ::testing::Test {
protected:
    // A server that answers every call so.
    Status ask(Response answer) {
        Router router;
        router.add("POST", "/a.B/C", [&](const Request& request) {
            asked_ = request;
            return answer;
        });
        ServerOptions options;
        options.http2 = &http2();
        const std::unique_ptr<Server> server = start(std::move(router), options);
        const std::unique_ptr<Client> client = create_http2_client({}).value();
        grpc::ClientCall call;
        call.url = url_of(*server, "/a.B/C");
        call.message = to_bytes("question");
        call.message_bytes_max = 100;
        call.timeout = std::chrono::milliseconds(1500);
        told_.clear();
        HF_TRY(grpc::call(*client, call, [this](ByteView message) -> Status {
            told_.emplace_back(as_text(message));
            return {};
        }));
        const Bytes one = HF_TRY(grpc::call(*client, call));
        EXPECT_EQ(as_text(one), told_.at(0));
        return {};
    }

    static Response answer(std::initializer_list<std::string_view> messages,
                           const Status& status = {}) {
        Response response;
        response.headers.set("Content-Type", "application/grpc");
        for (const std::string_view message : messages) {
            const Bytes framed = grpc::frame(as_bytes(message), false);
            response.body.insert(response.body.end(), framed.begin(), framed.end());
        }
        grpc::add_status(response.trailers, status);
        return response;
    }

    Request asked_;
    std::vector<std::string> told_;
};

TEST_F(GrpcClientTest, OneMessageThereAndOneBack) {
    ASSERT_TRUE(ask(answer({"reply"})).ok());
    EXPECT_EQ(told_, std::vector<std::string>{"reply"});
    EXPECT_EQ(as_text(asked_.body).substr(5), "question");
    EXPECT_EQ(asked_.headers.get("content-type"), "application/grpc");
    EXPECT_EQ(asked_.headers.get("te"), "trailers");
    EXPECT_EQ(asked_.headers.get("grpc-timeout"), "1500m");
}

TEST_F(GrpcClientTest, StreamsComeMessageByMessage) {
    EXPECT_EQ(ask(answer({"one", "", "three"})).code(), Code::kInternal)
        << "where one message is wanted";
    EXPECT_EQ(told_, (std::vector<std::string>{"one", "", "three"}));
    EXPECT_EQ(ask(answer({})).code(), Code::kInternal);
    EXPECT_EQ(ask(answer({"one"}, aborted("later"))).code(), Code::kAborted);
    EXPECT_EQ(told_, std::vector<std::string>{"one"}) << "what came before the end came";
}

TEST_F(GrpcClientTest, WhatTheServerRefusesKeepsItsCode) {
    Response only = answer({});
    only.headers = std::exchange(only.trailers, {});
    only.headers.set("Content-Type", "application/grpc");
    grpc::add_status(only.headers, not_found("no 'é'"));
    const Status status = ask(only);
    EXPECT_EQ(status.code(), Code::kNotFound);
    EXPECT_EQ(status.message(), "no 'é'");
    EXPECT_EQ(ask(Response::text(503, "busy")).code(), Code::kUnavailable);
    EXPECT_EQ(ask(Response::text(404, "what")).code(), Code::kUnimplemented);
}

TEST_F(GrpcClientTest, WhatIsNoGrpcIsAnError) {
    EXPECT_EQ(ask(Response::text(200, "hello, this is no gRPC")).code(), Code::kInternal);
    Response half = answer({"reply"});
    half.body.pop_back();
    EXPECT_EQ(ask(half).code(), Code::kInternal);
    Response packed = answer({"reply"});
    packed.body[0] = 1;
    EXPECT_EQ(ask(packed).code(), Code::kInternal);
    EXPECT_EQ(ask(answer({std::string(101, 'x')})).code(), Code::kResourceExhausted);
    Response plain = answer({"reply"});
    plain.headers.set("Content-Type", "text/plain");
    EXPECT_EQ(ask(plain).code(), Code::kInternal);
}

}  // namespace
}  // namespace hf::http
