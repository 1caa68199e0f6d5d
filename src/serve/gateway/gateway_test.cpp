#include "serve/gateway/gateway.h"

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "base/json.h"
#include "base/text.h"
#include "crypto/certificates.h"
#include "http/client.h"
#include "serve/gateway/forwarding.h"
#include "serve/gateway/replicas_test.h"
#include "testing/real_clock.h"
#include "testing/script.h"

namespace hf::serve::gateway {
namespace {

using namespace std::chrono_literals;

double milliseconds(Duration duration) {
    return std::chrono::duration<double, std::milli>(duration).count();
}

std::string body_of(const http::Response& response) {
    return std::string(trim(as_text(response.body)));
}

std::string header_of(const http::Response& response, std::string_view name) {
    return std::string(response.headers.get(name).value_or(""));
}

// A gateway behind its routes; asked without a socket in between, or with one.
struct Door {
    testing::RealClock clock;
    std::unique_ptr<Gateway> gateway;
    http::Router router;
    std::unique_ptr<http::Server> server;

    explicit Door(GatewayOptions options = {}) {
        options.seed = testing::seed();
        auto made = Gateway::create(std::move(options), clock);
        HF_CHECK(made.ok(), "{}", made.status().to_string());
        gateway = std::move(*made);
        add_gateway_routes(router, *gateway);
    }

    void set(std::vector<Replica> replicas, Residency residency = {}) {
        const Status status =
            gateway->set_routes({{"s", std::move(replicas), std::move(residency)}});
        HF_CHECK(status.ok(), "{}", status.to_string());
    }

    void listen(std::size_t workers) {
        http::ServerOptions options;
        options.workers = workers;
        server = std::move(*http::Server::start(std::move(options), router));
    }

    http::Response ask(std::string method, std::string target, Bytes body = {},
                       const http::Headers& headers = {}) {
        http::Request request;
        request.method = std::move(method);
        request.target = std::move(target);
        request.body = std::move(body);
        request.headers = headers;
        return http::dispatch(router, std::move(request));
    }

    http::Response infer(std::string_view body = "x", const http::Headers& headers = {}) {
        return ask("POST", "/v2/models/s/infer", to_bytes(body), headers);
    }

    Balancer::ReplicaView of(const std::string& node) const {
        for (const auto& service : gateway->view()) {
            for (const auto& view : service.replicas) {
                if (view.replica.node == node) return view;
            }
        }
        return {};
    }

