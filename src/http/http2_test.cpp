#include "http/http2.h"

#include <atomic>
#include <future>
#include <latch>
#include <thread>

#include <gtest/gtest.h>

#include "http/certificates_test.h"
#include "http/client.h"
#include "http/http2_peer_test.h"

namespace hf::http {
namespace {

// Says back what comes, in capitals, until the client ends; remembers that it is gone.
class Shouter final : public Duplex {
public:
    explicit Shouter(std::promise<void>* destroyed) : destroyed_(destroyed) {}
    ~Shouter() override {
        if (destroyed_) destroyed_->set_value();
    }

    void take(ByteView came, bool ended, Told told) override {
        Step step;
        for (std::uint8_t c : came) step.send.push_back(static_cast<std::uint8_t>(c & ~0x20));
        if (ended) step.trailers = trailers("done");
        told(std::move(step));
    }

    Headers stop() override { return trailers("stopped"); }

private:
    static Headers trailers(std::string_view how) {
        Headers headers;
        headers.set("X-How", std::string(how));
        return headers;
    }

    std::promise<void>* const destroyed_;
};

class Http2Test : public ::testing::Test {
protected:
    Router router() {
        Router router;
        router.add("GET", "/hello", [](const Request& request) {
            return Response::text(200, fmt::format("hello {}", request.version));
        });
        router.add("POST", "/echo", [](const Request& request) {
            Response response;
            response.body = request.body;
            response.trailers.set("X-Size", fmt::format("{}", request.body.size()));
            return response;
        });
        router.add("GET", "/wait", [this](const Request& request) {
            asked_.count_down();
            while (!request.is_given_up() && !let_go_) std::this_thread::yield();
            ++(request.is_given_up() ? given_up_ : waited_);
            return Response::text(200, "waited");
        });
        router.add("GET", "/feed", [this](const Request&) {
            Response response;
            response.stream = feed_->stream();
            return response;
        });
        router.add("GET", "/large",
                   [](const Request&) { return Response::text(200, std::string(300000, 'x')); });
        router.add_duplex("/shout", [this](const Request&) {
            Opening opening;
            opening.head.headers.set("X-Kind", "shout");
            opening.duplex = std::make_unique<Shouter>(shouter_gone_);
            return opening;
        });
        router.add_duplex("/refuse", [](const Request&) {
            return Opening{Response::text(403, "no"), nullptr};
        });
        return router;
    }

    std::unique_ptr<Server> serve(ServerOptions options = {}) {
        options.http2 = &http2();
        return start(router(), std::move(options));
    }

    static ServerOptions limited(const Limits& limits) {
        ServerOptions options;
        options.limits = limits;
        return options;
    }

