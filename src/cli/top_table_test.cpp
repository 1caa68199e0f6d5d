#include "cli/top_table.h"

#include <atomic>
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "cli/fake_api_test.h"
#include "cli/prometheus_text.h"

namespace hf::cli {
namespace {

using namespace std::chrono_literals;

// What a model's metrics say: refused is one, running are two.
struct Counted {
    int succeeded = 0;
    int failed = 0;
    int fast = 0;  // of those computed, so many within a millisecond
    int all = 0;
};

std::string model_metrics(std::string_view model, const Counted& counted) {
    return fmt::format(
        "# TYPE holdfast_inference_requests_total counter\n"
        "holdfast_inference_requests_total{{model=\"{0}\",version=\"1\",outcome=\"succeeded\"}} "
        "{1}\n"
        "holdfast_inference_requests_total{{model=\"{0}\",version=\"1\",outcome=\"failed\"}} {2}\n"
        "holdfast_inference_requests_total{{model=\"{0}\",version=\"1\",outcome=\"refused\"}} 1\n"
        "holdfast_inference_duration_seconds_bucket{{model=\"{0}\",version=\"1\",le=\"0.001\"}} "
        "{3}\n"
        "holdfast_inference_duration_seconds_bucket{{model=\"{0}\",version=\"1\",le=\"0.01\"}} "
        "{4}\n"
        "holdfast_inference_duration_seconds_bucket{{model=\"{0}\",version=\"1\",le=\"+Inf\"}} "
        "{4}\n"
        "holdfast_inferences_in_flight{{model=\"{0}\",version=\"1\"}} 2\n",
        model, counted.succeeded, counted.failed, counted.fast, counted.all);
}

std::string statistics_of(std::string_view model, int count, std::int64_t ns) {
    return fmt::format(
        R"({{"model_stats":[{{"name":"{}","version":"1","inference_stats":{{"queue":)"
        R"({{"count":{},"ns":{}}}}},"memory_usage":[{{"type":"CPU","id":0,)"
        R"("byte_size":2048}}]}}]}})",
        model, count, ns);
}

Scrape scrape(const std::string& metrics, const std::string& statistics, Duration at) {
    const Result<Scrape> parsed = parse_scrape("holdfast_models 1\n" + metrics, statistics, at);
    HF_CHECK(parsed.ok(), "{}", parsed.status().to_string());
    return *parsed;
}

TEST(PrometheusText, ReadsSamples) {
    const Result<std::vector<Sample>> samples = parse_prometheus(
        "# HELP a What.\n# TYPE a counter\na 1\n\nb{x=\"1\"} 2.5 1395066363000\r\n"
        "c { x = \"q\\\"\\\\\\n}\" , y=\"\",} +Inf\nd{} NaN\ne:f_1{le=\"+Inf\"} -3e2\n");
    ASSERT_TRUE(samples.ok()) << samples.status().to_string();
    ASSERT_EQ(samples->size(), 5u);
    EXPECT_EQ((*samples)[0].name, "a");
    EXPECT_EQ((*samples)[1].value, 2.5);
    EXPECT_EQ((*samples)[1].label("x"), "1");
    EXPECT_EQ((*samples)[2].label("x"), "q\"\\\n}");
    EXPECT_TRUE(std::isinf((*samples)[2].value));
    EXPECT_TRUE(std::isnan((*samples)[3].value));
    EXPECT_EQ((*samples)[4].name, "e:f_1");
    EXPECT_EQ((*samples)[4].value, -300);
    EXPECT_EQ((*samples)[4].label("none"), "");
}

TEST(PrometheusText, RefusesWhatIsNone) {
    for (const char* bad : {"{x=\"1\"} 1", "a", "a{x} 1", "a{x=1} 1", "a{x=\"1} 1", "a{x=\"1\" 1",
                            "a{x=\"1\"", "a one", "<html>", "a{x=\"1\"y=\"2\"} 1", "a{x=\"\\"}) {
        EXPECT_EQ(parse_prometheus(bad).status().code(), Code::kInvalidArgument) << bad;
    }
    EXPECT_TRUE(parse_prometheus("a 1\nb\n").status().message().starts_with("line 2: "));
}

TEST(Top, WhatHappenedBetweenTwoLooks) {
    const Scrape before =
        scrape(model_metrics("m", {100, 0, 50, 100}), statistics_of("m", 100, 1'000'000), 10s);
    const Scrape now =
        scrape(model_metrics("m", {190, 10, 140, 200}), statistics_of("m", 200, 21'000'000), 12s);
    const std::vector<TopRow> rows = compare_scrapes(before, now);
    ASSERT_EQ(rows.size(), 1u);
    EXPECT_EQ(rows[0].model, "m");
    EXPECT_DOUBLE_EQ(rows[0].requests_per_s, 50);
    EXPECT_DOUBLE_EQ(rows[0].failures_per_s, 5);
    EXPECT_DOUBLE_EQ(*rows[0].p50_s, 0.001 * 50 / 90);
    EXPECT_DOUBLE_EQ(*rows[0].p99_s, 0.001 + 0.009 * 9 / 10);
    EXPECT_DOUBLE_EQ(*rows[0].queue_s, 0.0002);
    EXPECT_EQ(rows[0].in_flight, 2);
    EXPECT_EQ(rows[0].memory_bytes, 2048u);
    EXPECT_EQ(rows[0].requests, 201);
    EXPECT_EQ(
        write_top(rows, 10),
        "MODEL  VERSION  REQ/S  FAIL/S     P50     P99  RUNNING   QUEUE   MEMORY  REQUESTS\n"
        "m      1         50.0     5.0  556 us  9.1 ms        2  200 us  2.0 KiB       201\n");
    const json::Object object = top_to_json(rows, "http://x", 2s);
    EXPECT_EQ(json::get_string(object, "url"), "http://x");
    EXPECT_EQ(json::find_array(object, "models")->size(), 1u);
}

TEST(Top, AModelThatWasLoadedAnewBeginsAnew) {
    const Scrape before =
        scrape(model_metrics("m", {100, 3, 100, 100}), statistics_of("m", 100, 9'000'000), 1s);
    const Scrape now =
        scrape(model_metrics("m", {10, 0, 10, 10}), statistics_of("m", 10, 1'000'000), 2s);
    const std::vector<TopRow> rows = compare_scrapes(before, now);
    EXPECT_DOUBLE_EQ(rows[0].requests_per_s, 10);
    EXPECT_DOUBLE_EQ(rows[0].failures_per_s, 0);
    EXPECT_DOUBLE_EQ(*rows[0].p50_s, 0.0005);
    EXPECT_DOUBLE_EQ(*rows[0].queue_s, 0.0001);
}

TEST(Top, TheBusiestFirstAndNothingWhereNothingCame) {
    const std::string idle = model_metrics("a", {5, 0, 5, 5});
    const Scrape before = scrape(idle + model_metrics("b", {0, 0, 0, 0}), "{}", 1s);
    const Scrape now = scrape(fmt::format("{}{}{}", idle, model_metrics("b", {9, 0, 0, 9}),
                                          model_metrics("c", {0, 0, 0, 0})),
                              "{}", 2s);
    const std::vector<TopRow> rows = compare_scrapes(before, now);
    ASSERT_EQ(rows.size(), 3u);
    EXPECT_EQ(rows[0].model, "b");
    EXPECT_EQ(rows[2].model, "a");
    EXPECT_FALSE(rows[2].p50_s);
    EXPECT_FALSE(rows[2].queue_s);
    EXPECT_NE(write_top(rows, 2).find("and 1 more\n"), std::string::npos);
    EXPECT_NE(write_top({}, 2).find("no model is served"), std::string::npos);
}

TEST(Top, QuantilesAsPrometheusEstimatesThem) {
    const double infinity = std::numeric_limits<double>::infinity();
    EXPECT_FALSE(quantile_of({}, 0.5));
    EXPECT_FALSE(quantile_of({{0.1, 0}, {infinity, 0}}, 0.5));
    EXPECT_DOUBLE_EQ(*quantile_of({{0.1, 10}, {0.2, 20}, {infinity, 20}}, 0.5), 0.1);
    EXPECT_DOUBLE_EQ(*quantile_of({{0.1, 0}, {0.2, 20}, {infinity, 20}}, 0.5), 0.15);
    EXPECT_DOUBLE_EQ(*quantile_of({{0.1, 1}, {infinity, 20}}, 0.99), 0.1) << "beyond the bounds";
}

TEST(Top, AServersNamesDoNotMoveTheCursor) {
    TopRow row;
    row.model = fmt::format("\x1b[2J\xc2\x9b{:x<60}", "");
    row.version = "sha256:0123456789abcdef";
    const std::string text = write_top({row}, 1);
    EXPECT_EQ(text.find('\x1b'), std::string::npos);
    EXPECT_NE(text.find("?[2J??xx"), std::string::npos) << text;
    EXPECT_NE(text.find("sha256:012.."), std::string::npos) << text;
}

// A server whose counts grow by one with each look.
struct Server {
    std::unique_ptr<http::Server> server;
    std::atomic<int> looks{0};

