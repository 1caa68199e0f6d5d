#include "serve/seen/otlp.h"

#include <gtest/gtest.h>

#include "base/json.h"

namespace hf::serve::seen {
namespace {

Span a_span() {
    Span span;
    span.trace = {0x0a, 0xf7, 0x65, 0x19, 0x16, 0xcd, 0x43, 0xdd,
                  0x84, 0x48, 0xeb, 0x21, 0x1c, 0x80, 0x31, 0x9c};
    span.id = {0xb7, 0xad, 0x6b, 0x71, 0x69, 0x20, 0x33, 0x31};
    span.name = "queue";
    span.start = Instant(std::chrono::nanoseconds(1'544'712'660'000'000'001));
    span.end = span.start + std::chrono::milliseconds(2);
    return span;
}

TEST(Otlp, WritesWhatTheProtocolWants) {
    Span span = a_span();
    span.parent = {0, 0, 0, 0, 0, 0, 0, 1};
    span.state = "foo=1";
    span.kind = SpanKind::kServer;
    span.failed = true;
    span.attributes = {{"a", std::string("text")}, {"b", std::int64_t{500}}, {"c", 0.25}};
    EXPECT_EQ(
        write_spans({{"service.name", std::string("holdfast")}}, {&span, 1}),
        R"({"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":)"
        R"({"stringValue":"holdfast"}}]},"scopeSpans":[{"scope":{"name":"holdfast","version":)"
        R"("0.1.0"},"spans":[{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":)"
        R"("b7ad6b7169203331","parentSpanId":"0000000000000001","traceState":"foo=1","name":)"
        R"("queue","kind":2,"startTimeUnixNano":"1544712660000000001","endTimeUnixNano":)"
        R"("1544712660002000001","attributes":[{"key":"a","value":{"stringValue":"text"}},)"
        R"({"key":"b","value":{"intValue":"500"}},{"key":"c","value":{"doubleValue":2.5E-1}}],)"
        R"("status":{"code":2}}]}]}]})");
}

TEST(Otlp, ARootHasNoParentAndATimeThatWentBackIsNone) {
    Span span = a_span();
    span.end = span.start - std::chrono::seconds(1);
    const std::string text = write_spans({}, {&span, 1});
    EXPECT_EQ(text.find("parentSpanId"), std::string::npos);
    EXPECT_EQ(text.find("traceState"), std::string::npos);
    EXPECT_NE(text.find(R"("endTimeUnixNano":"1544712660000000001")"), std::string::npos) << text;
    EXPECT_NE(text.find(R"("status":{})"), std::string::npos) << text;
}

TEST(Otlp, WhateverAClientSentIsJsonAndUtf8) {
    Span span = a_span();
    span.attributes = {{"good", std::string("\"gr\xc3\xbc\xc3\x9f\x65\"\n")},
                       {"bad", std::string("\xff/\xc3")}};
    const std::string text = write_spans({}, {&span, 1});
    EXPECT_TRUE(json::parse(text).ok());
    EXPECT_NE(text.find(R"("stringValue":"?/?")"), std::string::npos) << text;
    EXPECT_NE(text.find("gr\xc3\xbc\xc3\x9f"), std::string::npos) << text;
}

TEST(Otlp, WhatAnAnswerMeans) {
    for (const int status : {200, 202, 204}) EXPECT_EQ(delivery_of(status), Delivery::kTaken);
    for (const int status : {429, 502, 503, 504}) EXPECT_EQ(delivery_of(status), Delivery::kAgain);
    for (const int status : {301, 400, 401, 404, 413, 500}) {
        EXPECT_EQ(delivery_of(status), Delivery::kRefused) << status;
    }
    EXPECT_EQ(rejected_spans(R"({"partialSuccess":{"rejectedSpans":"7"}})"), 7u);
    EXPECT_EQ(rejected_spans(R"({"partialSuccess":{"rejectedSpans":7}})"), 7u);
    for (const char* none : {"", "{}", "[]", R"({"partialSuccess":{}})", "{",
                             R"({"partialSuccess":{"rejectedSpans":"-1"}})",
                             R"({"partialSuccess":{"rejectedSpans":"x"}})",
                             R"({"partialSuccess":{"rejectedSpans":-1}})"}) {
        EXPECT_EQ(rejected_spans(none), 0u) << none;
    }
}

}  // namespace
}  // namespace hf::serve::seen
