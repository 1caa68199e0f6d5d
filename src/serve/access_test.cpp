#include "serve/access.h"

#include <gtest/gtest.h>

#include "crypto/hash.h"
#include "testing/manual_clock.h"

namespace hf::serve {
namespace {

std::string digest_of(std::string_view token) {
    return crypto::sha256(as_bytes(token)).to_string();
}

Access access_of_three() {
    return Access::parse(fmt::format("# who may\n\n"
                                     "alice {} infer=relu,kws\n"
                                     "bob\t{}  infer=* load=relu\r\n"
                                     "eve {} observe",
                                     digest_of("a"), digest_of("b"), digest_of("e")))
        .value();
}

http::Headers bearer(std::string_view token) {
    http::Headers headers;
    headers.set("Authorization", fmt::format("Bearer {}", token));
    return headers;
}

TEST(Access, EachMayWhatIsListedAndNothingElse) {
    const Access access = access_of_three();
    const auto code = [&](std::string_view token, Right right, std::string_view model) {
        return access.check(bearer(token), right, model).code();
    };
    EXPECT_EQ(access.size(), 3u);
    EXPECT_EQ(code("a", Right::kInfer, "kws"), Code::kOk);
    EXPECT_EQ(code("a", Right::kInfer, "other"), Code::kPermissionDenied);
    EXPECT_EQ(code("a", Right::kInfer, ""), Code::kPermissionDenied);
    EXPECT_EQ(code("a", Right::kLoad, "kws"), Code::kPermissionDenied);
    EXPECT_EQ(code("a", Right::kObserve, ""), Code::kPermissionDenied);
    EXPECT_EQ(code("b", Right::kInfer, "anything"), Code::kOk);
    EXPECT_EQ(code("b", Right::kLoad, "relu"), Code::kOk);
    EXPECT_EQ(code("b", Right::kLoad, "kws"), Code::kPermissionDenied);
    EXPECT_EQ(code("e", Right::kObserve, ""), Code::kOk);
    EXPECT_EQ(code("e", Right::kInfer, "relu"), Code::kPermissionDenied);
}

TEST(Access, WhoIsNotKnownIsToldSo) {
    const Access access = access_of_three();
    http::Headers headers;
    EXPECT_EQ(access.check(headers, Right::kInfer, "relu").code(), Code::kUnauthenticated);
    for (const char* value : {"", "Bearer", "Bearer ", "Basic a", "a", "Bearer A", "Bearer ab"}) {
        headers.set("Authorization", value);
        EXPECT_EQ(access.check(headers, Right::kInfer, "relu").code(), Code::kUnauthenticated)
            << value;
    }
    headers.set("Authorization", "bEARER a");
    EXPECT_TRUE(access.check(headers, Right::kInfer, "relu").ok()) << "RFC 9110 section 11.1";
}

TEST(Access, PathsTellWhatIsNeeded) {
    using Kind = Need::Kind;
    const auto right = [](Right right, std::string model = "") {
        return Need{Kind::kRight, right, std::move(model)};
    };
    const std::pair<const char*, Need> kCases[] = {
        {"/v2/health/live", {Kind::kNothing}},
        {"/v2/health/ready", {Kind::kNothing}},
        {"/v2/health/other", {Kind::kKnown}},
        {"/grpc.health.v1.Health/Check", {Kind::kNothing}},
        {"/inference.GRPCInferenceService/ServerLive", {Kind::kNothing}},
        {"/inference.GRPCInferenceService/ModelInfer", {Kind::kKnown}},
        {"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", {Kind::kKnown}},
        {"/", {Kind::kKnown}},
        {"/v2", {Kind::kKnown}},
        {"/metrics", right(Right::kObserve)},
        {"/v2/receipts/1", right(Right::kObserve)},
        {"/v2/models/stats", right(Right::kObserve)},
        {"/v2/models/m/stats", right(Right::kObserve)},
        {"/v2/models/m/versions/1/stats", right(Right::kObserve)},
        {"/v2/models/m", right(Right::kInfer, "m")},
        {"/v2/models/m/infer", right(Right::kInfer, "m")},
        {"/v2/models/m/versions/1/infer", right(Right::kInfer, "m")},
        {"/v2/models/m/compare", right(Right::kInfer, "m")},
        {"/v2/models/m/what/ever", right(Right::kInfer, "m")},
        {"/v1/tasks/m", right(Right::kInfer, "m")},
        {"/v2/repository/index", right(Right::kObserve)},
        {"/v2/repository/models/m/load", right(Right::kLoad, "m")},
        {"/v2/systemsharedmemory/status", right(Right::kObserve)},
        {"/v2/systemsharedmemory/region/r/status", right(Right::kObserve)},
        {"/v2/systemsharedmemory/region/r/register", right(Right::kLoad)},
        {"/v2/systemsharedmemory/unregister", right(Right::kLoad)},
        {"/v2/cudasharedmemory/region/status/register", right(Right::kLoad)},
        {"/v2/trace/setting", right(Right::kObserve)},
        {"/v2/models/m/trace/setting", right(Right::kObserve)},
        {"/v2/logging", right(Right::kObserve)},
    };
    for (const auto& [path, want] : kCases) EXPECT_EQ(need_of(path), want) << path;
}

TEST(Access, TheGateAnswersInTheirPlace) {
    const Access access = access_of_three();
    const testing::ManualClock clock;
    RateLimits limits(clock);
    const http::Gate gate = access.gate(limits);
    http::Request request;
    request.path = "/v2/models/relu/infer";
    ASSERT_TRUE(gate(request));
    EXPECT_EQ(gate(request)->status, 401);
    EXPECT_EQ(gate(request)->headers.get("www-authenticate"), "Bearer");
    request.headers = bearer("e");
    EXPECT_EQ(gate(request)->status, 403);
    request.headers = bearer("a");
    EXPECT_FALSE(gate(request));
    request.path = "/v2/health/ready";
    request.headers = {};
    EXPECT_FALSE(gate(request));
}

TEST(Access, WhoSendsMoreThanHisRateIsToldWhenToComeAgain) {
    const Access access = Access::parse(fmt::format("alice {} infer=* rate=0.5 burst=2\n"
                                                    "bob {} infer=* rate=3\n"
                                                    "eve {} infer=*",
                                                    digest_of("a"), digest_of("b"), digest_of("e")))
                              .value();
    testing::ManualClock clock;
    RateLimits limits(clock);
    const http::Gate gate = access.gate(limits);
    http::Request request;
    request.path = "/v2/models/relu/infer";
    request.headers = bearer("a");
    EXPECT_FALSE(gate(request));
    EXPECT_FALSE(gate(request));
    const std::optional<http::Response> third = gate(request);
    ASSERT_TRUE(third);
    EXPECT_EQ(third->status, 429);
    EXPECT_EQ(third->headers.get("retry-after"), "2");
    EXPECT_NE(as_text(third->body).find("'alice' may send 0.5 requests a second"),
              std::string_view::npos);
    request.path = "/v2/health/ready";
    EXPECT_FALSE(gate(request)) << "health is nobody's request";
    request.path = "/v2/repository/index";
    EXPECT_EQ(gate(request)->status, 429) << "what he may not counts as well";
    clock.advance(std::chrono::seconds(2));
    EXPECT_EQ(gate(request)->status, 403);
    request.headers = bearer("b");
    request.path = "/v2/models/relu";
    for (int i = 0; i < 3; ++i) EXPECT_FALSE(gate(request)) << "a burst is a second's unless said";
    EXPECT_EQ(gate(request)->headers.get("retry-after"), "1");
    request.headers = bearer("e");
    for (int i = 0; i < 100; ++i) EXPECT_FALSE(gate(request));
    EXPECT_NE(limits.metrics().find("{caller=\"alice\"} 2\n"), std::string::npos);
    EXPECT_EQ(limits.metrics().find("eve"), std::string::npos);
}

TEST(Access, FilesThatAreNoneAreRefusedByTheLine) {
    const std::string token = digest_of("t");
    for (const std::string& text :
         {std::string(), std::string("# nobody\n"), std::string("alice"), "alice " + token,
          std::string("alice sha256:12 infer=*"), "alice " + token + " infer",
          "alice " + token + " infer=", "alice " + token + " infer=a,,b",
          "alice " + token + " admin", "alice " + token + " observe rate=0",
          "alice " + token + " observe rate=x", "alice " + token + " observe rate=nan",
          "alice " + token + " observe burst=2", "alice " + token + " observe rate=1 burst=0.5",
          "alice " + token + " observe\nbob " + token + " observe",
          "alice " + token + " observe\nalice " + digest_of("u") + " observe"}) {
        const Status status = Access::parse(text).status();
        EXPECT_EQ(status.code(), Code::kInvalidArgument) << text;
    }
    const Status second = Access::parse("alice " + token + " observe\nbob x observe").status();
    EXPECT_NE(second.to_string().find("line 2"), std::string::npos) << second.to_string();
}

}  // namespace
}  // namespace hf::serve
