#include "serve/gateway/task_routes.h"

#include <atomic>

#include <gtest/gtest.h>

#include "base/json.h"
#include "serve/gateway/door_test.h"
#include "serve/oip_client.h"

namespace hf::serve::gateway {
namespace {

const std::string kEmbed = R"({"input": ["a", "b"], "model": "s"})";

TEST(GatewayTasks, GoToAReplicaWithWhatTheyNeedAndNothingElse) {
    TestReplica replica("node-a");
    Door door;
    door.set({replica.replica()});
    http::Request seen;
    replica.answer_with([&](const http::Request& request) {
        seen = request;
        http::Response response = http::Response::json(200, R"({"task":"rows"})");
        response.headers.set("holdfast-receipt", "12-34");
        return response;
    });
    http::Headers headers;
    headers.set("Content-Type", "text/csv; header=absent");
    headers.set("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    headers.set("Authorization", "Bearer secret");
    headers.set(kTimeoutHeader, "5000");
    const http::Response response = door.ask("POST", "/v1/tasks/s?x=1", to_bytes("1,2\n"), headers);
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(body_of(response), R"({"task":"rows"})");
    EXPECT_EQ(header_of(response, kNodeHeader), "node-a");
    EXPECT_EQ(header_of(response, "holdfast-receipt"), "12-34");
    EXPECT_EQ(seen.target, "/v1/tasks/s");
    EXPECT_EQ(as_text(seen.body), "1,2\n");
    EXPECT_EQ(seen.headers.get("Content-Type"), "text/csv; header=absent");
    EXPECT_EQ(seen.headers.get("traceparent"), headers.get("traceparent"));
    EXPECT_TRUE(seen.headers.get(kTimeoutHeader));
    EXPECT_FALSE(seen.headers.get("Authorization"));
    EXPECT_EQ(door.ask("GET", "/v1/tasks/s").status, 200);
    EXPECT_EQ(seen.method, "GET");
    EXPECT_EQ(door.ask("PUT", "/v1/tasks/s").status, 405);
    const Balancer::ServiceView view = door.gateway->view()[0];
    EXPECT_EQ(view.requests, 2u);
}

TEST(GatewayTasks, EmbeddingsAreAskedOfTheServiceThatTheBodyNames) {
    TestReplica a("a");
    TestReplica b("b");
    Door door;
    ASSERT_TRUE(
        door.gateway->set_routes({{"s", {a.replica()}, {}}, {"t", {b.replica()}, {}}}).ok());
    const http::Response response = door.ask("POST", "/v1/embeddings", to_bytes(kEmbed));
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(body_of(response), kEmbed) << "as it came";
    EXPECT_EQ(header_of(response, kNodeHeader), "a");
    EXPECT_EQ(
        header_of(door.ask("POST", "/v1/embeddings", to_bytes(R"({"model":"t"})")), kNodeHeader),
        "b");
}

TEST(GatewayTasks, RefusalsOfEmbeddingsHaveTheFormOfThatApi) {
    TestReplica replica("node-a");
    Replica abroad = replica.replica();
    abroad.jurisdiction = "US";
    Door door;
    door.set({abroad}, {{"DE"}, {}});
    const auto embed = [&](const std::string& body, const http::Headers& headers = {}) {
        const http::Response response = door.ask("POST", "/v1/embeddings", to_bytes(body), headers);
        const json::Value value = *json::parse(body_of(response));
        const json::Value* const error = json::find(value, "error");
        return fmt::format("{} {} {}", response.status, json::get_string(*error, "code"),
                           json::get_string(*error, "message"));
    };
    EXPECT_EQ(embed(R"({"input":"a"})"),
              "400 INVALID_ARGUMENT /model: is missing; want the name of a service");
    EXPECT_EQ(embed(R"({"model":"x"})"),
              "404 NOT_FOUND service 'x' is not known here; these are: s");
    EXPECT_EQ(embed(kEmbed),
              "403 PERMISSION_DENIED service 's': its residency allows none of its replicas "
              "(node-a: jurisdiction 'US' is not among those allowed (DE))");
    EXPECT_EQ(embed(kEmbed, with("Content-Encoding", "gzip")),
              "400 INVALID_ARGUMENT Content-Encoding 'gzip' is not read here; send the body as it "
              "is");
    EXPECT_EQ(replica.requests(), 0u);
}

TEST(GatewayTasks, ATaskThatIsNotDeclaredIsAskedForOnce) {
    TestReplica a("a");
    TestReplica b("b");
    Door door;
    door.set({a.replica(), b.replica()});
    for (TestReplica* const replica : {&a, &b}) {
        replica->answer_with([](const http::Request&) {
            http::Response response = http::Response::error(404, "no task is declared");
            response.headers.set(kNoTaskHeader, "1");
            return response;
        });
    }
    for (int i = 0; i < 20; ++i) EXPECT_EQ(door.ask("POST", "/v1/tasks/s").status, 404);
    EXPECT_EQ(door.gateway->view()[0].retries, 0u) << "the budget is for what fails";
}

// Of two machines one has the small program, which takes tensors and nothing else.
TEST(GatewayTasks, AMachineWithoutTasksIsAsGoodAsEverForTensors) {
    std::atomic<int> asked_for_tasks = 0;  // outlives who counts it
    TestReplica full("full");
    TestReplica small("small");
    small.answer_with([&asked_for_tasks](const http::Request& request) {
        const bool task = request.path.starts_with("/v1/");
        if (task) ++asked_for_tasks;
        return task ? http::Response::error(404, "no such path") : http::Response();
    });
    GatewayOptions options;
    options.site = "here";
    Door door(std::move(options));
    Replica near = small.replica();
    near.site = "here";
    door.set({near, full.replica()});
    int near_by = 0;
    for (int i = 0; i < 200; ++i) {
        const http::Response response = door.ask("POST", "/v1/tasks/s", to_bytes("x"));
        EXPECT_EQ(response.status, 200) << body_of(response);
        EXPECT_EQ(header_of(response, kNodeHeader), "full");
        near_by += header_of(door.infer(), kNodeHeader) == "small";
    }
    EXPECT_GE(near_by, 100) << "the own site comes first, until it is much slower for a moment";
    EXPECT_EQ(door.gateway->view()[0].retries, 0u) << "the budget is for what fails";
    EXPECT_LE(asked_for_tasks, 40) << "it says once that it knows none; hedges come besides";
}

TEST(GatewayTasks, WhereNobodyKnowsTasksOneSaysSo) {
    TestReplica a("a");
    TestReplica b("b");
    TestReplica c("c");
    Door door;
    door.set({a.replica(), b.replica(), c.replica()});
    for (TestReplica* const replica : {&a, &b, &c}) {
        replica->answer_with(
            [](const http::Request&) { return http::Response::error(404, "no such path"); });
    }
    for (int i = 0; i < 100; ++i) EXPECT_EQ(door.ask("POST", "/v1/tasks/s").status, 404);
    const std::uint64_t asked = a.requests() + b.requests() + c.requests();
    EXPECT_GE(asked, 3u + 99u);
    EXPECT_LE(asked, 3u + 99u + 40u) << "each says it once; hedges come besides";
    EXPECT_EQ(door.gateway->view()[0].retries, 0u);
    EXPECT_EQ(door.of("a").health, Health::kServing);
}

}  // namespace
}  // namespace hf::serve::gateway
