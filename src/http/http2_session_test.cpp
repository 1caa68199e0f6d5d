#include "http/http2_session.h"

#include <gtest/gtest.h>

#include "http/http2_peer_test.h"

namespace hf::http {
namespace {

using Kind = Http2Event::Kind;

constexpr Duration kSecond = std::chrono::seconds(1);

// A session whose time the test moves, and what has come out of it.
class Sessions : public ::testing::Test {
protected:
    Sessions() {
        say("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        frame({h2::kSettings, 0, 0, ""});
        flush();
    }

    static Http2Session::Options options(Duration now) {
        Http2Session::Options options;
        options.now = now;
        options.limits.body_bytes = 1000;
        options.limits.header_bytes = 1000;
        options.limits.request_timeout = 60 * kSecond;
        options.limits.idle_timeout = 75 * kSecond;
        options.is_duplex = [](const Request& request) { return request.target == "/talk"; };
        return options;
    }

    void say(std::string_view bytes) { session_.receive(as_bytes(bytes), now_); }
    void frame(const Frame& frame) { say(frame_bytes(frame)); }
    void headers(std::uint32_t id, const HeaderList& list, std::uint8_t flags) {
        const auto all = static_cast<std::uint8_t>(flags | h2::kEndHeaders);
        frame({h2::kHeaders, all, id, literal_headers(list)});
    }

    // The types of the frames that come out, with stream and, of a reset, its code.
    std::string flush() {
        std::string told;
        for (;;) {
            const Bytes output = session_.take_output(now_);
            if (output.empty()) return told;
            std::string_view bytes = as_text(output);
            while (bytes.size() >= 9) {
                const auto byte = [&](std::size_t at) {
                    return static_cast<std::size_t>(static_cast<std::uint8_t>(bytes[at]));
                };
                const std::size_t size = byte(0) << 16 | byte(1) << 8 | byte(2);
                told += fmt::format("{}:{}", byte(3), byte(8));
                if (byte(3) == h2::kReset) told += fmt::format("={}", byte(12));
                if (byte(3) == h2::kGoAway) told += fmt::format("={}", byte(16));
                told += ' ';
                bytes.remove_prefix(9 + size);
            }
        }
    }

    std::string events() {
        std::string told;
        for (const Http2Event& event : session_.take_events()) {
            constexpr std::string_view kNames[] = {"request", "body", "ended", "drained", "gone"};
            told +=
                fmt::format("{}:{} ", kNames[static_cast<std::size_t>(event.kind)], event.stream);
        }
        return told;
    }

    void pass(Duration time) {
        for (; time > Duration::zero(); time -= kSecond) {
            now_ += kSecond;
            session_.tick(now_);
        }
    }

    Duration now_ = 1000 * kSecond;
    Http2Session session_{options(now_)};
};

TEST_F(Sessions, ARequestIsToldOnceAndItsStreamEndsWithTheAnswer) {
    headers(1, request_list("POST", "/echo"), 0);
    EXPECT_EQ(events(), "");
    frame({h2::kData, h2::kEndStream, 1, "hello"});
    const std::vector<Http2Event> told = session_.take_events();
    ASSERT_EQ(told.size(), 1u);
    EXPECT_EQ(told[0].request.method, "POST");
    EXPECT_EQ(told[0].request.target, "/echo");
    EXPECT_EQ(told[0].request.version, 2u);
    EXPECT_EQ(told[0].request.headers.get("Host"), "localhost");
    EXPECT_EQ(as_text(told[0].request.body), "hello");
    session_.respond(1, Response::text(200, "hello"), false);
    EXPECT_EQ(flush(), "1:1 0:1 ");
    EXPECT_EQ(events(), "gone:1 ");
}

TEST_F(Sessions, ADuplexRequestIsToldAsItComes) {
    headers(1, request_list("POST", "/talk"), 0);
    EXPECT_EQ(events(), "request:1 ");
    Response head;
    session_.respond(1, head, true);
    frame({h2::kData, 0, 1, std::string(3000, 'x')});
    EXPECT_EQ(events(), "body:1 ") << "the limit of bodies is not one of streams";
    session_.take_in(1, 3000, 0);
    session_.send(1, to_bytes("answer"));
    EXPECT_EQ(flush(), "1:1 0:1 ");
    EXPECT_EQ(events(), "drained:1 ");
    frame({h2::kData, h2::kEndStream, 1, "last"});
    EXPECT_EQ(events(), "body:1 ended:1 ");
    Headers trailers;
    trailers.add("Grpc-Status", "0");
    session_.finish(1, trailers);
    EXPECT_EQ(flush(), "1:1 ");
    EXPECT_EQ(events(), "gone:1 ");
}

TEST_F(Sessions, BodiesThatAreHeldAreBounded) {
    for (std::uint32_t id = 1; id <= 9; id += 2) {
        headers(id, request_list("POST", "/talk"), 0);
        frame({h2::kData, 0, id, std::string(900, 'x')});
    }
    EXPECT_EQ(events(),
              "request:1 body:1 request:3 body:3 request:5 body:5 request:7 body:7 "
              "request:9 gone:9 ");
    EXPECT_EQ(flush(), "1:9 0:9 ");
    pass(3 * kSecond);
    EXPECT_EQ(flush(), "3:9=0 ") << "answered, and need not be sent";
}

TEST_F(Sessions, ARequestThatDoesNotBecomeCompleteIsReset) {
    headers(1, request_list("POST", "/echo"), 0);
    frame({h2::kData, 0, 1, "a"});
    pass(59 * kSecond);
    EXPECT_EQ(flush(), "");
    pass(2 * kSecond);
    EXPECT_EQ(flush(), "3:1=8 ");
}

TEST_F(Sessions, AnAnswerThatIsNotTakenIsReset) {
    headers(1, request_list("GET", "/large"), h2::kEndStream);
    session_.respond(1, Response::text(200, std::string(100000, 'x')), false);
    EXPECT_NE(flush().find("0:1"), std::string::npos) << "65,535 bytes go, then the window is shut";
    pass(30 * kSecond);
    frame({h2::kWindowUpdate, 0, 1, number32(10)});
    frame({h2::kWindowUpdate, 0, 0, number32(10)});
    EXPECT_EQ(flush(), "0:1 ");
    pass(40 * kSecond);
    EXPECT_EQ(flush(), "");
    pass(21 * kSecond);
    EXPECT_EQ(flush(), "3:1=8 ");
}

TEST_F(Sessions, AnUnusedConnectionIsEnded) {
    pass(74 * kSecond);
    frame({h2::kPing, 0, 0, "12345678"});
    EXPECT_EQ(flush(), "6:0 ") << "a PING is answered, and is no use";
    pass(2 * kSecond);
    EXPECT_EQ(flush(), "7:0=0 ");
    EXPECT_TRUE(session_.over());
}

TEST_F(Sessions, AClientThatIsSilentIsAskedWhetherItIsThere) {
    headers(1, request_list("POST", "/talk"), 0);
    pass(76 * kSecond);
    EXPECT_EQ(flush(), "6:0 ");
    frame({h2::kPing, h2::kAck, 0, std::string(8, '\0')});
    pass(76 * kSecond);
    EXPECT_EQ(flush(), "6:0 ");
    EXPECT_FALSE(session_.over());
    pass(76 * kSecond);
    flush();
    EXPECT_TRUE(session_.over());
}

TEST_F(Sessions, AHeaderThatDoesNotEndEndsTheConnection) {
    frame({h2::kHeaders, 0, 1, literal_headers(request_list("GET", "/"))});
    pass(61 * kSecond);
    EXPECT_EQ(flush(), "7:0=11 ");
    EXPECT_TRUE(session_.over());
}

TEST_F(Sessions, DrainingAnswersWhatHasCome) {
    headers(1, request_list("POST", "/echo"), 0);
    session_.drain(false);
    EXPECT_EQ(flush(), "7:0=0 ");
    headers(3, request_list("GET", "/"), h2::kEndStream);
    EXPECT_EQ(events(), "request:3 ") << "it was under way";
    session_.drain(true);
    EXPECT_EQ(flush(), "7:0=0 ");
    headers(5, request_list("GET", "/"), h2::kEndStream);
    EXPECT_EQ(events(), "");
    frame({h2::kData, h2::kEndStream, 1, "a"});
    EXPECT_EQ(events(), "request:1 ");
    session_.respond(3, Response::text(200, "a"), false);
    session_.respond(1, Response::text(200, "a"), false);
    flush();
    EXPECT_TRUE(session_.over());
}

TEST(Http2Headers, NameOneHost) {
    const auto host_of = [](HeaderList list) -> std::string {
        const Result<Request> request = request_of(std::move(list));
        if (!request.ok()) return "refused";
        return std::string(request->headers.get("Host").value_or(""));
    };
    EXPECT_EQ(host_of({{":method", "GET"}, {":path", "/"}, {":authority", "a"}}), "a");
    EXPECT_EQ(host_of({{":method", "GET"}, {":path", "/"}, {"host", "b"}}), "b");
    EXPECT_EQ(host_of({{":method", "GET"}, {":path", "/"}, {":authority", "a"}, {"host", "A"}}),
              "A");
    EXPECT_EQ(host_of({{":method", "GET"}, {":path", "/"}, {":authority", "a"}, {"host", "b"}}),
              "refused");
    EXPECT_EQ(host_of({{":method", "GET"}, {":path", "/"}}), "refused");
    EXPECT_EQ(host_of({{":method", "CONNECT"}, {":authority", "a"}}), "refused");
}

TEST(Http2Headers, SayNothingOfTheConnection) {
    Response response = Response::text(200, "abc");
    response.headers.set("Connection", "close");
    response.headers.set("Transfer-Encoding", "chunked");
    response.headers.set("X-Mine", " 1 ");
    const HeaderList list = list_of(response, BodyForm::kWhole);
    const HeaderList wanted{{":status", "200"},
                            {"content-type", "text/plain; charset=utf-8"},
                            {"x-mine", "1"},
                            {"content-length", "3"}};
    EXPECT_EQ(list, wanted);
    Headers trailers;
    trailers.set("A", "1\r\nB: 2");
    trailers.set("C", "3");
    EXPECT_EQ(list_of(trailers), (HeaderList{{"c", "3"}}));
}

TEST(Http2Meter, FillsWithTime) {
    Duration now = 5 * kSecond;
    Http2Meter meter(now);
    int resets = 0;
    while (meter.reset(now)) ++resets;
    EXPECT_GE(resets, 100) << "who gives up often is no attacker yet";
    EXPECT_LE(resets, 1000);
    EXPECT_FALSE(meter.reset(now));
    now += 10 * kSecond;
    EXPECT_TRUE(meter.reset(now));
    int frames = 0;
    while (meter.frame(now)) ++frames;
    for (int i = 0; i < 10; ++i) meter.work();
    EXPECT_TRUE(meter.frame(now)) << "windows are opened while bodies move";
}

}  // namespace
}  // namespace hf::http
