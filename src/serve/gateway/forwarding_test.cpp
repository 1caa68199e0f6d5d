#include "serve/gateway/forwarding.h"

#include <gtest/gtest.h>

#include "serve/oip_client.h"

namespace hf::serve::gateway {
namespace {

using namespace std::chrono_literals;

TEST(Forwarding, WhatGoesThroughAndWhatDoesNot) {
    http::Headers headers;
    for (const char* name :
         {"inference-header-content-length", "Content-Type", "traceparent", "Authorization",
          "Cookie", "Connection", "Transfer-Encoding", "X-Holdfast-Node", "Host", "X-Other"}) {
        headers.add(name, "1");
    }
    std::vector<std::string> names;
    const http::Headers forwarded = headers_onward(headers);
    for (const auto& [name, value] : forwarded.all()) names.push_back(name);
    EXPECT_EQ(names, (std::vector<std::string>{"Inference-Header-Content-Length", "Content-Type"}))
        << "a trace that is none does not go through either";
    const std::string trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    headers.set("traceparent", trace);
    EXPECT_EQ(headers_onward(headers).get("traceparent"), trace);
    const Errand errand = model_errand({"a b%/..?", "sha256:1#"}, "/infer");
    EXPECT_EQ(errand.path, "/v2/models/a%20b%25%2F..%3F/versions/sha256%3A1%23/infer");
    EXPECT_TRUE(errand.versioned && errand.inference);
    EXPECT_FALSE(model_errand({"a", ""}, "/ready").inference);
    http::Response response;
    response.headers = headers;
    Replica replica;
    replica.node = "n0";
    const http::Response onward = response_onward(response, replica);
    EXPECT_EQ(onward.headers.get("X-Holdfast-Node"), "n0");
    EXPECT_EQ(onward.headers.get("X-Other"), "1");
    EXPECT_FALSE(onward.headers.get("Connection") || onward.headers.get("Transfer-Encoding"));
}

TEST(Forwarding, WhatAnAnswerMeans) {
    struct Case {
        int status;
        bool versioned;
        Ending ending;
        bool timed;
    };
    const Case cases[] = {
        {200, false, Ending::kAnswered, true},  {400, false, Ending::kAnswered, false},
        {404, true, Ending::kAnswered, false},  {404, false, Ending::kPressed, false},
        {413, false, Ending::kAnswered, false}, {429, false, Ending::kPressed, false},
        {500, false, Ending::kFailed, false},   {501, false, Ending::kAnswered, false},
        {502, true, Ending::kFailed, false},    {503, true, Ending::kPressed, false},
    };
    for (const Case& c : cases) {
        http::Response response;
        response.status = c.status;
        Errand errand;
        errand.versioned = c.versioned;
        const Call::Ended ended = judge(response, errand);
        EXPECT_TRUE(ended.answered);
        EXPECT_EQ(ended.outcome.ending, c.ending) << c.status;
        EXPECT_EQ(ended.outcome.timed, c.timed) << c.status;
    }
    const std::pair<const char*, Duration> waits[] = {
        {"3", 3s},
        {"0", 0s},
        {"86400", kPressureMax},
        {"99999999999999999999", kPressureDefault},
        {"", 1s},
        {"-5", 1s},
        {"Fri, 31 Dec 1999 23:59:59 GMT", kPressureDefault},
    };
    for (const auto& [value, wait] : waits) {
        http::Response response;
        response.status = 503;
        response.headers.set("Retry-After", value);
        EXPECT_EQ(judge(response, {}).outcome.retry_after, wait) << value;
    }
    EXPECT_EQ(judge(unavailable("x"), {}).outcome.ending, Ending::kUnreachable);
    EXPECT_EQ(judge(deadline_exceeded("x"), {}).outcome.ending, Ending::kUnreachable);
    EXPECT_EQ(judge(unauthenticated("x"), {}).outcome.ending, Ending::kUnreachable);
    EXPECT_TRUE(judge(failed_precondition("a redirect"), {}).unusable);
}

TEST(Forwarding, WhatTheAnswerToATaskMeans) {
    Errand errand;
    errand.task = true;
    http::Response response;
    response.status = 404;
    EXPECT_EQ(judge(response, errand).outcome.ending, Ending::kPressed);
    EXPECT_TRUE(judge(response, errand).outcome.no_tasks);
    EXPECT_FALSE(judge(response, {}).outcome.no_tasks) << "tensors were meant";
    response.headers.set(kNoTaskHeader, "1");
    EXPECT_EQ(judge(response, errand).outcome.ending, Ending::kAnswered);
    EXPECT_FALSE(judge(response, errand).outcome.no_tasks);
}

}  // namespace
}  // namespace hf::serve::gateway
