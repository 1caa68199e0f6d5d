#include <atomic>
#include <optional>

#include <gtest/gtest.h>

#include "http/http2.h"
#include "http/http2_peer_test.h"

namespace hf::http {
namespace {

// Where handlers stay until the test lets all of them go.
class Hold {
public:
    void enter() { open_.wait(false); }

    void leave() {
        open_ = true;
        open_.notify_all();
    }

private:
    std::atomic<bool> open_{false};
};

class Http2Flood : public ::testing::Test {
protected:
    static ServerOptions options() {
        ServerOptions options;
        options.http2 = &http2();
        options.limits.header_bytes = 4096;
        options.limits.body_bytes = 1000;
        options.limits.streams = 8;
        return options;
    }

    static Router router(Hold& hold) {
        Router router;
        router.add("GET", "/hello", [](const Request&) { return Response::text(200, "hello"); });
        router.add("POST", "/echo", [](const Request& request) {
            return Response::text(200, as_text(request.body));
        });
        router.add("GET", "/hold", [&hold](const Request&) {
            hold.enter();
            return Response::text(200, "held");
        });
        return router;
    }

    // The server answers others as before.
    void expect_well() {
        Http2Client client(server_->port());
        EXPECT_EQ(client.ask(1, request_list("GET", "/hello")).body, "hello");
    }

    // Says the same again and again until the server ends the connection, for whose code it asks.
    std::optional<std::uint32_t> flood(Http2Client& client, const std::string& bytes) {
        for (int i = 0; i < 100; ++i) {
            std::string many;
            for (int j = 0; j < 1000; ++j) many += bytes;
            if (!client.send_raw(many)) break;
        }
        return client.go_away();
    }

    void TearDown() override { hold_.leave(); }

