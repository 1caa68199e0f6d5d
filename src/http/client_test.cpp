#include "http/client.h"

#include <latch>

#include <gtest/gtest.h>

#include "http/peers_test.h"
#include "http/server.h"

namespace hf::http {
namespace {

Response redirect(int status, std::string location) {
    Response response = Response::text(status, "over there");
    response.headers.set("Location", std::move(location));
    return response;
}

// "METHOD body|authorization|type" of what arrived.
Response tell(const Request& request) {
    return Response::text(200, fmt::format("{} {}|{}|{}", request.method, as_text(request.body),
                                           request.headers.get("Authorization").value_or("-"),
                                           request.headers.get("Content-Type").value_or("-")));
}

class ClientTest : public ::testing::Test {
protected:
    Router router() {
        Router router;
        for (const char* method : {"GET", "POST", "PUT", "DELETE"}) {
            router.add(method, "/tell", tell);
            for (int status : {301, 302, 303, 307, 308}) {
                router.add(method, fmt::format("/{}", status),
                           [status](const Request&) { return redirect(status, "tell"); });
            }
        }
        router.add("GET", "/peer",
                   [](const Request& request) { return Response::text(200, request.peer); });
        router.add("GET", "/headers", [](const Request& request) {
            std::string names;
            for (const auto& [name, value] : request.headers.all()) names += name + ",";
            return Response::text(200, names);
        });
        router.add("GET", "/loop", [](const Request&) { return redirect(302, "/loop"); });
        router.add("GET", "/elsewhere",
                   [this](const Request&) { return redirect(307, url_of(*other_, "/tell")); });
        router.add("GET", "/large",
                   [](const Request&) { return Response::text(200, std::string(100000, 'x')); });
        router.add("GET", "/missing-large",
                   [](const Request&) { return Response::text(404, std::string(100000, 'x')); });
        router.add("PUT", "/size", [](const Request& request) {
            return Response::text(200, fmt::format("{}", request.body.size()));
        });
        return router;
    }

    Router other_router() {
        Router router;
        router.add("GET", "/tell", tell);
        return router;
    }

    ClientRequest request(std::string method, std::string_view path) {
        ClientRequest request;
        request.method = std::move(method);
        request.url = url_of(*server_, path);
        return request;
    }

    std::string ask(const ClientRequest& request) {
        const Result<Response> response = client_->send(request);
        return response.ok() ? std::string(as_text(response->body)) : response.status().to_string();
    }

    static std::unique_ptr<Client> client(ClientOptions options = {}) {
        return Client::create(std::move(options)).value();
    }

