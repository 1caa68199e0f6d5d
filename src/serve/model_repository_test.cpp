#include "serve/model_repository.h"

#include <atomic>
#include <functional>
#include <thread>

#include <gtest/gtest.h>

#include "base/json.h"
#include "base/text.h"
#include "serve/fake_model_test.h"
#include "serve/oip.h"
#include "testing/manual_clock.h"

namespace hf::serve {
namespace {

// A file that adds its content to x, and has it as its digest; what was loaded of it.
struct FakeFile {
    std::atomic<int> content{1};
    std::atomic<bool> damaged{false};
    std::function<void()> while_loading;
    std::atomic<int> loads{0};
    std::vector<std::weak_ptr<const runtime::CompiledModel>> made;
};

struct Service {
    testing::ManualClock clock;
    Models models;
    ModelRepository repository{models};
    http::Router router;
    FakeFile a;
    FakeFile b;

    explicit Service(bool with_repository = true) {
        OipExtras extras;
        if (with_repository) extras.repository = &repository;
        add_oip_routes(router, models, extras);
        EXPECT_TRUE(repository.add("a", loader("a", a)).ok());
        EXPECT_TRUE(repository.add("b", loader("b", b)).ok());
    }

    ModelRepository::Load loader(std::string name, FakeFile& file) {
        return ModelRepository::of_one([this, name = std::move(name), &file](const ModelHost* now) {
            return load(name, file, now);
        });
    }

    Result<std::shared_ptr<ModelHost>> load(const std::string& name, FakeFile& file,
                                            const ModelHost* now) {
        if (file.damaged) return data_loss("{}.plan: byte 7 changed", name);
        if (file.while_loading) file.while_loading();
        ModelHost::Identity identity{.name = name, .platform = "onnx"};
        const int content = file.content;
        identity.model_digest = fmt::format("sha256:{}", content);
        if (now && now->identity().model_digest == identity.model_digest) {
            return std::shared_ptr<ModelHost>();
        }
        ++file.loads;
        auto model = std::make_shared<const FakeModel>(static_cast<float>(content));
        file.made.push_back(model);
        return std::make_shared<ModelHost>(std::move(identity), std::move(model), clock);
    }

    http::Response ask(std::string method, std::string target, std::string_view body = {},
                       const http::Headers& headers = {}) {
        http::Request request;
        request.method = std::move(method);
        request.target = std::move(target);
        request.body = to_bytes(body);
        request.headers = headers;
        return http::dispatch(router, std::move(request));
    }

    http::Response change(std::string_view model, std::string_view what,
                          std::string_view body = {}) {
        return ask("POST", fmt::format("/v2/repository/models/{}/{}", model, what), body);
    }

    http::Response infer(std::string_view model) {
        return ask("POST", fmt::format("/v2/models/{}/infer", model),
                   R"({"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[0]}]})");
    }

    std::string index(std::string_view body = {}) {
        return std::string(trim(as_text(ask("POST", "/v2/repository/index", body).body)));
    }
};

std::string body_of(const http::Response& response) {
    return std::string(trim(as_text(response.body)));
}

std::string row(std::string_view name, std::string_view state, std::string_view reason = {}) {
    return fmt::format(R"({{"name":"{}","version":"1","state":"{}","reason":"{}"}})", name, state,
                       reason);
}

TEST(ModelRepository, WhatIsUnloadedComesBack) {
    Service service;
    const std::string ready_b = row("b", "READY");
    EXPECT_EQ(service.index(), "[" + row("a", "READY") + "," + ready_b + "]");
    EXPECT_EQ(body_of(service.change("a", "unload")), "{}");
    EXPECT_EQ(service.index(), "[" + row("a", "UNAVAILABLE", "unloaded") + "," + ready_b + "]");
    EXPECT_EQ(service.index(R"({"ready":true})"), "[" + ready_b + "]");
    EXPECT_TRUE(service.a.made[0].expired()) << "its memory stays";
    const http::Response refused = service.infer("a");
    EXPECT_EQ(refused.status, 404);
    EXPECT_EQ(body_of(refused), R"({"error":"model 'a' is not ready: unloaded; it can be loaded )"
                                R"raw((POST /v2/repository/models/NAME/load)"})raw");
    EXPECT_EQ(body_of(service.ask("GET", "/v2/models/a/ready")), R"({"name":"a","ready":false})");
    EXPECT_EQ(service.ask("GET", "/v2/models/a").status, 404);
    EXPECT_EQ(service.infer("b").status, 200);
    EXPECT_EQ(service.ask("GET", "/v2/health/ready").status, 200);
    EXPECT_EQ(service.change("a", "unload").status, 200) << "twice is once";
    EXPECT_EQ(service.change("a", "load").status, 200);
    EXPECT_EQ(service.infer("a").status, 200);
    EXPECT_EQ(service.index(), "[" + row("a", "READY") + "," + ready_b + "]");
}

