#include "serve/seen/span_exporter.h"

#include <gtest/gtest.h>

#include "serve/seen/collector_test.h"
#include "testing/real_clock.h"

namespace hf::serve::seen {
namespace {

using namespace std::chrono_literals;

Span a_span(std::uint8_t number = 1) {
    Span span;
    span.trace[15] = 1;
    span.id[7] = number;
    span.name = "compute";
    span.start = Instant(1'800'000'000s);
    span.end = span.start + 1ms;
    return span;
}

struct Sending {
    testing::RealClock clock;
    std::unique_ptr<SpanExporter> exporter;

    explicit Sending(const std::string& url, std::size_t queue_max = 8192) {
        SpanExporterOptions options;
        options.endpoint = url;
        options.resource = {{"service.name", std::string("holdfast")}};
        options.queue_max = queue_max;
        options.batch_max = 4;
        options.batch_delay = 5ms;
        options.pause_min = 2ms;
        options.pause_max = 10ms;
        auto made = SpanExporter::start(std::move(options), clock);
        HF_CHECK(made.ok(), "{}", made.status().to_string());
        exporter = std::move(*made);
    }

    bool settled(std::uint64_t sent, std::uint64_t refused, std::uint64_t dropped) const {
        return comes_true([&] {
            const SpanExporter::Counts counts = exporter->counts();
            return counts.sent == sent && counts.refused == refused && counts.dropped == dropped;
        });
    }
};

TEST(SpanExporter, SendsBatches) {
    const Collector collector;
    const Sending sending(fmt::format("{}/", collector.url()));
    for (std::uint8_t i = 1; i <= 10; ++i) sending.exporter->offer(a_span(i));
    const std::vector<json::Object> spans = collector.wait_for(10);
    ASSERT_EQ(spans.size(), 10u);
    EXPECT_EQ(Collector::text_of(spans[0], "spanId"), "0000000000000001");
    EXPECT_EQ(Collector::text_of(spans[9], "spanId"), "000000000000000a");
    EXPECT_TRUE(sending.settled(10, 0, 0));
    EXPECT_GE(collector.batches(), 3u) << "at most four a batch";
    EXPECT_NE(sending.exporter->metrics().find("holdfast_trace_spans_total{outcome=\"sent\"} 10\n"),
              std::string::npos);
}

TEST(SpanExporter, WhatIsLeftGoesOutAtTheEnd) {
    const Collector collector;
    {
        const Sending sending(collector.url());
        for (std::uint8_t i = 1; i <= 6; ++i) sending.exporter->offer(a_span(i));
    }
    EXPECT_EQ(collector.spans().size(), 6u);
}

TEST(SpanExporter, SendsAgainWhatACollectorCouldNotTakeThen) {
    Collector collector;
    collector.answer_with(http::Response::text(503, "later"));
    const Sending sending(collector.url());
    sending.exporter->offer(a_span());
    ASSERT_TRUE(comes_true([&] { return collector.batches() >= 3; }));
    collector.answer_with(http::Response::json(200, "{}"));
    EXPECT_EQ(collector.wait_for(1).size(), 1u);
    EXPECT_TRUE(sending.settled(1, 0, 0));
}

TEST(SpanExporter, GivesUpABatchThatNobodyTakes) {
    Collector collector;
    collector.kill();
    const Sending sending(collector.url());
    sending.exporter->offer(a_span(1));
    EXPECT_TRUE(sending.settled(0, 0, 1));
    collector.revive();
    sending.exporter->offer(a_span(2));
    EXPECT_EQ(collector.wait_for(1).size(), 1u) << "a collector that came back is found";
    EXPECT_TRUE(sending.settled(1, 0, 1));
}

TEST(SpanExporter, WhatIsRefusedIsNotSentAgain) {
    Collector collector;
    collector.answer_with(http::Response::text(400, "no"));
    const Sending sending(collector.url());
    sending.exporter->offer(a_span());
    EXPECT_TRUE(sending.settled(0, 1, 0));
    EXPECT_EQ(collector.batches(), 1u);
    collector.answer_with(http::Response::json(
        200, R"({"partialSuccess":{"rejectedSpans":"1","errorMessage":"x"}})"));
    sending.exporter->offer(a_span());
    EXPECT_TRUE(sending.settled(0, 2, 0));
}

TEST(SpanExporter, AFullQueueDropsAndCounts) {
    Collector collector;
    collector.kill();
    const Sending sending(collector.url(), 3);
    for (std::uint8_t i = 1; i <= 50; ++i) sending.exporter->offer(a_span(i));
    EXPECT_GE(sending.exporter->counts().dropped, 40u);
    EXPECT_TRUE(sending.settled(0, 0, 50)) << "and the rest with the collector away";
}

TEST(SpanExporter, PausesGrowToABound) {
    SpanExporterOptions options;
    std::vector<std::int64_t> seconds;
    for (std::size_t failures = 0; failures < 9; ++failures) {
        seconds.push_back(pause_after(failures, options) / 1s);
    }
    EXPECT_EQ(seconds, (std::vector<std::int64_t>{0, 0, 1, 2, 4, 8, 16, 30, 30}));
}

TEST(SpanExporter, RefusesWhatIsNoCollectorsUrl) {
    const testing::RealClock clock;
    for (const char* url : {"", "localhost:4318", "ftp://x", "http://x/?a=b", "http://u:p@x"}) {
        SpanExporterOptions options;
        options.endpoint = url;
        EXPECT_EQ(SpanExporter::start(std::move(options), clock).status().code(),
                  Code::kInvalidArgument)
            << url;
    }
}

}  // namespace
}  // namespace hf::serve::seen