    // Attempts that nobody waits for any more end within a moment.
    bool all_ended() const {
        const Duration end = clock.monotonic() + kPatience;
        while (clock.monotonic() < end) {
            std::size_t in_flight = 0;
            for (const auto& service : gateway->view()) {
                for (const auto& view : service.replicas) in_flight += view.in_flight;
            }
            if (in_flight == 0) return true;
            std::this_thread::yield();
        }
        return false;
    }
};

http::Headers with(const std::string& name, std::string value) {
    http::Headers headers;
    headers.set(name, std::move(value));
    return headers;
}

TEST(Gateway, ForwardsWhatMattersAndNamesTheNode) {
    TestReplica replica("node-a");
    Door door;
    door.set({replica.replica()});
    http::Headers seen;
    std::string target;
    replica.answer_with([&](const http::Request& request) {
        seen = request.headers;
        target = request.target;
        http::Response response = http::Response::json(418, R"({"error":"teapot"})");
        response.headers.set("Inference-Header-Content-Length", "7");
        response.headers.set("holdfast-receipt", "12-34");
        return response;
    });
    http::Headers headers;
    headers.set("Content-Type", "application/octet-stream");
    headers.set("Inference-Header-Content-Length", "5");
    headers.set("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    headers.set("Authorization", "Bearer secret");
    headers.set(kTimeoutHeader, "5000");
    const http::Response response =
        door.ask("POST", "/v2/models/s/versions/v%201/infer?x=1", to_bytes("abcde"), headers);
    EXPECT_EQ(response.status, 418);
    EXPECT_EQ(body_of(response), R"({"error":"teapot"})");
    EXPECT_EQ(header_of(response, "X-Holdfast-Node"), "node-a");
    EXPECT_EQ(header_of(response, "X-Test-Node"), "node-a");
    EXPECT_EQ(header_of(response, "Inference-Header-Content-Length"), "7");
    EXPECT_EQ(header_of(response, "holdfast-receipt"), "12-34");
    EXPECT_EQ(target, "/v2/models/s/versions/v%201/infer");
    for (const char* name : {"Content-Type", "Inference-Header-Content-Length", "traceparent"}) {
        EXPECT_EQ(seen.get(name), headers.get(name)) << name;
    }
    EXPECT_FALSE(seen.get("Authorization"));
    EXPECT_EQ(seen.get(kHopsHeader), "1");
    const auto left = parse_int(seen.get(kTimeoutHeader).value_or(""));
    ASSERT_TRUE(left.ok());
    EXPECT_LT(*left, 5000) << "reduced by what was spent";
    EXPECT_GT(*left, 1000);
}

TEST(Gateway, HealthMetadataAndWhatThereIs) {
    TestReplica replica("node-a");
    Door door;
    EXPECT_EQ(door.ask("GET", "/v2/health/live").status, 200);
    EXPECT_EQ(door.ask("GET", "/v2/health/ready").status, 503) << "it has no table yet";
    EXPECT_EQ(body_of(door.infer()), R"({"error":"service 's' is not known here; no service is"})");
    Replica down = replica_at(1, "node-b");
    down.ready = false;
    const Status status = door.gateway->set_routes(
        {{"s", {replica.replica()}, {}}, {"t", {}, {}}, {"u", {down}, {}}});
    ASSERT_TRUE(status.ok());
    EXPECT_EQ(body_of(door.ask("GET", "/v2/health/ready")), R"({"live":true,"ready":true})");
    const http::Response unknown = door.ask("POST", "/v2/models/x/infer");
    EXPECT_EQ(unknown.status, 404);
    EXPECT_EQ(body_of(unknown), R"({"error":"service 'x' is not known here; these are: s, t, u"})");
    EXPECT_EQ(header_of(door.ask("GET", "/v2/models/s"), "X-Test-Node"), "node-a");
    EXPECT_EQ(header_of(door.ask("HEAD", "/v2/models/s"), "X-Test-Node"), "node-a");
    EXPECT_EQ(header_of(door.ask("GET", "/v2/models/s/ready"), "X-Test-Node"), "node-a");
    const http::Response not_there = door.ask("GET", "/v2/models/x/ready");
    EXPECT_EQ(not_there.status, 404);
    EXPECT_EQ(body_of(not_there),
              R"({"name":"x","ready":false,"error":"service 'x' is not known here; these are: )"
              R"(s, t, u"})");
    const http::Response none = door.ask("GET", "/v2/models/u/ready");
    EXPECT_EQ(none.status, 503);
    EXPECT_EQ(header_of(none, "Retry-After"), "1");
    EXPECT_EQ(body_of(none), R"({"name":"u","ready":false,"error":"service 'u': no replica can be )"
                             R"raw(asked (node-b: not ready)"})raw");
    EXPECT_EQ(door.ask("GET", "/v2/models/s/infer").status, 405);
    EXPECT_EQ(
        body_of(door.ask("POST", "/v2/repository/index")),
        R"([{"name":"s","state":"READY","reason":""},)"
        R"({"name":"t","state":"UNAVAILABLE","reason":"no replica is ready and reachable"},)"
        R"({"name":"u","state":"UNAVAILABLE","reason":"no replica is ready and reachable"}])");
    door.gateway->set_ready(false);
    EXPECT_EQ(door.ask("GET", "/v2/health/ready").status, 503);
    EXPECT_EQ(door.infer().status, 200) << "what still comes is still answered";
}