TEST(ModelRepository, LoadsAgainOnlyWhatHasChanged) {
    Service service;
    EXPECT_EQ(service.change("a", "load").status, 200);
    EXPECT_EQ(service.a.loads, 1);
    EXPECT_EQ(service.infer("a").headers.get("holdfast-model-digest"), "sha256:1");
    service.a.content = 2;
    std::shared_ptr<ModelHost> in_flight = service.models.find("a");
    EXPECT_EQ(service.change("a", "load").status, 200);
    EXPECT_EQ(service.a.loads, 2);
    EXPECT_EQ(service.infer("a").headers.get("holdfast-model-digest"), "sha256:2");
    const Tensor x(DType::kF32, Shape{1});
    EXPECT_EQ(in_flight->infer({&x, 1})->outputs[0].values<float>()[0], 1.0f);
    EXPECT_FALSE(service.a.made[0].expired());
    in_flight.reset();
    EXPECT_TRUE(service.a.made[0].expired());
}

TEST(ModelRepository, AFailedLoadLeavesWhatAnswered) {
    Service service;
    service.a.damaged = true;
    const http::Response failed = service.change("a", "load");
    EXPECT_EQ(failed.status, 500);
    EXPECT_EQ(body_of(failed), R"({"error":"model 'a' is not loaded: a.plan: byte 7 changed"})");
    EXPECT_EQ(service.infer("a").status, 200);
    EXPECT_EQ(service.index(R"({"ready":true})"),
              "[" + row("a", "READY") + "," + row("b", "READY") + "]");
    service.change("a", "unload");
    EXPECT_EQ(service.change("a", "load").status, 500);
    EXPECT_EQ(service.index(), "[" + row("a", "UNAVAILABLE", "a.plan: byte 7 changed") + "," +
                                   row("b", "READY") + "]");
    EXPECT_NE(body_of(service.infer("a")).find("byte 7 changed"), std::string::npos);
    service.a.damaged = false;
    EXPECT_EQ(service.change("a", "load").status, 200);
    EXPECT_EQ(service.infer("a").status, 200);
}

// While one loads, requests are answered, and nothing else is loaded or unloaded.
TEST(ModelRepository, OneLoadAtATime) {
    Service service;
    service.change("a", "unload");
    service.a.while_loading = [&service] {
        EXPECT_EQ(service.infer("b").status, 200);
        EXPECT_EQ(service.index(),
                  "[" + row("a", "LOADING", "it is being loaded") + "," + row("b", "READY") + "]");
        EXPECT_NE(body_of(service.infer("a")).find("it is being loaded"), std::string::npos);
        for (std::string_view what : {"load", "unload"}) {
            const http::Response second = service.change("b", what);
            EXPECT_EQ(second.status, 503);
            EXPECT_EQ(second.headers.get("Retry-After"), "1");
            EXPECT_EQ(body_of(second),
                      R"({"error":"a model is being loaded; ask again when that has ended"})");
        }
    };
    EXPECT_EQ(service.change("a", "load").status, 200);
    EXPECT_EQ(service.a.loads, 2);
    EXPECT_EQ(service.infer("b").status, 200);
}