    std::atomic<bool> let_go_{false};
    std::atomic<int> given_up_{0};
    std::atomic<int> waited_{0};
    std::latch asked_{1};
    std::shared_ptr<Feed> feed_ = std::make_shared<Feed>();
    std::promise<void>* shouter_gone_ = nullptr;
};

TEST_F(Http2Test, OneConnectionAnswersManyRequests) {
    const std::unique_ptr<Server> server = serve();
    Http2Client client(server->port());
    const StreamAnswer hello = client.ask(1, request_list("GET", "/hello"));
    EXPECT_EQ(hello.status, "200");
    EXPECT_EQ(hello.body, "hello 2");
    EXPECT_EQ(value_of(hello.headers, "content-length"), "7");
    const StreamAnswer echo = client.ask(3, request_list("POST", "/echo"), "some bytes");
    EXPECT_EQ(echo.body, "some bytes");
    EXPECT_EQ(echo.trailers, (HeaderList{{"x-size", "10"}}));
    const StreamAnswer head = client.ask(5, request_list("HEAD", "/hello"));
    EXPECT_EQ(head.body, "");
    EXPECT_EQ(value_of(head.headers, "content-length"), "7");
    EXPECT_EQ(client.ask(7, request_list("GET", "/nothing")).status, "404");
    EXPECT_EQ(client.ask(9, request_list("GET", "/echo")).status, "405");
}

TEST_F(Http2Test, OneDotOneIsSpokenOnTheSamePort) {
    const std::unique_ptr<Server> server = serve();
    RawSocket client(server->port());
    client.send("P");  // as the preface begins
    client.send(
        "OST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi");
    EXPECT_TRUE(client.read_to_end().ends_with("hi"));
    RawSocket other(server->port());
    other.send("PRI * HTTP/2.1\r\n\r\nSM\r\n\r\n");
    EXPECT_TRUE(other.read_to_end().starts_with("HTTP/1.1 400 "));
    RawSocket late(server->port());
    late.send("POST /shout HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    EXPECT_TRUE(late.read_to_end().starts_with("HTTP/1.1 505 "));
}

TEST_F(Http2Test, AProgramThatDoesNotAskForItHasOneDotOneOnly) {
    const std::unique_ptr<Server> server = start(router());
    Http2Client client(server->port());
    EXPECT_TRUE(client.answer(1).cut);
}

TEST_F(Http2Test, ALargeAnswerWaitsForTheWindow) {
    const std::unique_ptr<Server> server = serve();
    Http2Client client(server->port());
    client.headers(1, request_list("GET", "/large"), h2::kEndStream);
    std::size_t came = 0;
    while (came < 65535) {
        const Frame frame = client.next();
        ASSERT_NE(frame.type, 255);
        if (frame.type == h2::kData) came += frame.payload.size();
    }
    client.send({h2::kWindowUpdate, 0, 0, number32(1000000)});
    client.send({h2::kWindowUpdate, 0, 1, number32(1000000)});
    const StreamAnswer rest = client.answer(1);
    EXPECT_FALSE(rest.cut || rest.reset);
    EXPECT_GT(rest.body.size(), 200000u);
}

TEST_F(Http2Test, ALargeRequestIsGivenWindow) {
    const std::unique_ptr<Server> server = serve();
    Http2Client client(server->port());
    client.send({h2::kWindowUpdate, 0, 0, number32(100u << 20)});
    client.send({h2::kSettings, 0, 0, std::string("\0\4\x7f\xff\xff\xff", 6)});
    const std::string body(3u << 20, 'b');
    client.headers(1, request_list("POST", "/echo"), 0);
    // Three times the stream's window: what is sent is taken, and the window opened, meanwhile.
    std::size_t window = 1u << 20;
    std::size_t sent = 0;
    while (sent < body.size()) {
        const std::size_t size = std::min<std::size_t>({window, body.size() - sent, 16384});
        if (size == 0) {
            const Frame frame = client.next_window(1);
            ASSERT_EQ(frame.type, h2::kWindowUpdate);
            window += number_of(frame.payload);
            continue;
        }
        client.data(1, std::string_view(body).substr(sent, size), sent + size == body.size());
        sent += size;
        window -= size;
    }
    EXPECT_EQ(client.answer(1).body.size(), body.size());
}

TEST_F(Http2Test, TlsClientsChooseByAlpn) {
    const TestCertificate ca = make_certificate({.common_name = "authority"}, nullptr);
    const TestCertificate good = make_certificate({}, &ca);
    ServerOptions options;
    options.tls = Tls{good.certificate_pem, good.key_pem, ""};
    const std::unique_ptr<Server> server = serve(std::move(options));
    ClientOptions trusting;
    trusting.ca_pem = ca.certificate_pem;
    ClientRequest request;
    request.url = fmt::format("https://127.0.0.1:{}/hello", server->port());
    const Result<Response> response = Client::create(trusting).value()->send(request);
    ASSERT_TRUE(response.ok()) << response.status().to_string();
    EXPECT_EQ(as_text(response->body), "hello 1") << "our client offers http/1.1 alone";
    EXPECT_EQ(ask_over_tls(server->port(), ca.certificate_pem), "h2 hello 2");
}

TEST_F(Http2Test, StreamsAreSentAsTheyCome) {
    const std::unique_ptr<Server> server = serve();
    Http2Client client(server->port());
    client.headers(1, request_list("GET", "/feed"), h2::kEndStream);
    EXPECT_EQ(value_of(client.next().headers, ":status"), "200");
    feed_->push("one");
    EXPECT_EQ(client.next().payload, "one");
    EXPECT_EQ(client.ask(3, request_list("GET", "/hello")).body, "hello 2") << "meanwhile";
    feed_->push("two");
    feed_->end();
    EXPECT_EQ(client.answer(1).body, "two");
}

TEST_F(Http2Test, AStreamThatIsResetIsDropped) {
    std::future<void> destroyed = feed_->destroyed();
    const std::unique_ptr<Server> server = serve();
    Http2Client client(server->port());
    client.headers(1, request_list("GET", "/feed"), h2::kEndStream);
    client.next();
    client.send({h2::kReset, 0, 1, number32(h2::kCancel)});
    EXPECT_EQ(destroyed.wait_for(kPatience), std::future_status::ready);
    EXPECT_EQ(client.ask(3, request_list("GET", "/hello")).status, "200");
    feed_->push("to nobody");
}

TEST_F(Http2Test, ADuplexAnswersWhileItsRequestComes) {
    const std::unique_ptr<Server> server = serve();
    Http2Client client(server->port());
    client.headers(1, request_list("POST", "/shout"), 0);
    EXPECT_EQ(value_of(client.next().headers, "x-kind"), "shout");
    client.data(1, "abc", false);
    EXPECT_EQ(client.next().payload, "ABC");
    client.data(1, "def", true);
    const StreamAnswer rest = client.answer(1);
    EXPECT_EQ(rest.body, "DEF");
    EXPECT_EQ(rest.trailers, (HeaderList{{"x-how", "done"}}));
    const StreamAnswer refused = client.ask(3, request_list("POST", "/refuse"), "abc");
    EXPECT_EQ(refused.status, "403");
    EXPECT_EQ(refused.body, "no");
}

TEST_F(Http2Test, ADuplexWhoseClientGoesAwayIsDestroyed) {
    std::promise<void> gone;
    std::future<void> destroyed = gone.get_future();
    shouter_gone_ = &gone;
    const std::unique_ptr<Server> server = serve();
    Http2Client client(server->port());
    client.headers(1, request_list("POST", "/shout"), 0);
    client.next();
    client.close();
    EXPECT_EQ(destroyed.wait_for(kPatience), std::future_status::ready);
}

TEST_F(Http2Test, AHandlerHearsThatNobodyWaits) {
    const std::unique_ptr<Server> server = serve();
    Http2Client client(server->port());
    client.headers(1, request_list("GET", "/wait"), h2::kEndStream);
    asked_.wait();
    client.send({h2::kReset, 0, 1, number32(h2::kCancel)});
    EXPECT_EQ(client.ask(3, request_list("GET", "/hello")).status, "200");
    EXPECT_TRUE(server->drain(kPatience));
    EXPECT_EQ(given_up_, 1);
}

TEST_F(Http2Test, AHandlerHearsThatItsServerEnds) {
    std::unique_ptr<Server> server = serve();
    Http2Client client(server->port());
    client.headers(1, request_list("GET", "/wait"), h2::kEndStream);
    asked_.wait();
    server.reset();
    EXPECT_EQ(given_up_, 1);
}

TEST_F(Http2Test, DrainAnswersWhatIsUnderWayAndStopsWhatRests) {
    const std::unique_ptr<Server> server = serve();
    Http2Client client(server->port());
    client.headers(1, request_list("GET", "/wait"), h2::kEndStream);
    asked_.wait();
    Http2Client other(server->port());
    other.headers(1, request_list("POST", "/shout"), 0);
    other.data(1, "a", false);
    EXPECT_EQ(other.next().type, h2::kHeaders);
    EXPECT_EQ(other.next().payload, "A");
    std::future<bool> drained =
        std::async(std::launch::async, [&] { return server->drain(kPatience); });
    const StreamAnswer stopped = other.answer(1);
    EXPECT_EQ(stopped.trailers, (HeaderList{{"x-how", "stopped"}}));
    let_go_ = true;
    const StreamAnswer answer = client.answer(1);
    EXPECT_EQ(answer.body, "waited");
    EXPECT_EQ(answer.go_away, 0u);
    client.go_away();
    EXPECT_TRUE(client.answer(1).cut);
    client.close();
    other.close();
    EXPECT_TRUE(drained.get());
}

TEST_F(Http2Test, RefusalsAreRephrased) {
    ServerOptions options;
    options.rephrase = [](std::string_view type, Response refusal) {
        if (type != "odd/type") return refusal;
        Response odd;
        odd.headers.set("X-Odd", fmt::format("{}", refusal.status));
        return odd;
    };
    options.limits.body_bytes = 10;
    const std::unique_ptr<Server> server = serve(std::move(options));
    Http2Client client(server->port());
    const HeaderList odd{{"content-type", "odd/type"}};
    EXPECT_EQ(value_of(client.ask(1, request_list("GET", "/no", odd)).headers, "x-odd"), "404");
    const StreamAnswer large = client.ask(3, request_list("POST", "/echo", odd), "0123456789a");
    EXPECT_EQ(value_of(large.headers, "x-odd"), "413");
    EXPECT_EQ(client.ask(5, request_list("GET", "/no")).status, "404");
}

}  // namespace
}  // namespace hf::http