TEST(Gateway, RefusesWhatItCannotDo) {
    testing::RealClock clock;
    const auto code = [&](GatewayOptions options) {
        return Gateway::create(std::move(options), clock).status().code();
    };
    GatewayOptions options;
    options.threads = 0;
    EXPECT_EQ(code(options), Code::kInvalidArgument);
    options.threads = kThreadsMax + 1;
    EXPECT_EQ(code(options), Code::kInvalidArgument);
    options = {};
    options.timeout = 0s;
    EXPECT_EQ(code(options), Code::kInvalidArgument);
    options = {};
    options.silence_max = kTimeoutMax + 1s;
    EXPECT_EQ(code(options), Code::kInvalidArgument);
    Door door;
    door.set({replica_at(1, "a")});
    const http::Response late = door.infer("x", with(kTimeoutHeader, "soon"));
    EXPECT_EQ(late.status, 400);
    EXPECT_EQ(body_of(late), R"({"error":"header X-Holdfast-Timeout-Ms: 'soon' is not a number of )"
                             R"(milliseconds, as in 250"})");
    EXPECT_EQ(door.infer("x", with(kTimeoutHeader, "0")).status, 504);
    EXPECT_EQ(door.infer("x", with(kHopsHeader, "-1")).status, 400);
}

TEST(Gateway, ResidencyIsAnErrorThatSaysWhy) {
    TestReplica replica("node-a");
    Replica abroad = replica.replica();
    abroad.jurisdiction = "US";
    Door door;
    door.set({abroad}, {{"DE"}, {}});
    const http::Response response = door.infer();
    EXPECT_EQ(response.status, 403);
    EXPECT_EQ(body_of(response),
              R"({"error":"service 's': its residency allows none of its replicas (node-a: )"
              R"raw(jurisdiction 'US' is not among those allowed (DE))"})raw");
    EXPECT_EQ(replica.requests(), 0u);
}

// Gateways that name each other as replicas.
TEST(Gateway, ARequestDoesNotGoInCircles) {
    Door door;
    door.listen(8);
    door.set({replica_at(door.server->port(), "myself")});
    const http::Response response = door.infer();
    EXPECT_EQ(response.status, 508);
    EXPECT_NE(body_of(response).find("routing table names a gateway"), std::string::npos);
}

