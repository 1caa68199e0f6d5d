#include <latch>
#include <thread>

#include <gtest/gtest.h>

#include "http/peers_test.h"
#include "http/server.h"

namespace hf::http {
namespace {

constexpr std::string_view kGet = "GET /feed HTTP/1.1\r\nHost: x\r\n\r\n";

class Streams : public ::testing::Test {
protected:
    Router router() {
        Router router;
        router.add("GET", "/feed", [this](const Request&) {
            Response response;
            if (!length_.empty()) response.headers.set("Content-Length", length_);
            response.stream = feed_->stream();
            return response;
        });
        router.add("GET", "/hello", [](const Request&) { return Response::text(200, "hello"); });
        return router;
    }

    bool is_destroyed() { return destroyed_.wait_for(kPatience) == std::future_status::ready; }

    std::string length_;
    std::shared_ptr<Feed> feed_ = std::make_shared<Feed>();
    std::future<void> destroyed_ = feed_->destroyed();
    std::unique_ptr<Server> server_ = start(router());
};

TEST_F(Streams, PiecesArriveAsTheyComeAndTheConnectionGoesOn) {
    RawSocket client(server_->port());
    client.send(kGet);
    EXPECT_NE(client.read_until("\r\n\r\n").find("Transfer-Encoding: chunked"), std::string::npos);
    feed_->push("one");
    EXPECT_EQ(client.read_until("one\r\n"), "3\r\none\r\n");
    feed_->push(std::string(300, 'x'));
    EXPECT_EQ(client.read_until("x\r\n"), "12c\r\n" + std::string(300, 'x') + "\r\n");
    feed_->end();
    EXPECT_EQ(client.read_until("0\r\n\r\n"), "0\r\n\r\n");
    EXPECT_TRUE(is_destroyed());
    client.send("GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    EXPECT_TRUE(client.read_to_end().ends_with("hello"));
}

TEST_F(Streams, OldClientsGetPlainBytesToTheEndOfTheConnection) {
    feed_->push("one");
    feed_->push("two");
    feed_->end();
    RawSocket client(server_->port());
    client.send("GET /feed HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    const std::string answer = client.read_to_end();
    EXPECT_TRUE(answer.ends_with("\r\n\r\nonetwo")) << answer;
    EXPECT_EQ(answer.find("chunked"), std::string::npos) << answer;
}

TEST_F(Streams, ADeclaredLengthIsKept) {
    length_ = "6";
    feed_->push("one");
    feed_->push("two");
    feed_->end();
    RawSocket client(server_->port());
    client.send(fmt::format("{}GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", kGet));
    const std::string answer = client.read_to_end();
    EXPECT_NE(answer.find("Content-Length: 6\r\n\r\nonetwo"), std::string::npos) << answer;
}

TEST_F(Streams, ADeclaredLengthThatIsWrongCutsTheConnection) {
    length_ = "7";
    feed_->push("onetwo");
    feed_->end();
    RawSocket client(server_->port());
    client.send(kGet);
    EXPECT_TRUE(client.read_to_end().ends_with("\r\n\r\nonetwo"));
    feed_ = std::make_shared<Feed>();
    feed_->push("one");
    feed_->push("more than seven");
    RawSocket next(server_->port());
    next.send(kGet);
    EXPECT_TRUE(next.read_to_end().ends_with("\r\n\r\none"));
}

TEST_F(Streams, HeadNeverStartsOne) {
    RawSocket client(server_->port());
    client.send("HEAD /feed HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    EXPECT_TRUE(client.read_to_end().ends_with("\r\n\r\n"));
    EXPECT_TRUE(is_destroyed());
    EXPECT_FALSE(feed_->wake());
}

TEST_F(Streams, AClientThatGoesAwayEndsIt) {
    RawSocket client(server_->port());
    client.send(kGet);
    feed_->push("one");
    client.read_until("one");
    client.close();
    EXPECT_TRUE(is_destroyed());
}

TEST_F(Streams, AClientThatPipelinesAndGoesAwayEndsItToo) {
    RawSocket client(server_->port());
    client.send(kGet);
    client.read_until("\r\n\r\n");
    client.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    client.close();
    EXPECT_TRUE(is_destroyed());
}

TEST_F(Streams, PiecesFromManyThreadsAllArrive) {
    RawSocket client(server_->port());
    client.send(kGet);
    client.read_until("\r\n\r\n");
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([this] {
            for (int j = 0; j < 200; ++j) feed_->push("12345");
        });
    }
    for (std::thread& thread : threads) thread.join();
    feed_->end();
    std::string expected;
    for (int i = 0; i < 800; ++i) expected += "5\r\n12345\r\n";
    EXPECT_EQ(client.read_until("0\r\n\r\n"), expected + "0\r\n\r\n");
}

TEST_F(Streams, DrainEndsThemAfterWhatTheyHave) {
    RawSocket client(server_->port());
    client.send(kGet);
    feed_->push("one");
    client.read_until("one\r\n");
    std::thread reader([&] {
        EXPECT_EQ(client.read_until("0\r\n\r\n"), "0\r\n\r\n");
        EXPECT_EQ(client.read_to_end(), "");
    });
    EXPECT_TRUE(server_->drain(kPatience));
    EXPECT_TRUE(is_destroyed());
    reader.join();
}

TEST_F(Streams, WakeMayComeAfterEverythingIsGone) {
    RawSocket client(server_->port());
    client.send(kGet);
    feed_->push("one");
    client.read_until("one");
    const std::function<void()> wake = feed_->wake();
    server_.reset();
    EXPECT_TRUE(is_destroyed());
    wake();
    EXPECT_EQ(client.read_to_end().find("0\r\n"), std::string::npos);
}

TEST_F(Streams, WakeMayComeWhileTheServerStops) {
    RawSocket client(server_->port());
    client.send(kGet);
    feed_->push("one");
    client.read_until("one");
    std::latch begun(1);
    std::atomic<bool> stop = false;
    std::thread waker([&] {
        const std::function<void()> wake = feed_->wake();
        while (!stop) {
            wake();
            if (!begun.try_wait()) begun.count_down();
        }
    });
    begun.wait();
    server_.reset();
    stop = true;
    waker.join();
    EXPECT_TRUE(is_destroyed());
}

}  // namespace
}  // namespace hf::http
