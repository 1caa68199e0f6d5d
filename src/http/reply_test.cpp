// Answers that are given later than their handler returns.

#include "http/reply.h"

#include <latch>

#include <gtest/gtest.h>

#include "base/mutex.h"
#include "http/http2.h"
#include "http/http2_peer_test.h"
#include "http/peers_test.h"

namespace hf::http {
namespace {

constexpr std::string_view kAsk = "GET /later HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

// What was asked and is not answered yet.
class Waiting {
public:
    struct One {
        std::shared_ptr<const Request> request;
        Reply reply;
    };

    Router router() {
        Router router;
        router.add("GET", "/hello", [](const Request&) { return Response::text(200, "hello"); });
        router.add_deferred(
            "GET", "/later",
            [this](const std::shared_ptr<const Request>& request, const Reply& reply) {
                const MutexLock lock(mutex_);
                asked_.push_back({request, reply});
                changed_.notify_all();
            });
        return router;
    }

    // Those that were asked, once there are so many.
    std::vector<One> take(std::size_t count) {
        MutexLock lock(mutex_);
        changed_.wait(lock, [&]() HF_REQUIRES(mutex_) { return asked_.size() >= count; });
        return std::exchange(asked_, {});
    }

private:
    Mutex mutex_;
    ConditionVariable changed_;
    std::vector<One> asked_ HF_GUARDED_BY(mutex_);
};

ServerOptions one_worker() {
    ServerOptions options;
    options.workers = 1;
    options.http2 = &http2();
    return options;
}

TEST(Reply, ManyWaitAndHoldNoWorker) {
    Waiting waiting;
    const std::unique_ptr<Server> server = start(waiting.router(), one_worker());
    std::vector<std::unique_ptr<RawSocket>> clients;
    for (int i = 0; i < 40; ++i) {
        clients.push_back(std::make_unique<RawSocket>(server->port()));
        ASSERT_TRUE(clients.back()->send(kAsk));
    }
    std::vector<Waiting::One> asked = waiting.take(clients.size());
    RawSocket other(server->port());
    ASSERT_TRUE(other.send("GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
    EXPECT_NE(other.read_to_end().find("hello"), std::string::npos);
    for (const Waiting::One& one : asked) one.reply.send(Response::text(200, one.request->peer));
    for (const auto& client : clients) {
        const std::string answer = client->read_to_end();
        EXPECT_NE(answer.find("127.0.0.1:"), std::string::npos) << answer;
    }
}

TEST(Reply, OverHttp2) {
    Waiting waiting;
    const std::unique_ptr<Server> server = start(waiting.router(), one_worker());
    std::thread answers(
        [&] { waiting.take(1).front().reply.send(Response::text(200, "at last")); });
    Http2Client client(server->port());
    EXPECT_EQ(client.ask(1, request_list("GET", "/later")).body, "at last");
    answers.join();
}

TEST(Reply, OneThatIsDroppedIsAnError) {
    Waiting waiting;
    const std::unique_ptr<Server> server = start(waiting.router(), one_worker());
    RawSocket client(server->port());
    ASSERT_TRUE(client.send(kAsk));
    waiting.take(1).clear();
    EXPECT_NE(client.read_to_end().find("500 "), std::string::npos);
}

TEST(Reply, OnlyTheFirstAnswerCounts) {
    Waiting waiting;
    const std::unique_ptr<Server> server = start(waiting.router(), one_worker());
    RawSocket client(server->port());
    ASSERT_TRUE(client.send(kAsk));
    const std::vector<Waiting::One> asked = waiting.take(1);
    asked.front().reply.send(Response::text(200, "first"));
    asked.front().reply.send(Response::text(200, "second"));
    EXPECT_NE(client.read_to_end().find("first"), std::string::npos);
}

TEST(Reply, AClientThatLeavesIsNoticed) {
    Waiting waiting;
    const std::unique_ptr<Server> server = start(waiting.router(), one_worker());
    RawSocket stays(server->port());
    ASSERT_TRUE(stays.send(kAsk));
    const std::vector<Waiting::One> first = waiting.take(1);
    {
        RawSocket leaves(server->port());
        ASSERT_TRUE(leaves.send(kAsk));
        const std::vector<Waiting::One> second = waiting.take(1);
        EXPECT_FALSE(second.front().request->is_given_up());
        leaves.close();
        while (!second.front().request->is_given_up()) std::this_thread::yield();
        second.front().reply.send(Response::text(200, "nobody reads this"));
    }
    EXPECT_FALSE(first.front().request->is_given_up());
    first.front().reply.send(Response::text(200, "still here"));
    EXPECT_NE(stays.read_to_end().find("still here"), std::string::npos);
}

TEST(Reply, MayOutliveTheServer) {
    Waiting waiting;
    std::unique_ptr<Server> server = start(waiting.router(), one_worker());
    RawSocket client(server->port());
    ASSERT_TRUE(client.send(kAsk));
    const std::vector<Waiting::One> asked = waiting.take(1);
    server.reset();
    EXPECT_TRUE(asked.front().request->is_given_up());
    asked.front().reply.send(Response::text(200, "too late"));
    EXPECT_EQ(client.read_to_end(), "");
}

// Drain waits for what is not answered yet.
TEST(Reply, IsWaitedForByADrain) {
    Waiting waiting;
    const std::unique_ptr<Server> server = start(waiting.router(), one_worker());
    RawSocket client(server->port());
    ASSERT_TRUE(client.send(kAsk));
    const std::vector<Waiting::One> asked = waiting.take(1);
    std::thread drains([&] { EXPECT_TRUE(server->drain(kPatience)); });
    asked.front().reply.send(Response::text(200, "whole"));
    EXPECT_NE(client.read_to_end().find("whole"), std::string::npos);
    drains.join();
}

TEST(Reply, WhatIsQuickNeedsNoWorker) {
    Waiting waiting;
    std::latch let_go(1);
    Router router = waiting.router();
    router.add("GET", "/block", [&](const Request&) {
        let_go.wait();
        return Response::text(200, "blocked");
    });
    router.add("GET", "/quick", [&](const Request& request) {
        return Response::text(200, request.quick ? "quick" : "not");
    });
    ServerOptions options = one_worker();
    options.quick = [](const Request& request) { return request.target == "/quick"; };
    const std::unique_ptr<Server> server = start(std::move(router), std::move(options));
    RawSocket blocked(server->port());
    ASSERT_TRUE(blocked.send("GET /block HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
    RawSocket quick(server->port());
    ASSERT_TRUE(quick.send("GET /quick HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
    EXPECT_NE(quick.read_to_end().find("quick"), std::string::npos);
    let_go.count_down();
    EXPECT_NE(blocked.read_to_end().find("blocked"), std::string::npos);
}

TEST(Reply, DispatchWaits) {
    Router router;
    std::thread later;
    router.add_deferred(
        "GET", "/later", [&](const std::shared_ptr<const Request>&, const Reply& reply) {
            later = std::thread([reply] { reply.send(Response::text(200, "later")); });
        });
    Request request;
    request.method = "GET";
    request.target = "/later";
    EXPECT_EQ(as_text(dispatch(router, request).body), "later");
    later.join();
    request.method = "POST";
    EXPECT_EQ(dispatch(router, request).status, 405);
}

}  // namespace
}  // namespace hf::http