// The replica dies while requests are under way and come all the time.
TEST(Gateway, AReplicaIsKilledUnderLoadAndNoRequestFails) {
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

TEST(Gateway, WhoTakesRequestsAndSaysNothingIsEjectedAfterItsTime) {
    TestReplica good("good");
    SilentReplica silent("silent");
    GatewayOptions options;
    options.silence_max = 200ms;
    Door door(std::move(options));
    door.set({good.replica(), silent.replica()});
    Duration slowest{};
    for (int i = 0; i < 20; ++i) {
        const Duration start = door.clock.monotonic();
        const http::Response response = door.infer();
        EXPECT_EQ(response.status, 200) << body_of(response);
        EXPECT_EQ(header_of(response, kNodeHeader), "good");
        slowest = std::max(slowest, door.clock.monotonic() - start);
    }
    EXPECT_NE(door.of("silent").health, Health::kServing);
    EXPECT_GE(slowest, 200ms);
    fmt::print("slowest request beside a silent replica, 200 ms allowed: {:.1f} ms\n",
               milliseconds(slowest));
    EXPECT_LT(slowest, 2s);
}

TEST(Gateway, TrafficMovesWhenConnectionsAreNotEvenRefused) {
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

TEST(Gateway, TheDeadlineIsKeptAndNamed) {
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

TEST(Gateway, ALateRequestIsAskedOfAnotherAndTheFirstAnswerCounts) {
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

TEST(Gateway, LargeBodiesGoThereAndBackAlsoBySecondAttempt) {
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

TEST(Gateway, AnswersTooLargeOrRedirectedAreTheReplicasFault) {
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

TEST(Gateway, PressureMovesTrafficAndItsOwnAnswerIsTheLastWord) {
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

TEST(Gateway, ARestartBetweenRequestsIsNotAFailure) {
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

TEST(Gateway, TablesChangeUnderLoad) {
    TestReplica a("a");
    TestReplica b("b");
    Door door;
    door.set({a.replica(), b.replica()});
    std::atomic<bool> stop{false};
    std::atomic<int> answered{0};
    std::vector<std::thread> clients;
    for (int i = 0; i < 3; ++i) {
        clients.emplace_back([&] {
            while (!stop) {
                const http::Response response = door.infer();
                EXPECT_EQ(response.status, 200) << body_of(response);
                ++answered;
            }
        });
    }
    for (std::uint64_t epoch = 1; epoch <= 300 || answered < 100; ++epoch) {
        Replica one = a.replica();
        Replica other = b.replica();
        one.epoch = epoch / 3;
        std::vector<Replica> replicas{one};
        if (epoch % 2 == 0) replicas.push_back(other);
        door.set(std::move(replicas));
        static_cast<void>(door.gateway->metrics());
    }
    stop = true;
    for (std::thread& client : clients) client.join();
    EXPECT_TRUE(door.all_ended());
}

TEST(Gateway, ReplicasAreKnownByTheirCertificatesAndKnowTheGateway) {
    const testing::RealClock clock;
    const crypto::Credential ca = *crypto::make_ca("fleet", clock.now(), 24h);
    const crypto::Credential stranger = *crypto::make_ca("stranger", clock.now(), 24h);
    const crypto::ServerNames names{{}, {"127.0.0.1"}};
    const auto tls = [&](const crypto::Credential& authority) {
        const crypto::Credential leaf =
            *crypto::issue_server_certificate(authority, names, clock.now(), 1h);
        return http::Tls{leaf.certificate_pem, leaf.key.pem(), ca.certificate_pem};
    };
    const crypto::Credential own =
        *crypto::issue_client_certificate(ca, {"gateway", {}}, clock.now(), 1h);
    TestReplica good("good", tls(ca));
    TestReplica false_one("false", tls(stranger));
    GatewayOptions options;
    options.client_options = [&](const Replica&) {
        http::ClientOptions client;
        client.ca_pem = ca.certificate_pem;
        client.certificate_pem = own.certificate_pem;
        client.key_pem = own.key.pem();
        return client;
    };
    Door door(std::move(options));
    door.set({good.replica(), false_one.replica()});
    std::string client_name;
    good.answer_with([&](const http::Request& request) {
        client_name = request.client_name;
        return http::Response();
    });
    for (int i = 0; i < 10; ++i) EXPECT_EQ(header_of(door.infer(), kNodeHeader), "good");
    EXPECT_EQ(client_name, "gateway");
    EXPECT_EQ(false_one.requests(), 0u);
    EXPECT_NE(door.of("false").health, Health::kServing);
    door.set({false_one.replica()});
    const http::Response response = door.infer();
    EXPECT_EQ(response.status, 503);
    EXPECT_NE(body_of(response).find("not to be trusted"), std::string::npos);
}

TEST(Gateway, MetricsAreBoundedByTheTable) {
    TestReplica replica("node-a");
    Door door;
    Replica down = replica_at(1, "node-b");
    down.ready = false;
    door.set({replica.replica(), down});
    door.infer();
    for (int i = 0; i < 100; ++i) door.ask("POST", fmt::format("/v2/models/x{}/infer", i));
    const std::string text = door.gateway->metrics();
    for (const char* line : {R"(holdfast_gateway_requests_total{service="s"} 1)",
                             R"(holdfast_gateway_ejections_total{service="s"} 0)",
                             R"(holdfast_gateway_replicas{service="s",state="serving"} 1)",
                             R"(holdfast_gateway_replicas{service="s",state="out"} 1)"}) {
        EXPECT_NE(text.find(line), std::string::npos) << line << "\n" << text;
    }
    EXPECT_EQ(text.find("x1"), std::string::npos);
}

}  // namespace
}  // namespace hf::serve::gateway
