#include "serve/conform/run.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "http/server.h"
#include "serve/conform/echo_model_test.h"
#include "serve/oip.h"
#include "testing/manual_clock.h"

namespace hf::serve::conform {
namespace {

using Verdict = Outcome::Verdict;

std::unique_ptr<http::WireClient> make_client() {
    http::ClientOptions options;
    options.read_timeout = std::chrono::seconds(5);
    return std::move(*http::WireClient::create(std::move(options)));
}

// Our own server with an echo model.
struct Service {
    testing::ManualClock clock;
    Models models;
    ModelRepository repository{models};
    std::unique_ptr<http::Server> server;

    void put(const std::string& name, const std::vector<DType>& dtypes, const Shape& shape) {
        const auto make = [=, this](const ModelHost*) {
            ModelHost::Identity identity{.name = name, .platform = "onnx_onnxv1"};
            identity.version = "1";
            auto model = std::make_shared<const EchoModel>(dtypes, shape);
            return std::make_shared<ModelHost>(std::move(identity), std::move(model), clock);
        };
        const Status status = repository.add(name, ModelRepository::of_one(make));
        HF_CHECK(status.ok(), "{}", status.to_string());
    }

    // Without a repository, models are as Services declare them.
    void start(bool with_repository = true) {
        http::Router router;
        add_oip_routes(router, models, {nullptr, nullptr, with_repository ? &repository : nullptr});
        start(std::move(router));
    }

    void start(http::Router router) {
        server = std::move(*http::Server::start({}, std::move(router)));
    }