TEST(ModelRepository, RefusesWhatItDoesNotKnow) {
    Service service;
    const auto refusal = [&](std::string_view what, std::string_view body) {
        const http::Response response = service.change("a", what, body);
        return fmt::format("{} {}", response.status, body_of(response));
    };
    EXPECT_EQ(body_of(service.change("z", "load")),
              R"({"error":"model 'z' is not among those that the server was started with, which )"
              R"(are: a, b"})");
    EXPECT_EQ(service.change("z", "load").status, 404);
    EXPECT_EQ(service.change("z", "unload").status, 404);
    EXPECT_EQ(refusal("load", R"({"parameters":{"config":"{}"}})"),
              R"(400 {"error":"/parameters/config: a model is loaded as its file is, without a )"
              R"(configuration; leave it out"})");
    EXPECT_EQ(
        refusal("load", R"({"parameters":{"file:1/model.onnx":"AAAA"}})"),
        R"(400 {"error":"/parameters: files ('file:...') are not taken from requests; change )"
        R"(the file that the server was started with, and load again"})");
    EXPECT_EQ(refusal("load", R"({"parameters":{"unload_dependents":false}})"),
              R"(400 {"error":"/parameters: there is no parameter 'unload_dependents' here; leave )"
              R"(it out"})");
    EXPECT_EQ(refusal("unload", R"({"parameters":{"unload_dependents":1}})"),
              R"(400 {"error":"/parameters/unload_dependents: must be true or false"})");
    for (std::string_view bad : {"{", "[]", "7", R"({"parameters":[]})"}) {
        EXPECT_TRUE(refusal("load", bad).starts_with("400 ")) << bad;
        EXPECT_TRUE(refusal("unload", bad).starts_with("400 ")) << bad;
    }
    for (std::string_view bad : {"{", "[]", R"({"ready":1})"}) {
        EXPECT_EQ(service.ask("POST", "/v2/repository/index", bad).status, 400) << bad;
    }
    const std::string long_name(1u << 20, 'n');
    EXPECT_LT(refusal("load", R"({"parameters":{")" + long_name + R"(":1}})").size(), 200u);
    http::Headers page;
    page.set("Origin", "http://localhost:3000");
    EXPECT_EQ(service.ask("POST", "/v2/repository/models/a/unload", {}, page).status, 403);
    EXPECT_EQ(service.infer("a").status, 200) << "nothing of this unloads it";
    EXPECT_EQ(service.change("a", "unload", R"({"parameters":{"unload_dependents":false}})").status,
              200);
    EXPECT_EQ(service.change("b", "unload", R"({"parameters":{"unload_dependents":true}})").status,
              200)
        << "it is made of nothing else";
}

TEST(ModelRepository, TwoModelsNeedTwoNames) {
    Service service;
    EXPECT_EQ(service.repository.add("a", service.loader("a", service.b)).code(),
              Code::kAlreadyExists);
    EXPECT_EQ(service.b.loads, 1);
}

// Where models are what Services declare, a call changes none.
TEST(ModelRepository, DeclaredModelsAreChangedByTheirServices) {
    Service service(false);
    ModelHost::Identity identity{.name = "pump", .service = "line7/pump"};
    EXPECT_TRUE(service.models
                    .activate(std::make_shared<ModelHost>(
                        std::move(identity), std::make_shared<FakeModel>(1.0f), service.clock))
                    .ok());
    const http::Response refused = service.change("pump", "unload");
    EXPECT_EQ(refused.status, 412);
    EXPECT_EQ(body_of(refused),
              R"({"error":"models are declared by Services here, and no call loads or unloads )"
              R"raw(one; edit the Service 'line7/pump' instead (holdfast apply, or delete)"})raw");
    EXPECT_EQ(service.change("z", "load").status, 412);
    EXPECT_EQ(service.infer("pump").status, 200);
    const std::string server = body_of(service.ask("GET", "/v2"));
    EXPECT_EQ(server.find("model_repository"), std::string::npos);
    EXPECT_NE(server.find("statistics"), std::string::npos);
}

// Whether the answer is what the model of the digest in its header gives.
bool is_of_one_digest(const http::Response& response) {
    const Result<json::Value> body = json::parse(as_text(response.body));
    const json::Array* outputs = body.ok() ? json::find_array(*body, "outputs") : nullptr;
    const json::Array* data = outputs ? json::find_array((*outputs)[0], "data") : nullptr;
    if (response.status != 200 || !data) return false;
    return fmt::format("sha256:{}", (*data)[0].to_number<double>()) ==
           response.headers.get("holdfast-model-digest");
}

// The file changes and is loaded again all the time while clients ask: every answer is by one
// digest, and none fails. What was replaced does not stay in memory.
TEST(ModelRepository, ReloadsUnderLoadFailNoRequest) {
    Service service;
    constexpr int kReloads = 200;
    std::atomic<bool> stop{false};
    std::atomic<int> answered{0};
    std::atomic<int> wrong{0};
    std::vector<std::thread> clients;
    for (int i = 0; i < 3; ++i) {
        clients.emplace_back([&] {
            while (!stop) {
                const http::Response response = service.infer("a");
                ++(is_of_one_digest(response) ? answered : wrong);
            }
        });
    }
    for (int content = 2; content <= kReloads; ++content) {
        const int before = answered;
        service.a.content = content;
        EXPECT_EQ(service.change("a", "load").status, 200);
        while (content % 10 == 0 && answered == before && wrong == 0) std::this_thread::yield();
    }
    stop = true;
    for (std::thread& client : clients) client.join();
    EXPECT_EQ(wrong, 0);
    EXPECT_GE(answered, 20);
    EXPECT_EQ(service.a.loads, kReloads);
    EXPECT_EQ(service.models.draining(), 0u);
    for (std::size_t i = 0; i + 1 < service.a.made.size(); ++i) {
        EXPECT_TRUE(service.a.made[i].expired()) << i;
    }
}

}  // namespace
}  // namespace hf::serve