    Hold hold_;
    std::unique_ptr<Server> server_ = start(router(hold_), options());
};

TEST_F(Http2Flood, FramesThatCostNothingEndTheConnection) {
    const std::string settings = frame_bytes({h2::kSettings, 0, 0, ""});
    const std::string ping = frame_bytes({h2::kPing, 0, 0, "12345678"});
    const std::string window = frame_bytes({h2::kWindowUpdate, 0, 0, number32(1)});
    const std::string priority = frame_bytes({2, 0, 1, std::string("\0\0\0\0\1", 5)});
    for (const std::string& bytes : {settings, ping, window, priority}) {
        Http2Client client(server_->port());
        flood(client, bytes);
        EXPECT_TRUE(client.answer(1).cut) << static_cast<int>(bytes[3]);
    }
    expect_well();
}

TEST_F(Http2Flood, EmptyDataEndsTheConnection) {
    Http2Client client(server_->port());
    client.headers(1, request_list("POST", "/echo"), 0);
    flood(client, frame_bytes({h2::kData, 0, 1, ""}));
    EXPECT_TRUE(client.answer(1).cut);
    expect_well();
}

TEST_F(Http2Flood, RapidResetEndsTheConnection) {
    Http2Client client(server_->port());
    const std::string list = literal_headers(request_list("GET", "/hello"));
    constexpr std::uint8_t kAll = h2::kEndHeaders | h2::kEndStream;
    bool taken = true;
    for (std::uint32_t id = 1; taken && id < 20001; id += 2) {
        taken = client.send_raw(frame_bytes({h2::kHeaders, kAll, id, list}) +
                                frame_bytes({h2::kReset, 0, id, number32(h2::kCancel)}));
    }
    client.go_away();
    EXPECT_TRUE(client.answer(1).cut);
    expect_well();
}

// A client that resets what is being worked at gets no more of the workers than one that does not.
TEST_F(Http2Flood, ResetStreamsCountAsLongAsTheirHandlersWork) {
    Http2Client client(server_->port());
    for (std::uint32_t id = 1; id <= 15; id += 2) {
        client.headers(id, request_list("GET", "/hold"), h2::kEndStream);
        client.send({h2::kReset, 0, id, number32(h2::kCancel)});
    }
    EXPECT_EQ(client.ask(17, request_list("GET", "/hello")).reset, h2::kRefused);
    hold_.leave();
    for (std::uint32_t id = 19;; id += 2) {
        const StreamAnswer answer = client.ask(id, request_list("GET", "/hello"));
        if (answer.reset == h2::kRefused) continue;
        EXPECT_EQ(answer.body, "hello");
        break;
    }
}

TEST_F(Http2Flood, StreamsTooManyAreRefused) {
    Http2Client client(server_->port());
    client.send({h2::kSettings, h2::kAck, 0, ""});
    for (std::uint32_t id = 1; id <= 17; id += 2)
        client.headers(id, request_list("POST", "/echo"), 0);
    const StreamAnswer ninth = client.answer(17);
    EXPECT_TRUE(ninth.reset == h2::kRefused || ninth.go_away) << "and the connection may end";
    expect_well();
}

TEST_F(Http2Flood, ContinuationsWithoutEndEndTheConnection) {
    Http2Client client(server_->port());
    client.send({h2::kHeaders, 0, 1, literal_headers(request_list("GET", "/hello"))});
    flood(client, frame_bytes({h2::kContinuation, 0, 1, literal_headers({{"a", "b"}})}));
    EXPECT_TRUE(client.answer(1).cut);
    Http2Client empty(server_->port());
    empty.send({h2::kHeaders, 0, 1, literal_headers(request_list("GET", "/hello"))});
    flood(empty, frame_bytes({h2::kContinuation, 0, 1, ""}));
    EXPECT_TRUE(empty.answer(1).cut);
    expect_well();
}

TEST_F(Http2Flood, HeadersTooLargeAreAnsweredAndFarTooLargeEndTheConnection) {
    Http2Client client(server_->port());
    const HeaderList large{{"a", std::string(5000, 'h')}};
    EXPECT_EQ(client.ask(1, request_list("GET", "/hello", large)).status, "431");
    EXPECT_EQ(client.ask(3, request_list("GET", "/hello")).status, "200");
    // One field of 3 KB in the table of HPACK, then named by one byte each time.
    std::string bomb = literal_headers(request_list("GET", "/hello"));
    bomb += std::string(
                "\x40\x01"
                "b",
                3) +
            literal_headers({{"", std::string(3000, 'b')}}).substr(2);
    bomb += std::string(10000, '\xbe');
    constexpr std::uint8_t kAll = h2::kEndHeaders | h2::kEndStream;
    client.send({h2::kHeaders, kAll, 5, bomb});
    EXPECT_EQ(client.answer(5).go_away, h2::kEnhanceYourCalm);
    expect_well();
}

TEST_F(Http2Flood, BodiesTooLargeAreAnswered) {
    Http2Client client(server_->port());
    EXPECT_EQ(client.ask(1, request_list("POST", "/echo"), std::string(1001, 'b')).status, "413");
    const HeaderList declared{{"content-length", "1001"}};
    client.headers(3, request_list("POST", "/echo", declared), 0);
    EXPECT_EQ(client.answer(3).status, "413");
    EXPECT_EQ(client.ask(5, request_list("POST", "/echo"), std::string(1000, 'b')).status, "200");
}

TEST_F(Http2Flood, WhatIsNotHttpIsReset) {
    Http2Client client(server_->port());
    std::uint32_t id = 1;
    const auto refused = [&](const HeaderList& list) {
        const StreamAnswer answer = client.ask(id, list);
        id += 2;
        return answer.reset.has_value() || answer.status == "400";
    };
    EXPECT_TRUE(refused(request_list("GET", "/hello", {{"Upper", "case"}})));
    EXPECT_TRUE(refused(request_list("GET", "/hello", {{"connection", "close"}})));
    EXPECT_TRUE(refused(request_list("GET", "/hello", {{"transfer-encoding", "chunked"}})));
    EXPECT_TRUE(refused(request_list("GET", "/hello", {{":late", "1"}})));
    EXPECT_TRUE(refused(request_list("GET", "/hello", {{"a", "b\r\nc: d"}})));
    EXPECT_TRUE(refused(request_list("GET", "/hello", {{"host", "elsewhere"}})));
    EXPECT_TRUE(refused(request_list("GET", "/%2e%2e/hello")));
    EXPECT_TRUE(refused({{":method", "GET"}, {":scheme", "http"}, {":path", "/hello"}}));
    EXPECT_TRUE(refused({{":method", "GET"}, {":path", "/hello"}, {":authority", "a"}}));
    EXPECT_EQ(client.ask(id, request_list("GET", "/hello")).body, "hello")
        << "the connection goes on";
}

TEST_F(Http2Flood, WhatIsNotHttp2EndsTheConnection) {
    const std::string reserved = frame_bytes({h2::kData, 0, 1, "on an idle stream"});
    const std::string even = frame_bytes(
        {h2::kHeaders, h2::kEndHeaders, 2, literal_headers(request_list("GET", "/hello"))});
    const std::string huge("\xff\xff\xff\x00\x00\x00\x00\x00\x01", 9);
    const std::string overflow = frame_bytes({h2::kWindowUpdate, 0, 0, number32(0x7fffffff)});
    const std::string bad_block =
        frame_bytes({h2::kHeaders, h2::kEndHeaders, 1, "\xff\xff\xff\xff\xff\xff\xff"});
    const std::string push = frame_bytes({5, h2::kEndHeaders, 1, number32(2)});
    for (const std::string& bytes : {reserved, even, huge, overflow, bad_block, push}) {
        Http2Client client(server_->port());
        client.send_raw(bytes);
        EXPECT_NE(client.go_away().value_or(0), 0u) << static_cast<int>(bytes[3]);
        EXPECT_TRUE(client.answer(1).cut);
    }
    expect_well();
}

TEST(Http2Time, ClientsThatDallyAreCutOff) {
    Router router;
    router.add("POST", "/echo", [](const Request&) { return Response::text(200, "echo"); });
    ServerOptions options;
    options.http2 = &http2();
    options.limits.request_timeout = std::chrono::milliseconds(200);
    options.limits.idle_timeout = std::chrono::milliseconds(200);
    const std::unique_ptr<Server> server = start(std::move(router), std::move(options));
    Http2Client half(server->port());
    half.headers(1, request_list("POST", "/echo"), 0);
    EXPECT_EQ(half.answer(1).reset, h2::kCancel);
    Http2Client idle(server->port());
    EXPECT_EQ(idle.go_away(), 0u);
    EXPECT_TRUE(idle.answer(1).cut);
    RawSocket preface(server->port());
    preface.send("PRI * HTTP/2.0\r\n");
    EXPECT_EQ(preface.read_to_end(), "");
}

}  // namespace
}  // namespace hf::http