    Result<Report> judge(const std::string& model = {}, const std::string& filter = {}) const {
        Options options;
        options.url = fmt::format("http://127.0.0.1:{}", server->port());
        options.model = model;
        options.filter = filter;
        return run(*make_client(), options);
    }
};

std::string failures_of(const Report& report) {
    std::string text;
    for (const Outcome& one : report.outcomes) {
        if (one.verdict == Verdict::kFailed) text += fmt::format("{}: {}\n", one.name, one.came);
    }
    return text;
}

const Outcome& find(const Report& report, const std::string& name) {
    const auto found = std::find_if(report.outcomes.begin(), report.outcomes.end(),
                                    [&name](const Outcome& one) { return one.name == name; });
    HF_CHECK(found != report.outcomes.end(), "no case {}", name);
    return *found;
}

TEST(ConformRun, OurServerKeepsToTheStandardWithEveryDatatype) {
    Service service;
    service.put("every", all_datatypes(), {2, 3});
    service.start();
    Result<Report> report = service.judge();
    ASSERT_TRUE(report.ok()) << report.status().to_string();
    EXPECT_EQ(report->model, "every");
    EXPECT_EQ(failures_of(*report), "");
    EXPECT_GE(report->count(Verdict::kPassed), 300u);
    for (const char* name : {"repository/index", "repository/unload_load_infers",
                             "statistics/success_grows", "statistics/of_version"}) {
        EXPECT_EQ(find(*report, name).verdict, Verdict::kPassed) << name;
    }
    EXPECT_TRUE(service.models.find("every")) << "what was unloaded is loaded again";
    EXPECT_EQ(find(*report, "datatypes/UINT64_edges_same").verdict, Verdict::kPassed);
}

TEST(ConformRun, OpenExtentsAndOneInput) {
    Service service;
    service.put("other", {DType::kF32}, {2});
    service.put("open", {DType::kF32}, {Shape::kUnknown, Shape::kUnknown});
    service.start();
    const Result<Report> several = service.judge();
    EXPECT_NE(several.status().message().find("several models"), std::string::npos);
    Result<Report> report = service.judge("open");
    ASSERT_TRUE(report.ok()) << report.status().to_string();
    EXPECT_EQ(failures_of(*report), "");
    EXPECT_GE(report->count(Verdict::kPassed), 150u);
    EXPECT_EQ(find(*report, "infer/batch_of_33").verdict, Verdict::kPassed);
    const Outcome& skipped = find(*report, "infer/inputs_reversed");
    EXPECT_EQ(skipped.verdict, Verdict::kSkipped);
    EXPECT_EQ(skipped.came, "the model has one input");
}

TEST(ConformRun, WhatIsNotAnnouncedIsSkipped) {
    Service service;
    service.put("m", {DType::kF32}, {2});
    service.start(false);
    Result<Report> report = service.judge("m", "repository/");
    ASSERT_TRUE(report.ok()) << report.status().to_string();
    EXPECT_EQ(report->count(Verdict::kSkipped), report->outcomes.size());
    EXPECT_EQ(find(*report, "repository/unload").came,
              "the server does not announce model_repository");
}

// A server may announce the extension, and its owner may have forbidden what it offers.
TEST(ConformRun, ARepositoryThatRefusesChangesIsNotWrong) {
    Service service;
    service.put("m", {DType::kF32}, {2});
    http::Router router;
    add_oip_routes(router, service.models);
    http::Router announcing;
    announcing.add("GET", "/v2", [](const http::Request&) {
        return http::Response::json(
            200, R"({"name":"n","version":"1","extensions":["model_repository"]})");
    });
    for (const char* method : {"GET", "POST"}) {
        announcing.add(method, "/v2/{rest...}",
                       [router](const http::Request& r) { return http::dispatch(router, r); });
    }
    service.start(std::move(announcing));
    Result<Report> report = service.judge("m", "repository/");
    ASSERT_TRUE(report.ok()) << report.status().to_string();
    EXPECT_EQ(failures_of(*report), "");
    const Outcome& unload = find(*report, "repository/unload");
    EXPECT_EQ(unload.verdict, Verdict::kSkipped);
    EXPECT_NE(unload.came.find("the server refuses to unload the model: 412"), std::string::npos);
    EXPECT_EQ(find(*report, "repository/load").verdict, Verdict::kSkipped);
    EXPECT_EQ(find(*report, "repository/index").verdict, Verdict::kPassed);
}

// Metadata as they should be, and every inference answered with the same wrong thing.
http::Router wrong_router(std::string answer) {
    http::Router router;
    router.add("GET", "/v2/health/live",
               [](const http::Request&) { return http::Response::json(200, R"({"live":false})"); });
    router.add("GET", "/v2", [](const http::Request&) {
        return http::Response::json(
            200, R"({"name":"wrong","version":1,"extensions":["binary_tensor_data"]})");
    });
    router.add("GET", "/v2/models/m", [](const http::Request&) {
        return http::Response::json(
            200, R"({"name":"m","versions":["1"],"platform":"a_b","inputs":[{"name":"x",)"
                 R"("datatype":"INT32","shape":[2]}],"outputs":[{"name":"y","datatype":"INT32",)"
                 R"("shape":[2]}]})");
    });
    router.add("POST", "/v2/models/m/infer",
               [answer](const http::Request&) { return http::Response::json(200, answer); });
    return router;
}

TEST(ConformRun, AWrongServerFailsByName) {
    Service service;
    service.start(wrong_router(R"({"model_name":"m","outputs":[{"name":"y","datatype":"INT32",)"
                               R"("shape":[3],"data":[1,2,3]}]})"));
    Result<Report> report = service.judge("m");
    ASSERT_TRUE(report.ok()) << report.status().to_string();
    for (const char* name :
         {"health/live_body", "server/version", "infer/response", "infer/id", "bad_body/empty",
          "bad_input/datatype_unknown", "bad_data/one_less", "binary/outputs",
          "bad_binary/length_missing", "datatypes/INT32_byte_less"}) {
        EXPECT_EQ(find(*report, name).verdict, Verdict::kFailed) << name;
    }
    EXPECT_EQ(find(*report, "infer/response").came,
              "/outputs/0/shape: 3 where the metadata say 2; came: 200 "
              R"({"model_name":"m","outputs":[{"name":"y","datatype":"INT32","shape":[3],)"
              R"("data":[1,2,3]}]})");
    EXPECT_EQ(find(*report, "server/name").verdict, Verdict::kPassed);
}

// What no server would serve is skipped, but for the one case that says so.
TEST(ConformRun, AModelThatAnswersNothingFailsOnce) {
    Service service;
    http::Router router = wrong_router("{}");
    service.start(std::move(router));
    Result<Report> report = service.judge("m", "infer/answered");
    ASSERT_TRUE(report.ok());
    EXPECT_EQ(report->outcomes.size(), 1u);
    EXPECT_EQ(report->count(Verdict::kPassed), 1u);

    http::Router refusing;
    refusing.add("GET", "/v2/models/m", [](const http::Request&) {
        return http::Response::json(
            200, R"({"inputs":[{"name":"x","datatype":"INT32","shape":[-1]}],"outputs":[]})");
    });
    Service other;
    other.start(std::move(refusing));
    Result<Report> refused = other.judge("m", "infer/");
    ASSERT_TRUE(refused.ok());
    EXPECT_EQ(find(*refused, "infer/answered").verdict, Verdict::kFailed);
    EXPECT_EQ(refused->count(Verdict::kFailed), 1u);
    EXPECT_NE(find(*refused, "infer/id").came.find("was not answered: 404"), std::string::npos);
}

TEST(ConformRun, WhatCannotBeJudgedSaysWhatToDo) {
    Service service;
    service.start();
    const Status none = service.judge().status();
    EXPECT_NE(none.message().find("lists no model; name one with --model"), std::string::npos);
    const Status unknown = service.judge("m").status();
    EXPECT_EQ(unknown.code(), Code::kNotFound);
    EXPECT_NE(unknown.message().find("has no model 'm' (404"), std::string::npos);

    Options options;
    options.url = fmt::format("http://127.0.0.1:{}", service.server->port());
    service.server.reset();
    const Status gone = run(*make_client(), options).status();
    EXPECT_EQ(gone.code(), Code::kUnavailable);
    EXPECT_NE(gone.message().find("start the server"), std::string::npos);
    options.url = "ftp://a";
    EXPECT_EQ(run(*make_client(), options).status().code(), Code::kInvalidArgument);
}

TEST(ConformRun, OutcomesSayWhyAndWhatCame) {
    Case one{"name", "asks", "source", {}, {}, "group"};
    http::WireAnswer answer;
    answer.what = http::WireAnswer::What::kAnswered;
    answer.response = http::Response::text(200, "body");
    const Outcome passed = outcome_of(one, {}, {answer, answer});
    EXPECT_EQ(passed.name, "group/name");
    EXPECT_EQ(passed.verdict, Verdict::kPassed);
    EXPECT_EQ(passed.came, "200 body, then 200");
    const Outcome failed = outcome_of(one, invalid_argument("wrong"), {answer});
    EXPECT_EQ(failed.verdict, Verdict::kFailed);
    EXPECT_EQ(failed.came, "wrong; came: 200 body");
    const Outcome skipped = outcome_of(one, failed_precondition("not there"), {});
    EXPECT_EQ(skipped.verdict, Verdict::kSkipped);
    EXPECT_EQ(skipped.came, "not there");
}

}  // namespace
}  // namespace hf::serve::conform
