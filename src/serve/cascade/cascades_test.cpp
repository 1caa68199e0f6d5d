#include "serve/cascade/cascades.h"

#include <thread>

#include <gtest/gtest.h>

#include "base/json.h"
#include "base/text.h"
#include "serve/fake_model_test.h"
#include "serve/gateway/replicas_test.h"
#include "serve/oip.h"
#include "serve/oip_client.h"
#include "testing/memory_files.h"
#include "testing/real_clock.h"
#include "testing/seeded_entropy.h"

namespace hf::serve::cascade {
namespace {

using namespace std::chrono_literals;
using gateway::TestReplica;

const std::string kSmallDigest = "sha256:" + std::string(64, '1');
const std::string kLargeDigest = "sha256:" + std::string(64, '2');

// A small model, y = x, that is unsure of y below 5, and a large one elsewhere, y = x + 100.
class CascadesTest : public ::testing::Test {
protected:
    CascadesTest() {
        put(small_, {.name = "small", .model_digest = kSmallDigest}, 0);
        put(large_, {.name = "large", .version = "7", .model_digest = kLargeDigest}, 100);
        receipts_ = std::move(
            *Receipts::open({files_, clock_, entropy_}, {"data", "node-a", Duration::zero()}));
        add_oip_routes(router_, small_, {receipts_.get(), &cascades_});
        add_oip_routes(upstream_, large_, {});
        replica_.answer_with([this](const http::Request& request) {
            {
                const MutexLock lock(mutex_);
                last_ = request;
            }
            http::Request again = request;
            again.path_parameters.clear();
            return http::dispatch(upstream_, std::move(again));
        });
        settings_.upstream = "large";
        settings_.when = {"y", Measure::kValue, 5};
        settings_.timeout = 20s;
        settings_.budget_percent = 100;
        settings_.at = replica_.replica();
    }
    ~CascadesTest() override { replica_.release(); }

    void put(Models& models, ModelHost::Identity identity, float added) {
        const Status status = models.activate(std::make_shared<ModelHost>(
            std::move(identity), std::make_shared<const FakeModel>(added), clock_));
        HF_CHECK(status.ok());
    }

    http::Response ask(std::string_view x, std::size_t rows, const http::Headers& headers = {}) {
        http::Request request;
        request.method = "POST";
        request.target = "/v2/models/small/infer";
        request.headers = headers;
        request.body = to_bytes(fmt::format(
            R"({{"inputs":[{{"name":"x","datatype":"FP32","shape":[{}],"data":[{}]}}]}})", rows,
            x));
        return http::dispatch(router_, std::move(request));
    }
    // "1,102|both|unsure": the numbers, who answered, why.
    std::string told(std::string_view x, std::size_t rows, const http::Headers& headers = {}) {
        const http::Response response = ask(x, rows, headers);
        if (response.status != 200) return fmt::format("{}", response.status);
        const json::Value body = json::parse(as_text(response.body)).value();
        const json::Value* parameters = json::find(body, "parameters");
        const json::Value& output = json::find_array(body, "outputs")->at(0);
        std::string text;
        for (const json::Value& value : *json::find_array(output, "data")) {
            text += fmt::format("{}{}", text.empty() ? "" : ",", value.to_number<double>());
        }
        if (!parameters) return text;
        return fmt::format("{}|{}|{}", text, json::get_string(*parameters, "holdfast_cascade"),
                           json::get_string(*parameters, "holdfast_cascade_reason"));
    }
    json::Value receipt(const http::Response& response) {
        const std::string id(response.headers.get("holdfast-receipt").value());
        const json::Value file = json::parse(receipts_->file(id).value()).value();
        return *json::find(file, "receipt");
    }
    void use() { cascades_.set("small", settings_); }

    // How often a line of the metrics that begins so counts.
    std::string counted(const std::string& series) {
        const std::string text = cascades_.metrics();
        const std::size_t at = text.find("\n" + series + " ");
        if (at == std::string::npos) return "none";
        const std::size_t from = at + series.size() + 2;
        return text.substr(from, text.find('\n', from) - from);
    }
    std::string requests(std::string_view outcome, std::string_view reason) {
        return counted(fmt::format(
            "holdfast_cascade_requests_total{{model=\"small\",outcome=\"{}\",reason=\"{}\"}}",
            outcome, reason));
    }

