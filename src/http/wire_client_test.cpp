#include "http/wire_client.h"

#include <gtest/gtest.h>

#include "http/server.h"

namespace hf::http {
namespace {

using What = WireAnswer::What;

constexpr const char* kGet = "GET /tell HTTP/1.1\r\nHost: a\r\n\r\n";

class WireClientTest : public ::testing::Test {
protected:
    WireClientTest() {
        Router router;
        router.add("GET", "/tell", [](const Request&) { return Response::text(200, "told"); });
        router.add("POST", "/tell", [](const Request& request) {
            return Response::text(201, as_text(request.body));
        });
        router.add("GET", "/large",
                   [](const Request&) { return Response::text(200, std::string(5000, 'x')); });
        server_ = std::move(*Server::start({}, std::move(router)));
        ClientOptions options;
        options.body_bytes_max = 4000;
        options.read_timeout = std::chrono::milliseconds(300);
        client_ = std::move(*WireClient::create(std::move(options)));
    }

    std::string origin() const { return fmt::format("http://127.0.0.1:{}", server_->port()); }

    std::vector<WireAnswer> exchange(const std::vector<WireTurn>& turns) {
        Result<std::vector<WireAnswer>> answers = client_->exchange(origin(), turns);
        EXPECT_TRUE(answers.ok()) << answers.status().to_string();
        return std::move(*answers);
    }

    static WireTurn say(std::string bytes) {
        WireTurn turn;
        turn.bytes = std::move(bytes);
        return turn;
    }

    std::unique_ptr<Server> server_;
    std::unique_ptr<WireClient> client_;
};

TEST_F(WireClientTest, AnswersOfOneConnectionComeInOrder) {
    const auto answers = exchange({say(fmt::format("{0}{0}", kGet)), say(""), say(kGet)});
    ASSERT_EQ(answers.size(), 3u);
    for (const WireAnswer& answer : answers) {
        EXPECT_EQ(answer.what, What::kAnswered) << answer.trouble;
        EXPECT_EQ(as_text(answer.response.body), "told");
        EXPECT_TRUE(answer.keeps_open);
    }
}

TEST_F(WireClientTest, WhatIsNoRequestIsSentAllTheSame) {
    const auto answers = exchange({say("no request at all\r\n\r\n"), say("")});
    EXPECT_EQ(answers[0].response.status, 400);
    EXPECT_FALSE(answers[0].keeps_open);
    EXPECT_EQ(answers[1].what, What::kClosed);
}

TEST_F(WireClientTest, AnInterimAnswerEndsItsTurn) {
    WireTurn head =
        say("POST /tell HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
            "Content-Length: 4\r\n\r\n");
    head.takes_interim = true;
    WireTurn body = say("body");
    body.unless_answered = true;
    const auto answers = exchange({head, body});
    EXPECT_EQ(answers[0].what, What::kInterim);
    EXPECT_EQ(answers[0].response.status, 100);
    EXPECT_EQ(answers[1].response.status, 201);
    EXPECT_EQ(as_text(answers[1].response.body), "body");
}

TEST_F(WireClientTest, ATurnIsLeftOutBehindAnAnswer) {
    WireTurn second = say("never sent");
    second.unless_answered = true;
    const auto answers = exchange({say(kGet), second});
    EXPECT_EQ(answers[1].what, What::kLeftOut);
    EXPECT_FALSE(answers[1].answered());
}

TEST_F(WireClientTest, HeadHasNoBody) {
    WireTurn head = say("HEAD /tell HTTP/1.1\r\nHost: a\r\n\r\n");
    head.for_head = true;
    const auto answers = exchange({head, say(kGet)});
    EXPECT_EQ(answers[0].response.headers.get("Content-Length"), "4");
    EXPECT_TRUE(answers[0].response.body.empty());
    EXPECT_EQ(as_text(answers[1].response.body), "told");
}

TEST_F(WireClientTest, AServerThatWaitsForMoreIsATimeOut) {
    const auto answers = exchange({say("GET /tell HTTP/1.1\r\nHo")});
    EXPECT_EQ(answers[0].what, What::kTimedOut);
}

TEST_F(WireClientTest, WhoeverSendsNoMoreEndsTheConnection) {
    WireTurn turn = say("GET /tell HTTP/1.1\r\nHo");
    turn.ends = true;
    WireTurn fresh = say(kGet);
    fresh.fresh = true;
    const auto answers = exchange({turn, fresh});
    EXPECT_EQ(answers[0].what, What::kClosed);
    EXPECT_EQ(answers[1].response.status, 200);
}

TEST_F(WireClientTest, AnAnswerThatIsTooLargeIsMalformed) {
    const auto answers = exchange({say("GET /large HTTP/1.1\r\nHost: a\r\n\r\n")});
    EXPECT_EQ(answers[0].what, What::kMalformed);
    EXPECT_FALSE(answers[0].trouble.empty());
}

TEST_F(WireClientTest, APulseEndsTheWaiting) {
    const std::vector<WireTurn> turns{say("GET /tell HTTP/1.1\r\nHo")};
    const auto answers =
        client_->exchange(origin(), turns, [] { return cancelled("that is enough"); });
    EXPECT_EQ(answers.status().code(), Code::kCancelled);
}

TEST_F(WireClientTest, NobodyThereIsAnError) {
    const std::string gone = origin();
    server_.reset();
    const std::vector<WireTurn> turns{say(kGet)};
    EXPECT_EQ(client_->exchange(gone, turns).status().code(), Code::kUnavailable);
    EXPECT_EQ(client_->exchange("no-url", turns).status().code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace hf::http
