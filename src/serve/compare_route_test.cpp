#include "serve/compare_route.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "base/text.h"
#include "serve/comparison.h"
#include "serve/fake_model_test.h"
#include "serve/oip.h"
#include "testing/manual_clock.h"

namespace hf::serve {
namespace {

std::string request_of(float x) {
    return fmt::format(R"({{"inputs":[{{"name":"x","datatype":"FP32","shape":[1],"data":[{}]}}]}})",
                       x);
}

std::string answer_of(float y, std::string_view name = "y") {
    return fmt::format(
        R"({{"outputs":[{{"name":"{}","datatype":"FP32","shape":[1],"data":[{}]}}]}})", name, y);
}

// A model that adds 2, as version "sha256:2".
struct Service {
    testing::ManualClock clock;
    Models models;
    http::Router router;
    std::vector<std::string> caller;

    Service() {
        ModelHost::Identity identity{.name = "m"};
        identity.model_digest = "sha256:2";
        const Status status = models.activate(std::make_shared<ModelHost>(
            std::move(identity), std::make_shared<const FakeModel>(2.0F), clock));
        HF_CHECK(status.ok(), "{}", status.to_string());
        add_oip_routes(router, models);
    }

    http::Response ask(const InferBody& body, const std::string& model = "m") {
        http::Request request;
        request.method = "POST";
        request.target = "/v2/models/" + model + "/compare";
        request.body = body.bytes;
        request.client_uris = caller;
        if (body.json_bytes) {
            request.headers.set("Inference-Header-Content-Length",
                                fmt::format("{}", *body.json_bytes));
        }
        return http::dispatch(router, std::move(request));
    }

    std::string compare(const std::string& request, const std::string& answer,
                        const std::string& digest = "sha256:2") {
        const http::Response response = ask(write_comparison({digest,
                                                              {0.01, {}},
                                                              {as_bytes(request), std::nullopt},
                                                              {as_bytes(answer), std::nullopt}}));
        return fmt::format("{} {}", response.status, trim(as_text(response.body)));
    }

    ModelHost::Counts counts() { return models.find("m")->counts(); }
};

TEST(CompareRoute, SaysOnlyWhetherTheVersionHereAgrees) {
    Service service;
    EXPECT_EQ(service.compare(request_of(1), answer_of(3.005F)), R"(200 {"agrees":true})");
    EXPECT_EQ(service.compare(request_of(1), answer_of(3.5F)), R"(200 {"agrees":false})");
    // What the version does not take or give any more does not agree.
    EXPECT_EQ(service.compare(R"({"inputs":[]})", answer_of(3)), R"(200 {"agrees":false})");
    EXPECT_EQ(service.compare(request_of(1), answer_of(3, "z")), R"(200 {"agrees":false})");
    EXPECT_EQ(service.counts().compared, 4U);
    EXPECT_EQ(service.counts().agreed, 1U);
    // Nobody got an answer: no request was made.
    EXPECT_EQ(service.counts().succeeded + service.counts().failed + service.counts().refused, 0U);
    EXPECT_EQ(service.counts().in_flight, 0U);
}

TEST(CompareRoute, WhatCannotBeComparedIsNotCounted) {
    Service service;
    EXPECT_EQ(service.compare(request_of(1), answer_of(3), "sha256:1").substr(0, 3), "409");
    EXPECT_EQ(service.compare(request_of(1), "{}").substr(0, 3), "400");
    EXPECT_EQ(service.ask({to_bytes("{}"), std::nullopt}).status, 400);
    EXPECT_EQ(service.ask({to_bytes("{}"), 2}).status, 400);
    EXPECT_EQ(service.ask({to_bytes("{}"), 2}, "other").status, 404);
    EXPECT_EQ(service.counts().compared, 0U);
}

TEST(CompareRoute, IsForGatewaysOnly) {
    Service service;
    for (const char* other :
         {"spiffe://plant.example/node/press-7", "spiffe://plant.example/node/gateway",
          "spiffe://plant.example/gateway/x", "https://plant.example/gateway", ""}) {
        service.caller = {other};
        EXPECT_EQ(service.compare(request_of(1), answer_of(3)).substr(0, 3), "403") << other;
    }
    EXPECT_EQ(service.counts().compared, 0U);
    service.caller = {"spiffe://plant.example/gateway"};
    EXPECT_EQ(service.compare(request_of(1), answer_of(3)), R"(200 {"agrees":true})");
}

TEST(CompareRoute, AnswersNameTheVersionThatComputedThem) {
    Service service;
    http::Request request;
    request.method = "POST";
    request.target = "/v2/models/m/infer";
    request.body = to_bytes(request_of(1));
    const http::Response response = http::dispatch(service.router, std::move(request));
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.headers.get("holdfast-model-digest"), "sha256:2");
}

}  // namespace
}  // namespace hf::serve