    testing::RealClock clock_;
    testing::MemoryFiles files_;
    testing::SeededEntropy entropy_;
    Models small_, large_;
    std::unique_ptr<Receipts> receipts_;
    Cascades cascades_{nullptr, clock_};
    http::Router router_, upstream_;
    Mutex mutex_;
    http::Request last_ HF_GUARDED_BY(mutex_);
    TestReplica replica_{"cloud"};
    Settings settings_;
};

TEST_F(CascadesTest, OnlyUnsureRowsGoUp) {
    EXPECT_EQ(told("1", 1), "1") << "no cascade, no word of one";
    use();
    EXPECT_EQ(told("7", 1), "7|local|confident");
    EXPECT_EQ(replica_.requests(), 0u);
    EXPECT_EQ(told("9,1,8,2", 4), "9,101,8,102|both|unsure");
    EXPECT_EQ(told("3", 1), "103|upstream|unsure");
    EXPECT_EQ(replica_.requests(), 2u);
    {
        const MutexLock lock(mutex_);
        EXPECT_EQ(last_.headers.get("X-Holdfast-Hops"), "1");
        EXPECT_TRUE(last_.headers.get("X-Holdfast-Timeout-Ms"));
    }
    EXPECT_EQ(requests("answered", "unsure"), "2");
    EXPECT_EQ(requests("confident", "confident"), "1");
    EXPECT_EQ(counted("holdfast_cascade_escalated_total{model=\"small\"}"), "2");
    EXPECT_EQ(counted("holdfast_cascade_rows_total{model=\"small\",answered=\"upstream\"}"), "3");
    EXPECT_EQ(counted("holdfast_cascade_rows_total{model=\"small\",answered=\"local\"}"), "3");
    cascades_.remove("small");
    EXPECT_EQ(told("1", 1), "1");
    EXPECT_EQ(cascades_.metrics(), "");
}

TEST_F(CascadesTest, ReceiptsNameWhoseAnswerItIs) {
    use();
    const http::Response response = ask("1", 1);
    EXPECT_EQ(response.headers.get("holdfast-model-digest"), kLargeDigest);
    const json::Value whole = receipt(response);
    EXPECT_EQ(json::get_string(*json::find(whole, "model"), "digest"), kLargeDigest);
    const json::Value* account = json::find(whole, "cascade");
    ASSERT_TRUE(account);
    EXPECT_EQ(json::write_canonical(*account),
              R"({"answered":"upstream","escalated":true,"reason":"unsure","rows":1,)"
              R"("rows_upstream":1,"upstream":{"digest":")" +
                  kLargeDigest + R"(","name":"large","version":"7"}})");
    const http::Response mixed = ask("1,8", 2);
    EXPECT_EQ(mixed.headers.get("holdfast-model-digest"), kSmallDigest + ", " + kLargeDigest);
    const json::Value both = receipt(mixed);
    EXPECT_EQ(json::get_string(*json::find(both, "model"), "digest"), kSmallDigest);
    EXPECT_EQ(json::get_string(*json::find_path(both, {"cascade", "upstream"}), "digest"),
              kLargeDigest);
    const json::Value sure = receipt(ask("8", 1));
    EXPECT_EQ(json::get_string(*json::find(sure, "model"), "digest"), kSmallDigest);
    EXPECT_FALSE(json::get_bool(*json::find(sure, "cascade"), "escalated", true));
}

TEST_F(CascadesTest, NothingLeavesWhereItMayNot) {
    settings_.at.reset();
    settings_.residency = true;
    use();
    EXPECT_EQ(told("1", 1), "1|local|residency");
    settings_.residency = false;
    use();
    EXPECT_EQ(told("1", 1), "1|local|alone");
    EXPECT_EQ(replica_.requests(), 0u);
    EXPECT_EQ(requests("refused", "residency"), "1") << "other settings keep the counts";
    EXPECT_EQ(counted("holdfast_cascade_escalated_total{model=\"small\"}"), "0");
}

TEST_F(CascadesTest, ADeadUpstreamFailsNothingAndIsLeftAlone) {
    use();
    EXPECT_EQ(told("1", 1), "101|upstream|unsure");
    replica_.kill();
    EXPECT_EQ(told("1", 1), "1|local|unreachable");
    EXPECT_EQ(told("2", 1), "2|local|circuit");
    EXPECT_EQ(counted("holdfast_cascade_circuit_open{model=\"small\"}"), "1");
    replica_.revive();
    // One probe, half a second later at the latest, and all is as before.
    std::string answer;
    const Duration end = clock_.monotonic() + gateway::kPatience;
    do {
        answer = told("3", 1);
        std::this_thread::yield();
    } while (answer != "103|upstream|unsure" && clock_.monotonic() < end);
    EXPECT_EQ(answer, "103|upstream|unsure");
    EXPECT_EQ(counted("holdfast_cascade_circuit_open{model=\"small\"}"), "0");
}

TEST_F(CascadesTest, ASilentUpstreamCostsItsTimeoutAndNoMore) {
    settings_.timeout = 30ms;
    use();
    replica_.hold();
    EXPECT_EQ(told("1", 1), "1|local|timeout");
    EXPECT_EQ(told("1", 1), "1|local|circuit");
}