    Server() {
        http::Router router;
        router.add("GET", "/metrics", [this](const http::Request& request) {
            if (request.headers.get("X-Key") != "open") return http::Response::error(401, "no");
            const int look = ++looks;
            return http::Response::text(
                200, "holdfast_models 1\n" + model_metrics("m", {look, 0, look, look}));
        });
        router.add("GET", "/v2/models/stats", [this](const http::Request&) {
            return http::Response::json(200, statistics_of("m", looks, looks * 1000));
        });
        server = std::move(*http::Server::start({}, std::move(router)));
    }

    std::string words(const std::string& more) const {
        return fmt::format("top http://127.0.0.1:{}/ {}", server->port(), more);
    }
};

TEST(Top, OneTableOneObjectOrLive) {
    Server server;
    CommandRunner commands;
    EXPECT_EQ(commands.run(server.words("--once --header X-Key:open")), 0) << commands.note;
    EXPECT_EQ(commands.out.find("MODEL  VERSION"), 0u) << commands.out;
    EXPECT_NE(commands.out.find("\nm      1"), std::string::npos) << commands.out;
    EXPECT_EQ(commands.run(server.words("--json --header X-Key:open")), 0) << commands.note;
    const Result<json::Value> object = json::parse(commands.out);
    ASSERT_TRUE(object.ok()) << commands.out;
    const json::Value& model = json::find_array(*object, "models")->front();
    EXPECT_EQ(json::get_string(model, "model"), "m");
    EXPECT_GT(json::find(model, "requests_per_s")->to_number<double>(), 0);
    commands.stop_at = "REQUESTS";
    EXPECT_EQ(commands.run(server.words("--header X-Key:open")), 0) << commands.note;
    EXPECT_EQ(commands.out.find("http://127.0.0.1:"), 0u) << commands.out;
    EXPECT_EQ(commands.out.find('\x1b'), std::string::npos) << "this is no terminal";
    EXPECT_EQ(commands.run(server.words("--once")), 1);
    EXPECT_NE(commands.note.find("may observe"), std::string::npos) << commands.note;
}

TEST(Top, SaysThatNoServerIsThere) {
    CommandRunner commands;
    std::string words;
    {
        const Server server;
        words = server.words("--once");
    }
    EXPECT_EQ(commands.run(words), 1);
    EXPECT_NE(commands.note.find("is a server there?"), std::string::npos) << commands.note;
    EXPECT_EQ(commands.run("top ftp://x --once"), 1);
}

TEST(Top, WantsAServerOfModels) {
    EXPECT_EQ(parse_scrape("up 1\n", "{}", 0s).status().code(), Code::kFailedPrecondition);
    EXPECT_EQ(parse_scrape("<html>", "{}", 0s).status().code(), Code::kInvalidArgument);
    EXPECT_EQ(parse_scrape("holdfast_models 0\n", "<html>", 0s).status().code(),
              Code::kInvalidArgument);
}

}  // namespace
}  // namespace hf::cli
