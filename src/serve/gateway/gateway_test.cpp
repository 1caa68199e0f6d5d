#include "serve/gateway/gateway.h"

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "crypto/certificates.h"
#include "serve/gateway/door_test.h"
#include "serve/gateway/forwarding.h"

namespace hf::serve::gateway {
namespace {

using namespace std::chrono_literals;

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
