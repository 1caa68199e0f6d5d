#include "http/server.h"

#include <atomic>
#include <latch>

#include <gtest/gtest.h>

#include "http/peers_test.h"

namespace hf::http {
namespace {

Response echo(const Request& request) {
    return Response::text(200, as_text(request.body));
}

Router echo_router() {
    Router router;
    router.add("GET", "/hello", [](const Request&) { return Response::text(200, "hello"); });
    router.add("POST", "/echo", echo);
    return router;
}

ServerOptions with_limits(const Limits& limits) {
    ServerOptions options;
    options.limits = limits;
    return options;
}

constexpr std::string_view kHello = "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n";
constexpr std::string_view kLastHello =
    "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

struct Hostile {
    std::string name;
    std::string bytes;
    std::string status;
};

std::vector<Hostile> hostile_requests() {
    const std::string post = "POST /echo HTTP/1.1\r\nHost: x\r\n";
    const std::string many(5000, 'h');
    return {
        {"garbage", "\x16\x03\x01\x02\x01 nonsense\r\n\r\n", "400"},
        {"http2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "400"},
        {"no host", "GET /hello HTTP/1.1\r\n\r\n", "400"},
        {"two hosts", "GET /hello HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400"},
        {"space before colon", "GET /hello HTTP/1.1\r\nHost : x\r\n\r\n", "400"},
        {"only line feeds", "GET /hello HTTP/1.1\nHost: x\n\n", "400"},
        {"length and chunks",
         post + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"},
        {"chunks and length",
         post + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n", "400"},
        {"two lengths", post + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", "400"},
        {"negative length", post + "Content-Length: -1\r\n\r\n", "400"},
        {"signed length", post + "Content-Length: +1\r\n\r\na", "400"},
        {"length too large for any number",
         post + "Content-Length: 99999999999999999999999\r\n\r\n", "400"},
        {"other coding", post + "Transfer-Encoding: gzip\r\n\r\n", "400"},
        {"coding that looks like ours", post + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
         "400"},
        {"chunked twice", post + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", "400"},
        {"chunked in two headers",
         post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"},
        {"chunks in HTTP/1.0", "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
         "400"},
        {"bad chunk size", post + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", "400"},
        {"chunk without its end", post + "Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
         "400"},
        {"huge header", post + "A: " + many + "\r\n\r\n", "431"},
        {"endless chunk extension",
         post + "Transfer-Encoding: chunked\r\n\r\n1;" + std::string(100000, 'e'), "400"},
        {"endless trailer",
         post + "Transfer-Encoding: chunked\r\n\r\n0\r\nA: " + std::string(100000, 't'), "400"},
        {"declared body too large", post + "Content-Length: 1001\r\n\r\n", "413"},
        {"chunked body too large",
         post + "Transfer-Encoding: chunked\r\n\r\n3e9\r\n" + std::string(1001, 'b') +
             "\r\n0\r\n\r\n",
         "413"},
    };
}

TEST(Server, HostileRequestsGetOneClearAnswerAndTheConnectionEnds) {
    Limits limits;
    limits.header_bytes = 4096;
    limits.body_bytes = 1000;
    const std::unique_ptr<Server> server = start(echo_router(), with_limits(limits));
    for (const Hostile& hostile : hostile_requests()) {
        RawSocket client(server->port());
        client.send(hostile.bytes);
        const std::string answer = client.read_to_end();
        EXPECT_TRUE(answer.starts_with("HTTP/1.") &&
                    answer.substr(8, 5) == " " + hostile.status + " ")
            << hostile.name << ": " << answer;
        EXPECT_NE(answer.find("{\"error\":"), std::string::npos) << hostile.name << ": " << answer;
        EXPECT_EQ(answer.find("HTTP/1.1", 1), std::string::npos) << hostile.name << ": " << answer;
    }
    RawSocket client(server->port());
    client.send(kLastHello);
    EXPECT_TRUE(client.read_to_end().ends_with("hello"));
}

TEST(Server, AFieldAfterAChunkedBodyIsNoHeader) {
    Router router;
    router.add("POST", "/who", [](const Request& request) {
        return Response::text(200, request.headers.get("Authorization").value_or("nobody"));
    });
    const std::unique_ptr<Server> server = start(std::move(router));
    RawSocket client(server->port());
    client.send(
        "POST /who HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        "1\r\na\r\n0\r\nAuthorization: root\r\n\r\n");
    EXPECT_TRUE(client.read_to_end().ends_with("nobody"));
}

TEST(Server, ABigBodyThatIsRefusedStillGetsItsAnswer) {
    Limits limits;
    limits.body_bytes = 1000;
    const std::unique_ptr<Server> server = start(echo_router(), with_limits(limits));
    RawSocket client(server->port());
    client.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000\r\n\r\n");
    client.send(std::string(4000000, 'x'));
    EXPECT_TRUE(client.read_until("\r\n").starts_with("HTTP/1.1 413 "));
}

TEST(Server, PipelinedRequestsAreAnsweredInOrder) {
    const std::unique_ptr<Server> server = start(echo_router());
    RawSocket client(server->port());
    std::string all;
    for (const char* word : {"one", "two", "six"}) {
        all += fmt::format("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n{}", word);
    }
    client.send(all + std::string(kLastHello));
    const std::string answers = client.read_to_end();
    const std::size_t one = answers.find("\r\n\r\none");
    const std::size_t two = answers.find("\r\n\r\ntwo");
    const std::size_t six = answers.find("\r\n\r\nsix");
    EXPECT_LT(one, two);
    EXPECT_LT(two, six);
    EXPECT_TRUE(answers.ends_with("\r\n\r\nhello")) << answers;
}

TEST(Server, HeadHasTheLengthButNotTheBody) {
    Router router = echo_router();
    router.add("GET", "/blob", [](const Request& request) {
        Response response = Response::text(200, request.method == "HEAD" ? "" : "12345");
        if (request.method == "HEAD") response.headers.set("Content-Length", "5");
        return response;
    });
    const std::unique_ptr<Server> server = start(std::move(router));
    for (const char* path : {"/hello", "/blob"}) {
        RawSocket client(server->port());
        client.send(fmt::format("HEAD {} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path));
        const std::string answer = client.read_to_end();
        EXPECT_NE(answer.find("Content-Length: 5\r\n"), std::string::npos) << answer;
        EXPECT_TRUE(answer.ends_with("\r\n\r\n")) << answer;
    }
}

TEST(Server, AClientThatAsksIsToldToGoOn) {
    const std::unique_ptr<Server> server = start(echo_router());
    RawSocket client(server->port());
    client.send(
        "POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 4\r\n"
        "Expect: 100-continue\r\n\r\n");
    EXPECT_TRUE(client.read_until("\r\n\r\n").starts_with("HTTP/1.1 100 "));
    client.send("body");
    EXPECT_TRUE(client.read_to_end().ends_with("\r\n\r\nbody"));
}

TEST(Server, OldClientsGetOneAnswerAConnection) {
    const std::unique_ptr<Server> server = start(echo_router());
    RawSocket client(server->port());
    client.send("GET /hello HTTP/1.0\r\n\r\n");
    const std::string answer = client.read_to_end();
    EXPECT_TRUE(answer.starts_with("HTTP/1.0 200 ")) << answer;
    EXPECT_TRUE(answer.ends_with("hello")) << answer;
}

TEST(Server, NoHandlerBreaksTheFraming) {
    Router router;
    router.add("GET", "/split", [](const Request&) {
        Response response = Response::text(200, "x");
        response.headers.add("Location", "/a\r\nSet-Cookie: stolen");
        return response;
    });
    router.add("GET", "/length", [](const Request&) {
        Response response = Response::text(200, "right");
        response.headers.add("Content-Length", "1");
        response.headers.add("Transfer-Encoding", "chunked");
        return response;
    });
    router.add("GET", "/status", [](const Request&) { return Response::text(99, "x"); });
    router.add("GET", "/none", [](const Request&) { return Response::text(204, "body"); });
    const std::unique_ptr<Server> server = start(std::move(router));
    const auto get = [&](std::string_view path) {
        RawSocket client(server->port());
        client.send(fmt::format("GET {} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path));
        return client.read_to_end();
    };
    EXPECT_TRUE(get("/split").starts_with("HTTP/1.1 500 "));
    EXPECT_EQ(get("/split").find("stolen"), std::string::npos);
    EXPECT_TRUE(get("/status").starts_with("HTTP/1.1 500 "));
    EXPECT_TRUE(get("/none").ends_with("\r\n\r\n"));
    const std::string answer = get("/length");
    EXPECT_NE(answer.find("Content-Length: 5\r\n"), std::string::npos) << answer;
    EXPECT_EQ(answer.find("chunked"), std::string::npos) << answer;
}

TEST(Server, SlowClientsAreLeft) {
    Limits limits;
    limits.request_timeout = std::chrono::milliseconds(50);
    limits.idle_timeout = std::chrono::milliseconds(50);
    const std::unique_ptr<Server> server = start(echo_router(), with_limits(limits));
    for (const char* begun :
         {"", "GET /hel", "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nbo"}) {
        RawSocket client(server->port());
        client.send(begun);
        EXPECT_EQ(client.read_to_end(), "") << begun;
    }
}

TEST(Server, ConnectionsBeyondTheLimitAreClosed) {
    Limits limits;
    limits.connections = 2;
    limits.room_after = std::chrono::hours(1);
    const std::unique_ptr<Server> server = start(echo_router(), with_limits(limits));
    RawSocket first(server->port());
    RawSocket second(server->port());
    for (RawSocket* client : {&first, &second}) {
        client->send(kHello);
        EXPECT_TRUE(client->read_until("hello").ends_with("hello"));
    }
    RawSocket third(server->port());
    third.send(kHello);
    EXPECT_EQ(third.read_to_end(), "");
    first.close();
    std::string answer;
    for (int attempt = 0; attempt < 1000 && answer.empty(); ++attempt) {
        RawSocket next(server->port());
        next.send(kLastHello);
        answer = next.read_to_end();
    }
    EXPECT_TRUE(answer.ends_with("hello"));
}

// Clients that begin requests and do not end them hold all connections; whoever comes is served.
TEST(Server, WhoKeepsItWaitingLongestMakesRoom) {
    Limits limits;
    limits.connections = 3;
    limits.room_after = std::chrono::milliseconds(1);
    std::latch begun(1);
    std::latch release(1);
    Router router = echo_router();
    router.add("GET", "/slow", [&](const Request&) {
        begun.count_down();
        release.wait();
        return Response::text(200, "done");
    });
    const std::unique_ptr<Server> server = start(std::move(router), with_limits(limits));
    RawSocket waits(server->port());
    waits.send("GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    begun.wait();
    RawSocket slow(server->port());
    slow.send("GET /hel");
    RawSocket idle(server->port());
    idle.send(kHello);
    EXPECT_TRUE(idle.read_until("hello").ends_with("hello"));
    std::string answer;
    for (int attempt = 0; attempt < 1000 && answer.empty(); ++attempt) {
        RawSocket next(server->port());
        next.send(kLastHello);
        answer = next.read_to_end();
    }
    EXPECT_TRUE(answer.ends_with("hello"));
    EXPECT_EQ(slow.read_to_end(), "");
    release.count_down();
    EXPECT_TRUE(waits.read_to_end().ends_with("done"));
}

TEST(Server, RequestsBeyondTheQueueAreToldToComeBack) {
    std::latch begun(1);
    std::latch release(1);
    Router router;
    router.add("GET", "/slow", [&](const Request&) {
        begun.count_down();
        release.wait();
        return Response::text(200, "done");
    });
    Limits limits;
    limits.queued_requests = 1;
    const std::unique_ptr<Server> server = start(std::move(router), with_limits(limits));
    const std::string slow = "GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    RawSocket first(server->port());
    first.send(slow);
    begun.wait();
    RawSocket second(server->port());
    second.send(slow);
    const std::string refused = second.read_to_end();
    EXPECT_TRUE(refused.starts_with("HTTP/1.1 503 ")) << refused;
    EXPECT_NE(refused.find("Retry-After: 1\r\n"), std::string::npos) << refused;
    release.count_down();
    EXPECT_TRUE(first.read_to_end().ends_with("done"));
}

TEST(Server, OnlyLoopbackWithoutTls) {
    ServerOptions options;
    options.address = "0.0.0.0";
    EXPECT_EQ(Server::start(options, {}).status().code(), Code::kFailedPrecondition);
    options.address = "localhost";
    EXPECT_EQ(Server::start(options, {}).status().code(), Code::kInvalidArgument);
    const std::unique_ptr<Server> server = start({});
    options.address = "127.0.0.1";
    options.port = server->port();
    EXPECT_EQ(Server::start(options, {}).status().code(), Code::kUnavailable);
}

// Clients that keep asking until they are told that this was the last answer. "Never": no request
// that was sent goes without its answer.
TEST(Server, DrainLosesNoAnswerUnderLoad) {
    ServerOptions options;
    options.limits.last_call = std::chrono::seconds(10);
    const std::unique_ptr<Server> server = start(echo_router(), options);
    constexpr int kClients = 8;
    std::atomic<int> sent = 0;
    std::atomic<int> answered = 0;
    std::latch warm(kClients * 20);
    std::vector<std::thread> clients;
    for (int i = 0; i < kClients; ++i) {
        clients.emplace_back([&] {
            RawSocket client(server->port());
            for (int asked = 0;; ++asked) {
                ++sent;
                client.send(kHello);
                const std::string answer = client.read_until("hello");
                if (!answer.ends_with("hello")) return;
                ++answered;
                if (asked < 20) warm.count_down();
                if (answer.find("Connection: close") != std::string::npos) return;
            }
        });
    }
    warm.wait();
    EXPECT_TRUE(server->drain(kPatience));
    for (std::thread& client : clients) client.join();
    EXPECT_EQ(sent, answered);
}

TEST(Server, DrainClosesTheIdleAfterTheLastCall) {
    ServerOptions options;
    options.limits.last_call = std::chrono::milliseconds(20);
    const std::unique_ptr<Server> server = start(echo_router(), options);
    RawSocket client(server->port());
    client.send(kHello);
    EXPECT_TRUE(client.read_until("hello").ends_with("hello"));
    EXPECT_TRUE(server->drain(kPatience));
    EXPECT_EQ(client.read_to_end(), "");
}

}  // namespace
}  // namespace hf::http
