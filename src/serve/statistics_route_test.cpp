#include "serve/statistics_route.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "base/text.h"
#include "serve/oip.h"
#include "testing/manual_clock.h"

namespace hf::serve {
namespace {

// y = x, in a time that the test sets; it fails for what is below zero.
class TimedModel final : public runtime::CompiledModel {
public:
    explicit TimedModel(testing::ManualClock& clock) : clock_(clock) {}

    const runtime::Signature& signature() const override { return signature_; }
    std::string_view device() const override { return "cpu"; }
    Result<std::unique_ptr<runtime::Session>> new_session() const override {
        return std::make_unique<Run>(clock_);
    }

private:
    class Run final : public runtime::Session {
    public:
        explicit Run(testing::ManualClock& clock) : clock_(clock) {}

        Result<std::vector<Tensor>> run(std::span<const Tensor> inputs) override {
            clock_.advance(std::chrono::microseconds(5));
            if (inputs[0].values<float>()[0] < 0) return internal_error("below zero");
            return std::vector<Tensor>(inputs.begin(), inputs.end());
        }

    private:
        testing::ManualClock& clock_;
    };

    testing::ManualClock& clock_;
    const runtime::Signature signature_{{{"x", DType::kF32, Shape{Shape::kUnknown}}},
                                        {{"y", DType::kF32, Shape{Shape::kUnknown}}}};
};

class StatisticsRoute : public ::testing::Test {
protected:
    StatisticsRoute() {
        add_oip_routes(router_, models_);
        auto host = std::make_shared<ModelHost>(ModelHost::Identity{.name = "m"},
                                                std::make_shared<TimedModel>(clock_), clock_);
        host->set_memory({1000, 24});
        EXPECT_TRUE(models_.activate(std::move(host)).ok());
    }

    http::Response ask(std::string method, std::string target, std::string_view body = {}) {
        http::Request request;
        request.method = std::move(method);
        request.target = std::move(target);
        request.body = to_bytes(body);
        request.waited = std::chrono::microseconds(2);
        return http::dispatch(router_, std::move(request));
    }

    int infer(std::string_view shape, std::string_view data) {
        return ask("POST", "/v2/models/m/infer",
                   fmt::format(R"({{"inputs":[{{"name":"x","datatype":"FP32","shape":[{}],)"
                               R"("data":[{}]}}]}})",
                               shape, data))
            .status;
    }

    json::Value statistics(const std::string& path = "/v2/models/m/stats") {
        const Result<json::Value> root = json::parse(as_text(ask("GET", path).body));
        const json::Array* rows = root.ok() ? json::find_array(*root, "model_stats") : nullptr;
        return rows && rows->size() == 1 ? (*rows)[0] : json::Value();
    }

    // "COUNT NS" of one of inference_stats.
    static std::string total(const json::Value& row, std::string_view key) {
        const json::Object* times = json::find_object(row, "inference_stats");
        const json::Value* one = times ? times->if_contains(key) : nullptr;
        if (!one) return "none";
        return fmt::format("{} {}", json::get_int(*one, "count"), json::get_int(*one, "ns"));
    }

    testing::ManualClock clock_;
    Models models_;
    http::Router router_;
};

TEST_F(StatisticsRoute, BeforeTheFirstRequest) {
    EXPECT_EQ(std::string(trim(as_text(ask("GET", "/v2/models/stats").body))),
              R"({"model_stats":[{"name":"m","version":"1","last_inference":0,)"
              R"("inference_count":0,"execution_count":0,"inference_stats":{)"
              R"("success":{"count":0,"ns":0},"fail":{"count":0,"ns":0},)"
              R"("queue":{"count":0,"ns":0},"compute_input":{"count":0,"ns":0},)"
              R"("compute_infer":{"count":0,"ns":0},"compute_output":{"count":0,"ns":0},)"
              R"("cache_hit":{"count":0,"ns":0},"cache_miss":{"count":0,"ns":0}},)"
              R"("batch_stats":[],"memory_usage":[{"type":"CPU","id":0,"byte_size":1000}],)"
              R"("response_stats":{}}]})");
}

TEST_F(StatisticsRoute, CountsWhatTheMetricsCount) {
    clock_.advance(std::chrono::seconds(1));
    EXPECT_EQ(infer("1", "1"), 200);
    EXPECT_EQ(infer("3", "1,2,3"), 200);
    EXPECT_EQ(infer("3", "1,2,3"), 200);
    EXPECT_EQ(infer("1", "-1"), 500);
    EXPECT_EQ(infer("1", "\"a\""), 400);
    const json::Value row = statistics();
    EXPECT_EQ(json::get_int(row, "inference_count"), 7);
    EXPECT_EQ(json::get_int(row, "execution_count"), 3);
    EXPECT_EQ(total(row, "success"), "3 21000");
    EXPECT_EQ(total(row, "fail"), "2 9000");
    EXPECT_EQ(total(row, "queue"), "3 6000");
    EXPECT_EQ(total(row, "compute_input"), "3 0");
    EXPECT_EQ(total(row, "compute_infer"), "3 15000");
    EXPECT_EQ(total(row, "compute_output"), "3 0");
    EXPECT_EQ(json::get_int(row, "last_inference"), 1'800'000'001'000);
    const json::Array* batches = json::find_array(row, "batch_stats");
    ASSERT_TRUE(batches && batches->size() == 2);
    EXPECT_EQ(json::write((*batches)[1]),
              R"({"batch_size":3,"compute_input":{"count":2,"ns":0},)"
              R"("compute_infer":{"count":2,"ns":10000},"compute_output":{"count":2,"ns":0}})");
    const json::Array* memory = json::find_array(row, "memory_usage");
    ASSERT_TRUE(memory && memory->size() == 1);
    EXPECT_EQ(json::get_int((*memory)[0], "byte_size"), 1024) << "one session";
    const ModelHost::Counts counts = models_.find("m")->counts();
    EXPECT_EQ(counts.succeeded, 3u);
    EXPECT_EQ(counts.failed + counts.refused, 2u);
}

TEST_F(StatisticsRoute, OfOneModelAndVersion) {
    EXPECT_EQ(json::get_string(statistics("/v2/models/m/versions/1/stats"), "name"), "m");
    EXPECT_EQ(ask("GET", "/v2/models/m/versions/2/stats").status, 404);
    EXPECT_EQ(ask("GET", "/v2/models/z/stats").status, 404);
    EXPECT_EQ(ask("POST", "/v2/models/m/stats").status, 405);
    EXPECT_TRUE(models_.remove("m"));
    EXPECT_EQ(std::string(trim(as_text(ask("GET", "/v2/models/stats").body))),
              R"({"model_stats":[]})");
}

}  // namespace
}  // namespace hf::serve
