// Replicas that die, say nothing, are busy or talk nonsense, over real sockets.

#include "serve/gateway/gateway.h"

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "http/client.h"
#include "serve/gateway/door_test.h"
#include "serve/gateway/forwarding.h"

namespace hf::serve::gateway {
namespace {

using namespace std::chrono_literals;

TEST(GatewayFaults, AReplicaIsKilledUnderLoadAndNoRequestFails) {
    TestReplica a("a");
    TestReplica b("b");
    TestReplica c("c");
    Door door;
    door.set({a.replica(), b.replica(), c.replica()});
    door.listen(8);
    constexpr int kClients = 6;
    constexpr int kRequests = 150;  // of each
    std::atomic<int> answered{0};
    std::atomic<int> failed{0};
    Mutex mutex;
    Duration slowest{};
    std::vector<std::thread> clients;
    for (int i = 0; i < kClients; ++i) {
        clients.emplace_back([&] {
            const auto client = *http::Client::create({});
            http::ClientRequest request;
            request.method = "POST";
            request.url = fmt::format("http://127.0.0.1:{}/v2/models/s/infer", door.server->port());
            request.body = Bytes(20'000, 7);
            for (int n = 0; n < kRequests; ++n) {
                const Duration start = door.clock.monotonic();
                const Result<http::Response> response = client->send(request);
                const Duration took = door.clock.monotonic() - start;
                const bool good =
                    response.ok() && response->status == 200 && response->body == request.body;
                ++(good ? answered : failed);
                if (!good && response.ok()) ADD_FAILURE() << body_of(*response);
                const MutexLock lock(mutex);
                slowest = std::max(slowest, took);
            }
        });
    }
    const auto wait_for = [&](int count) {
        while (answered + failed < count) std::this_thread::yield();
    };
    wait_for(kClients * kRequests / 3);
    b.kill();
    wait_for(kClients * kRequests * 2 / 3);
    b.revive();
    for (std::thread& client : clients) client.join();
    EXPECT_EQ(failed, 0);
    EXPECT_EQ(answered, kClients * kRequests);
    fmt::print("slowest of {} requests, one of three replicas killed: {:.1f} ms\n",
               kClients * kRequests, milliseconds(slowest));
    EXPECT_LT(slowest, 2s) << "a bound for machines with much to do";
    EXPECT_EQ(door.gateway->view()[0].panics, 0u);
}

TEST(GatewayFaults, WhoTakesRequestsAndSaysNothingIsEjectedAfterItsTime) {
    TestReplica good("good");
    SilentReplica silent("silent");
    GatewayOptions options;
    options.silence_max = 200ms;
    Door door(std::move(options));
    const std::vector<Replica> both{good.replica(), silent.replica()};
    ASSERT_TRUE(door.gateway->set_routes({{"s", both, {}}, {"t", both, {}}}).ok());
    Duration slowest{};
    for (int i = 0; i < 20; ++i) {
        const Duration start = door.clock.monotonic();
        const http::Response response = door.infer();
        EXPECT_EQ(response.status, 200) << body_of(response);
        EXPECT_EQ(header_of(response, kNodeHeader), "good");
        slowest = std::max(slowest, door.clock.monotonic() - start);
    }
    const auto view = door.gateway->view();
    EXPECT_NE(view[0].replicas[1].health, Health::kServing);
    EXPECT_EQ(view[1].replicas[1].health, Health::kServing) << "another model may answer there";
    EXPECT_GE(slowest, 200ms);
    fmt::print("slowest request beside a silent replica, 200 ms allowed: {:.1f} ms\n",
               milliseconds(slowest));
    EXPECT_LT(slowest, 2s);
}

TEST(GatewayFaults, TrafficMovesWhenConnectionsAreNotEvenRefused) {
    TestReplica good("good");
    SilentReplica full("full", true);
    Door door;
    door.set({good.replica(), full.replica()});
    Duration slowest{};
    for (int i = 0; i < 20; ++i) {
        const Duration start = door.clock.monotonic();
        EXPECT_EQ(header_of(door.infer(), kNodeHeader), "good");
        slowest = std::max(slowest, door.clock.monotonic() - start);
    }
    EXPECT_NE(door.of("full").health, Health::kServing);
    fmt::print("slowest request beside a black hole: {:.1f} ms\n", milliseconds(slowest));
    EXPECT_GE(slowest, kConnectTimeout);
    EXPECT_LT(slowest, 2s);
}

TEST(GatewayFaults, TheDeadlineIsKeptAndNamed) {
    TestReplica slow("slow");
    slow.hold();
    Door door;
    door.set({slow.replica()});
    const Duration start = door.clock.monotonic();
    const http::Response response = door.infer("x", with(kTimeoutHeader, "50"));
    const Duration took = door.clock.monotonic() - start;
    EXPECT_EQ(response.status, 504);
    EXPECT_EQ(body_of(response),
              R"({"error":"service 's' did not answer in its time; asked: slow"})");
    EXPECT_GE(took, 50ms);
    EXPECT_LT(took, 1s);
    EXPECT_TRUE(door.all_ended());
    EXPECT_EQ(door.of("slow").health, Health::kServing) << "a short deadline is not its fault";
}

TEST(GatewayFaults, WhoeverIsGoneHoldsNobodyUp) {
    TestReplica slow("slow");
    slow.hold();
    Door door;
    door.set({slow.replica()});
    http::Request request;
    request.method = "POST";
    const auto gone = std::make_shared<std::atomic<bool>>(false);
    request.given_up = gone;
    std::thread caller([&] {
        while (slow.requests() == 0) std::this_thread::yield();
        *gone = true;
    });
    const auto response = door.gateway->forward(request, model_errand({"s", ""}, "/infer"));
    caller.join();
    EXPECT_EQ(response.status().code(), Code::kCancelled);
    EXPECT_TRUE(door.all_ended()) << "the replica is let go before it has answered";
    EXPECT_EQ(door.of("slow").health, Health::kServing);
}

TEST(GatewayFaults, ALateRequestIsAskedOfAnotherAndTheFirstAnswerCounts) {
    TestReplica a("a");
    TestReplica b("b");
    Door door;
    door.set({a.replica(), b.replica()});
    for (int i = 0; i < 40; ++i) ASSERT_EQ(door.infer().status, 200);
    // Whoever answered last is likely to be asked next.
    for (int i = 0; i < 20 && door.gateway->view()[0].hedges == 0; ++i) {
        const bool last_was_a = header_of(door.infer(), kNodeHeader) == "a";
        TestReplica& held = last_was_a ? a : b;
        held.hold();
        const http::Response response = door.infer();
        EXPECT_EQ(response.status, 200);
        EXPECT_EQ(header_of(response, kNodeHeader), last_was_a ? "b" : "a");
        EXPECT_TRUE(door.all_ended()) << "who lost is stopped although it never answers";
        held.release();
    }
    EXPECT_GT(door.gateway->view()[0].hedges, 0u);
}

TEST(GatewayFaults, LargeBodiesGoThereAndBackAlsoBySecondAttempt) {
    TestReplica dead("dead");
    TestReplica good("good");
    GatewayOptions options;
    options.site = "here";
    Door door(std::move(options));
    Replica first = dead.replica();
    first.site = "here";
    door.set({first, good.replica()});
    Bytes body(10u << 20);
    Rng rng(testing::seed());
    for (std::uint8_t& byte : body) byte = static_cast<std::uint8_t>(rng.next());
    for (const char* node : {"dead", "good"}) {
        const http::Response response = door.ask("POST", "/v2/models/s/infer", body);
        ASSERT_EQ(response.status, 200) << body_of(response);
        EXPECT_EQ(header_of(response, kNodeHeader), node);
        EXPECT_TRUE(response.body == body);
        dead.kill();
    }
    EXPECT_EQ(door.gateway->view()[0].retries, 1u);
}

TEST(GatewayFaults, AnswersTooLargeOrRedirectedAreTheReplicasFault) {
    TestReplica replica("node-a");
    GatewayOptions options;
    options.client_options = [](const Replica&) {
        http::ClientOptions client;
        client.body_bytes_max = 1000;
        return client;
    };
    Door door(std::move(options));
    door.set({replica.replica()});
    const http::Response large = door.infer(std::string(1001, 'x'));
    EXPECT_EQ(large.status, 502);
    EXPECT_NE(body_of(large).find("node-a"), std::string::npos) << body_of(large);
    replica.answer_with([](const http::Request&) {
        http::Response response;
        response.status = 307;
        response.headers.set("Location", "/elsewhere");
        return response;
    });
    EXPECT_EQ(door.infer().status, 502);
    EXPECT_TRUE(door.all_ended());
}

TEST(GatewayFaults, WhoTalksNonsenseIsNotAnswered) {
    const std::string many_headers = [] {
        std::string text = "HTTP/1.1 200 OK\r\n";
        for (int i = 0; i < 10'000; ++i) text += fmt::format("X-{}: {}\r\n", i, i);
        return text + "\r\n";
    }();
    const std::string cases[] = {
        "",
        "\r\n\r\n",
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nwhole",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 9999 Odd\r\n\r\n",
        std::string("HTTP/1.1 200 OK\r\nX: a") + '\0' + "b\r\n\r\n",
        many_headers,
    };
    TestReplica good("good");
    for (const std::string& answer : cases) {
        SCOPED_TRACE(answer.substr(0, 60));
        RawReplica odd("odd", answer);
        GatewayOptions options;
        options.site = "here";
        Door door(std::move(options));
        Replica first = odd.replica();
        first.site = "here";
        door.set({first, good.replica()});
        for (int i = 0; i < 3; ++i) {
            const http::Response response = door.infer("question");
            EXPECT_EQ(response.status, 200) << body_of(response);
            EXPECT_EQ(header_of(response, kNodeHeader), "good");
            EXPECT_EQ(body_of(response), "question");
        }
        EXPECT_NE(door.of("odd").health, Health::kServing);
    }
}

TEST(GatewayFaults, PressureMovesTrafficAndItsOwnAnswerIsTheLastWord) {
    TestReplica a("a");
    TestReplica b("b");
    Door door;
    door.set({a.replica(), b.replica()});
    const auto busy = [](const http::Request&) {
        http::Response response = http::Response::error(503, "too many requests are waiting");
        response.headers.set("Retry-After", "7");
        return response;
    };
    a.answer_with(busy);
    for (int i = 0; i < 20; ++i) EXPECT_EQ(header_of(door.infer(), kNodeHeader), "b");
    EXPECT_LE(a.requests(), 1u);
    b.answer_with(busy);
    const http::Response response = door.infer();
    EXPECT_EQ(response.status, 503);
    EXPECT_EQ(header_of(response, "Retry-After"), "7");
    EXPECT_EQ(door.of("a").health, Health::kServing);
    EXPECT_EQ(door.of("b").health, Health::kServing);
}

TEST(GatewayFaults, ARestartBetweenRequestsIsNotAFailure) {
    TestReplica replica("node-a");
    Door door;
    door.set({replica.replica()});
    for (int i = 0; i < 5; ++i) {
        EXPECT_EQ(door.infer().status, 200);
        replica.kill();
        replica.revive();
    }
    EXPECT_EQ(door.gateway->view()[0].ejections, 0u);
    replica.kill();
    const http::Response response = door.infer();
    EXPECT_EQ(response.status, 503);
    EXPECT_EQ(header_of(response, "Retry-After"), "1");
    EXPECT_NE(body_of(response).find("no replica could be reached (asked: node-a)"),
              std::string::npos)
        << body_of(response);
    replica.revive();
    EXPECT_EQ(door.infer().status, 200) << "the last replica is tried all the same";
}

// A server may close a connection that waits just when the next request is on its way.
TEST(GatewayFaults, AConnectionThatEndedWhileItWaitedIsNotAFailure) {
    RawReplica replica("node-a", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", true);
    Door door;
    door.set({replica.replica()});
    for (int i = 0; i < 5; ++i) {
        const http::Response response = door.infer();
        EXPECT_EQ(response.status, 200);
        EXPECT_EQ(body_of(response), "ok") << i;
    }
    EXPECT_EQ(door.gateway->view()[0].ejections, 0u);
    EXPECT_EQ(door.gateway->view()[0].retries, 0u);
}

}  // namespace
}  // namespace hf::serve::gateway
