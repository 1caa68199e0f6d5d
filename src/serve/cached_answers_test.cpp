// Answers from the cache, through the doors of a server.

#include <gtest/gtest.h>

#include "base/text.h"
#include "http/server.h"
#include "serve/fake_model_test.h"
#include "serve/oip.h"
#include "testing/manual_clock.h"
#include "testing/memory_files.h"
#include "testing/seeded_entropy.h"

namespace hf::serve {
namespace {

class CachedAnswers : public ::testing::TestWithParam<bool> {
protected:
    CachedAnswers() {
        receipts_ = std::move(
            *Receipts::open({files_, clock_, entropy_}, {"data", "node-a", Duration::zero()}));
        put(1, "sha256:one");
        OipExtras extras;
        extras.receipts = receipts_.get();
        extras.cache = &cache_;
        if (GetParam()) extras.scheduler = &scheduler_;
        add_oip_routes(router_, models_, extras);
    }

    void put(float added, std::string digest, bool may_be_cached = true) {
        ModelHost::Identity identity{.name = "m"};
        identity.model_digest = std::move(digest);
        host_ = std::make_shared<ModelHost>(std::move(identity),
                                            std::make_shared<const FakeModel>(added), clock_);
        host_->set_may_be_cached(may_be_cached);
        EXPECT_TRUE(models_.activate(host_).ok());
    }

    http::Response ask(std::string method, std::string target, std::string_view body = {}) {
        http::Request request;
        request.method = std::move(method);
        request.target = std::move(target);
        request.body = to_bytes(body);
        return http::dispatch(router_, std::move(request));
    }

    // "hit 2.0", "miss 2.0"
    std::string infer(std::string_view x, std::string_view more = "") {
        const http::Response response =
            ask("POST", "/v2/models/m/infer",
                fmt::format(R"({{{}"inputs":[{{"name":"x","datatype":"FP32","shape":[1],)"
                            R"("data":[{}]}}]}})",
                            more, x));
        EXPECT_EQ(response.status, 200) << as_text(response.body);
        receipt_ = response.headers.get("holdfast-receipt").value_or("");
        const std::string_view text = as_text(response.body);
        const std::size_t data = text.find("\"data\":[") + 8;
        return fmt::format("{} {}", response.headers.get("holdfast-cache").value_or("miss"),
                           text.substr(data, text.find(']', data) - data));
    }

    std::string receipt() {
        const http::Response response = ask("GET", "/v2/receipts/" + receipt_);
        const json::Value file = json::parse(as_text(response.body)).value();
        return json::write(*json::find(file, "receipt"));
    }

    testing::MemoryFiles files_;
    testing::ManualClock clock_;
    testing::SeededEntropy entropy_;
    Scheduler scheduler_{clock_, {}};
    ResponseCache cache_{1 << 20};
    Models models_;
    std::shared_ptr<ModelHost> host_;
    std::unique_ptr<Receipts> receipts_;
    http::Router router_;
    std::string receipt_;
};

TEST_P(CachedAnswers, TheSameQuestionIsNotComputedTwice) {
    EXPECT_EQ(infer("1"), "miss 2.0");
    EXPECT_EQ(infer("1"), "hit 2.0");
    EXPECT_EQ(infer("1", R"("id":"7",)"), "hit 2.0") << "an id changes no answer";
    EXPECT_EQ(infer("3"), "miss 4.0");
    EXPECT_EQ(host_->counts().succeeded, 2u);
    EXPECT_EQ(host_->counts().cached, 2u);
}

TEST_P(CachedAnswers, EachHasAReceiptOfItsOwnThatSaysSo) {
    infer("1");
    const std::string first_id = receipt_;
    const std::string first = receipt();
    infer("1");
    EXPECT_NE(receipt_, first_id);
    const std::string second = receipt();
    EXPECT_EQ(first.find("cached"), std::string::npos);
    EXPECT_TRUE(second.starts_with(R"({"cached":true,"device":"cpu","duration_ns":0,)")) << second;
    const auto digests = [](const std::string& text) {
        return text.substr(text.find("\"request\""),
                           text.find("\"time\"") - text.find("\"request\""));
    };
    EXPECT_EQ(digests(first), digests(second));
}

TEST_P(CachedAnswers, AnotherModelUnderTheNameIsAskedItself) {
    EXPECT_EQ(infer("1"), "miss 2.0");
    put(5, "sha256:five");
    EXPECT_EQ(infer("1"), "miss 6.0");
    EXPECT_EQ(infer("1"), "hit 6.0");
    put(1, "sha256:one");
    EXPECT_EQ(infer("1"), "hit 2.0") << "the same as before";
}

TEST_P(CachedAnswers, WhatTheDigestDoesNotTellIsNotKept) {
    put(1, "sha256:one", false);
    EXPECT_EQ(infer("1"), "miss 2.0");
    EXPECT_EQ(infer("1"), "miss 2.0");
    EXPECT_EQ(cache_.counts().entries, 0u);
}

TEST_P(CachedAnswers, StatisticsAndMetricsTellThemApart) {
    infer("1");
    infer("1");
    infer("1");
    const Statistics statistics = host_->statistics();
    EXPECT_EQ(statistics.succeeded.count, 3u);
    EXPECT_EQ(statistics.queue.count, 3u);
    EXPECT_EQ(statistics.infer.count, 1u);
    EXPECT_EQ(statistics.inferences, 1u);
    EXPECT_EQ(statistics.executions, 1u);
    EXPECT_EQ(statistics.cache_hit.count, 2u);
    EXPECT_EQ(statistics.cache_miss.count, 1u);
    const std::string stats(as_text(ask("GET", "/v2/models/m/stats").body));
    EXPECT_NE(stats.find(R"("cache_hit":{"count":2,)"), std::string::npos) << stats;
    EXPECT_NE(stats.find(R"("cache_miss":{"count":1,)"), std::string::npos) << stats;
    const std::string metrics(as_text(ask("GET", "/metrics").body));
    EXPECT_NE(metrics.find("holdfast_response_cache_requests_total{outcome=\"hit\"} 2\n"),
              std::string::npos);
    EXPECT_NE(metrics.find("outcome=\"cached\"} 2\n"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(WithAndWithoutAScheduler, CachedAnswers, ::testing::Bool());

}  // namespace
}  // namespace hf::serve