    std::unique_ptr<Server> other_ = start(other_router());
    std::unique_ptr<Server> server_ = start(router());
    std::unique_ptr<Client> client_ = client();
};

TEST_F(ClientTest, OneConnectionIsKeptAndNothingCompressedIsAskedFor) {
    const std::string first = ask(request("GET", "/peer"));
    EXPECT_TRUE(first.starts_with("127.0.0.1:")) << first;
    EXPECT_EQ(ask(request("GET", "/peer")), first);
    EXPECT_EQ(ask(request("GET", "/headers")), "Host,User-Agent,");
    ClientRequest post = request("POST", "/tell");
    post.body = to_bytes("hi");
    post.headers.set("Content-Type", "text/x");
    EXPECT_EQ(ask(post), "POST hi|-|text/x");
    EXPECT_EQ(ask(request("DELETE", "/tell")), "DELETE |-|-");
}

TEST_F(ClientTest, AnyStatusIsAnAnswer) {
    const Result<Response> missing = client_->send(request("GET", "/nothing"));
    ASSERT_TRUE(missing.ok());
    EXPECT_EQ(missing->status, 404);
    EXPECT_EQ(missing->headers.get("content-type"), "application/json");
    const Result<Response> head = client_->send(request("HEAD", "/large"));
    ASSERT_TRUE(head.ok());
    EXPECT_EQ(head->headers.get("Content-Length"), "100000");
    EXPECT_TRUE(head->body.empty());
}

TEST_F(ClientTest, AConnectionThatTheServerClosedIsReplaced) {
    ServerOptions options;
    std::unique_ptr<Server> server = start(other_router(), options);
    options.port = server->port();
    ClientRequest get;
    get.url = url_of(*server, "/tell");
    for (int i = 0; i < 5; ++i) {
        EXPECT_EQ(ask(get), "GET |-|-");
        server.reset();
        server = start(other_router(), options);
    }
    EXPECT_EQ(ask(get), "GET |-|-");
}

TEST_F(ClientTest, RedirectsAreFollowedAsTheirStatusSays) {
    struct Case {
        std::string method;
        std::string path;
        std::string told;
    };
    for (const Case& c : std::vector<Case>{
             {"POST", "/301", "GET |-|-"},
             {"POST", "/302", "GET |-|-"},
             {"POST", "/303", "GET |-|-"},
             {"PUT", "/303", "GET |-|-"},
             {"PUT", "/302", "PUT hi|-|text/x"},
             {"POST", "/307", "POST hi|-|text/x"},
             {"POST", "/308", "POST hi|-|text/x"},
         }) {
        ClientRequest request = this->request(c.method, c.path);
        request.body = to_bytes("hi");
        request.headers.set("Content-Type", "text/x");
        EXPECT_EQ(ask(request), c.told) << c.method << c.path;
    }
    EXPECT_EQ(client_->send(request("GET", "/loop")).status().code(), Code::kFailedPrecondition);
}

TEST_F(ClientTest, AuthorizationStaysWithItsHost) {
    ClientRequest same = request("GET", "/307");
    same.headers.set("Authorization", "secret");
    EXPECT_EQ(ask(same), "GET |secret|-");
    ClientRequest elsewhere = request("GET", "/elsewhere");
    elsewhere.headers.set("authorization", "secret");
    EXPECT_EQ(ask(elsewhere), "GET |-|-");
}

TEST_F(ClientTest, BodiesBeyondTheLimitAreRefused) {
    ClientOptions small;
    small.body_bytes_max = 99999;
    client_ = client(small);
    for (const char* path : {"/large", "/missing-large"}) {
        EXPECT_EQ(client_->send(request("GET", path)).status().code(), Code::kResourceExhausted);
    }
    const RawServer endless("HTTP/1.1 200 OK\r\n\r\n" + std::string(100000, 'x'));
    ClientRequest request;
    request.url = endless.url();
    EXPECT_EQ(client_->send(request).status().code(), Code::kResourceExhausted);
}

TEST_F(ClientTest, ASinkTakesWhatIsTooLargeToCollect) {
    ClientOptions small;
    small.body_bytes_max = 10;
    client_ = client(small);
    ClientRequest get = request("GET", "/large");
    std::size_t total = 0;
    get.sink = [&](ByteView piece) {
        total += piece.size();
        return Status();
    };
    const Result<Response> response = client_->send(get);
    ASSERT_TRUE(response.ok()) << response.status().to_string();
    EXPECT_EQ(total, 100000u);
    EXPECT_TRUE(response->body.empty());
    get.sink = [](ByteView) { return data_loss("the disk is full"); };
    EXPECT_EQ(client_->send(get).status(),
              data_loss("the disk is full").context("GET {}", get.url));
    // What is no success does not go to the sink.
    get.url = url_of(*server_, "/nothing");
    client_ = client();
    EXPECT_EQ(client_->send(get)->status, 404);
}

TEST_F(ClientTest, ASinkSeesAStreamAsItComes) {
    const auto feed = std::make_shared<Feed>();
    Router streams;
    streams.add("GET", "/watch", [&](const Request&) {
        Response response;
        response.stream = feed->stream();
        return response;
    });
    const std::unique_ptr<Server> server = start(std::move(streams));
    ClientRequest watch;
    watch.url = url_of(*server, "/watch");
    std::vector<std::string> seen;
    watch.sink = [&](ByteView piece) {
        seen.emplace_back(as_text(piece));
        seen.size() < 3 ? feed->push(fmt::format("event {}", seen.size())) : feed->end();
        return Status();
    };
    feed->push("event 0");
    const Result<Response> response = client_->send(watch);
    ASSERT_TRUE(response.ok()) << response.status().to_string();
    EXPECT_EQ(seen, (std::vector<std::string>{"event 0", "event 1", "event 2"}));
}

TEST_F(ClientTest, ASourceIsPulledToItsEnd) {
    ClientRequest put = request("PUT", "/size");
    put.source_bytes = 1000000;
    std::uint64_t given = 0;
    const auto pieces_of = [&](std::size_t size) {
        return [&given, size]() -> Result<Bytes> {
            given += size;
            return Bytes(size, 0x41);
        };
    };
    put.source = pieces_of(100000);
    EXPECT_EQ(ask(put), "1000000");
    EXPECT_EQ(given, 1000000u);
    put.source = pieces_of(0);
    EXPECT_EQ(client_->send(put).status().code(), Code::kInvalidArgument);
    put.source = pieces_of(300000);
    EXPECT_EQ(client_->send(put).status().code(), Code::kInvalidArgument);
    put.source = []() -> Result<Bytes> { return data_loss("the file shrank"); };
    EXPECT_EQ(client_->send(put).status().code(), Code::kDataLoss);
    put.source = pieces_of(100000);
    put.url = url_of(*server_, "/307");
    EXPECT_EQ(client_->send(put)->status, 307);
}

TEST_F(ClientTest, AnEarlyRefusalOfALongBodyIsHeard) {
    Limits limits;
    limits.body_bytes = 1000;
    ServerOptions options;
    options.limits = limits;
    const std::unique_ptr<Server> strict = start(router(), options);
    ClientRequest put;
    put.method = "PUT";
    put.url = url_of(*strict, "/size");
    put.body.assign(4000000, 0x41);
    const Result<Response> response = client_->send(put);
    ASSERT_TRUE(response.ok()) << response.status().to_string();
    EXPECT_EQ(response->status, 413);
}

TEST_F(ClientTest, WhatCannotBeSentIsRefused) {
    for (const char* url : {"ftp://x/", "http://u:p@x/", "http://x/a b", ""}) {
        ClientRequest bad;
        bad.url = url;
        EXPECT_EQ(client_->send(bad).status().code(), Code::kInvalidArgument) << url;
    }
    EXPECT_EQ(client_->send(request("GE T", "/tell")).status().code(), Code::kInvalidArgument);
    for (const auto& [name, value] : std::vector<std::pair<std::string, std::string>>{
             {"X", "a\r\nY: b"}, {"X Y", "a"}, {"", "a"}, {"Content-Length", "1"}, {"Host", "x"}}) {
        ClientRequest bad = request("GET", "/tell");
        bad.headers.add(name, value);
        EXPECT_EQ(client_->send(bad).status().code(), Code::kInvalidArgument) << name;
    }
}

TEST_F(ClientTest, ServersThatMisbehaveAreErrorsNotAnswers) {
    const std::string ok = "HTTP/1.1 200 OK\r\n";
    std::string chatter;
    for (int i = 0; i < 20; ++i) chatter += "HTTP/1.1 100 Continue\r\n\r\n";
    for (const std::string& answer :
         std::vector<std::string>{"", "nonsense\r\n\r\n", ok, ok + "Content-Length: 10\r\n\r\nabc",
                                  ok + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
                                  ok + "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
                                  ok + "X: " + std::string(100000, 'x') + "\r\n\r\n", chatter}) {
        const RawServer server(answer);
        ClientRequest request;
        request.url = server.url();
        EXPECT_EQ(client_->send(request).status().code(), Code::kUnavailable)
            << answer.substr(0, 60);
    }
    const RawServer interim("HTTP/1.1 103 Early Hints\r\n\r\n" + ok + "\r\nbody");
    ClientRequest request;
    request.url = interim.url();
    EXPECT_EQ(ask(request), "body");
}

TEST_F(ClientTest, SilenceEndsInATimeOut) {
    std::latch release(1);
    Router slow;
    slow.add("GET", "/", [&](const Request&) {
        release.wait();
        return Response::text(200, "late");
    });
    const std::unique_ptr<Server> server = start(std::move(slow));
    ClientOptions impatient;
    impatient.read_timeout = std::chrono::milliseconds(50);
    ClientRequest request;
    request.url = url_of(*server, "/");
    EXPECT_EQ(client(impatient)->send(request).status().code(), Code::kDeadlineExceeded);
    release.count_down();
}

TEST_F(ClientTest, APulseEndsTheWait) {
    std::latch release(1);
    Router slow;
    slow.add("GET", "/", [&](const Request&) {
        release.wait();
        return Response::text(200, "late");
    });
    const std::unique_ptr<Server> server = start(std::move(slow));
    ClientRequest request;
    request.url = url_of(*server, "/");
    int pulses = 0;
    request.pulse = [&] { return ++pulses < 2 ? Status() : cancelled("enough"); };
    EXPECT_EQ(client_->send(request).status(), cancelled("enough"));
    release.count_down();
    EXPECT_EQ(ask(this->request("GET", "/tell")), "GET |-|-");
}

TEST_F(ClientTest, NobodyThereIsUnavailable) {
    const ClientRequest gone = request("GET", "/tell");
    server_.reset();
    EXPECT_EQ(client_->send(gone).status().code(), Code::kUnavailable);
    ClientRequest unknown;
    unknown.url = "http://holdfast.invalid/";
    EXPECT_EQ(client_->send(unknown).status().code(), Code::kUnavailable);
}

TEST_F(ClientTest, AddressesOfSixteenBytesWork) {
    ServerOptions options;
    options.address = "::1";
    const Result<std::unique_ptr<Server>> server = Server::start(options, router());
    if (!server.ok()) GTEST_SKIP() << "this machine has no IPv6: " << server.status().to_string();
    ClientRequest get;
    get.url = fmt::format("http://[::1]:{}/peer", (*server)->port());
    EXPECT_TRUE(ask(get).starts_with("[::1]:")) << ask(get);
}

}  // namespace
}  // namespace hf::http