TEST_F(CascadesTest, TheCallersTimeIsKeptAndNotHeldAgainstTheUpstream) {
    use();
    http::Headers headers;
    headers.set("X-Holdfast-Timeout-Ms", "0");
    EXPECT_EQ(told("1", 1, headers), "1|local|late");
    EXPECT_EQ(replica_.requests(), 0u) << "too little time to ask at all";
    replica_.hold();
    headers.set("X-Holdfast-Timeout-Ms", "60");
    EXPECT_EQ(told("1", 1, headers), "1|local|late");
    replica_.release();
    EXPECT_EQ(told("1", 1), "101|upstream|unsure") << "the circuit is closed";
    headers.set("X-Holdfast-Timeout-Ms", "soon");
    EXPECT_EQ(told("1", 1, headers), "101|upstream|unsure") << "what cannot be read is no limit";
}

TEST_F(CascadesTest, WhatTheBudgetLeavesOutIsTheMostConfident) {
    settings_.budget_percent = 1;
    use();
    EXPECT_EQ(told("4,1,3,2,4,4,4,4,4,4,4,4", 12),
              "104,101,103,102,104,104,104,104,104,104,4,4|both|budget");
    EXPECT_EQ(told("1", 1), "1|local|budget");
    EXPECT_EQ(replica_.requests(), 1u);
    EXPECT_EQ(requests("refused", "budget"), "2");
}

TEST_F(CascadesTest, AnAnswerThatDoesNotFitIsNone) {
    for (const std::string_view body :
         {R"({"outputs":[{"name":"z","datatype":"FP32","shape":[1],"data":[1]}]})",
          R"({"outputs":[{"name":"y","datatype":"FP32","shape":[2],"data":[1,2]}]})",
          R"({"outputs":[{"name":"y","datatype":"INT8","shape":[1],"data":[1]}]})", "no JSON",
          R"({"outputs":{}})"}) {
        cascades_.remove("small");
        use();
        replica_.answer_with(
            [body](const http::Request&) { return http::Response::json(200, std::string(body)); });
        EXPECT_EQ(told("1", 1), "1|local|mismatch") << body;
        EXPECT_EQ(told("1", 1), "1|local|circuit") << body;
    }
    cascades_.remove("small");
    use();
    replica_.answer_with([](const http::Request&) { return http::Response::error(500, "broken"); });
    EXPECT_EQ(told("1", 1), "1|local|refused");
    settings_.when.output = "none";
    use();
    EXPECT_EQ(told("1", 1), "1|local|unmeasurable");
}

// What an upstream says of itself goes into receipts and headers: words only, and not many.
TEST_F(CascadesTest, AnUpstreamsWordsAreChecked) {
    use();
    replica_.answer_with([](const http::Request&) {
        http::Response response = http::Response::json(
            200, R"({"model_name":"a\nb","model_version":")" + std::string(500, 'v') +
                     R"(","outputs":[{"name":"y","datatype":"FP32","shape":[1],"data":[6]}]})");
        response.headers.set("holdfast-model-digest", "sha256:12");
        return response;
    });
    const http::Response response = ask("1", 1);
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.headers.get("holdfast-model-digest").value_or("none"), "none");
    EXPECT_EQ(json::write_canonical(*json::find(receipt(response), "model")), "{}");
}

TEST_F(CascadesTest, AServiceMayRatherFailThanGuess) {
    settings_.refuse = true;
    use();
    EXPECT_EQ(told("7", 1), "7|local|confident");
    EXPECT_EQ(told("1", 1), "101|upstream|unsure");
    replica_.kill();
    const http::Response response = ask("1", 1);
    EXPECT_EQ(response.status, 503);
    EXPECT_NE(as_text(response.body).find("did not answer (unreachable)"), std::string_view::npos);
}

TEST_F(CascadesTest, ARingOfCascadesEnds) {
    use();
    http::Headers headers;
    headers.set("X-Holdfast-Hops", "4");
    EXPECT_EQ(told("1", 1, headers), "1|local|alone");
    EXPECT_EQ(replica_.requests(), 0u);
}

TEST_F(CascadesTest, SoManyAtATimeAndNoMore) {
    settings_.timeout = gateway::kPatience;
    use();
    replica_.hold();
    std::vector<std::thread> threads;
    std::vector<std::string> answers(kAskerThreads);
    for (std::string& answer : answers) {
        threads.emplace_back([this, &answer] { answer = told("1", 1); });
    }
    const Duration end = clock_.monotonic() + gateway::kPatience;
    while (replica_.requests() < kAskerThreads && clock_.monotonic() < end) {
        std::this_thread::yield();
    }
    EXPECT_EQ(told("2", 1), "2|local|busy");
    replica_.release();
    for (std::thread& thread : threads) thread.join();
    for (const std::string& answer : answers) EXPECT_EQ(answer, "101|upstream|unsure");
}

}  // namespace
}  // namespace hf::serve::cascade
