#include "serve/gateway/named_service.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "base/rng.h"
#include "testing/script.h"

namespace hf::serve::gateway {
namespace {

std::string told(std::string_view body) {
    const Result<std::string> name = named_service(body);
    return name.ok() ? "'" + *name + "'" : std::string(name.status().message());
}

TEST(NamedService, IsTheMemberOfTheObjectItselfWhereverItStands) {
    EXPECT_EQ(told(R"({"model":"m","input":"x"})"), "'m'");
    EXPECT_EQ(
        told(R"( { "input" : ["}\"", {"model":"inner"}, [[]], -1.5e3, null] ,"model" :"m" } )"),
        "'m'");
    EXPECT_EQ(told(R"({"input":"\\","model":"line7:pump"})"), "'line7:pump'");
    EXPECT_EQ(told(R"({"mod\u0065l":"\u00fcber\/"})"), "'über/'");
    EXPECT_EQ(told(R"({"model":""})"), "''");
}

TEST(NamedService, WhatIsMissingOrWrongIsSaid) {
    for (const std::string_view body :
         {R"({})", R"({"input":{"model":"m"}})", R"({"Model":"m"})"}) {
        EXPECT_EQ(told(body), "/model: is missing; want the name of a service") << body;
    }
    for (const std::string_view body :
         {R"({"model":7})", R"({"model":null})", R"({"model":["m"]})", R"({"model":"\q"})"}) {
        EXPECT_EQ(told(body), "/model: want a text, the name of a service") << body;
    }
    EXPECT_EQ(told(R"({"model":"a","model":"b"})"), "/model: is there twice");
    EXPECT_EQ(told(R"({"model":"a","\u006dodel":"a"})"), "/model: is there twice");
    EXPECT_EQ(told(R"({"model":")" + std::string(254, 'm') + R"("})"),
              "/model: has 254 bytes; names of services have 253 at most");
    for (const std::string_view body :
         {"", "m", "[]", "{", R"({"model")", R"({"model":})", R"({"model":"m")",
          R"({"model":"m"}x)", R"({"model":"m",})", R"({model:"m"})", R"({"model":"m)",
          R"({"a":[{"b":1],"model":"m")"}) {
        EXPECT_EQ(told(body),
                  R"(the body is not a JSON object; want {"model": "SERVICE", "input": "TEXT"})")
            << body;
    }
}

TEST(NamedService, DepthIsNothingThatItRecursesBy) {
    const std::string deep(2'000'000, '[');
    EXPECT_EQ(named_service(R"({"input":)" + deep).status().code(), Code::kInvalidArgument);
    EXPECT_EQ(told(R"({"input":)" + deep + std::string(deep.size(), ']') + R"(,"model":"m"})"),
              "'m'");
}

// Whatever a replica would read, it reads of it what the gateway has read.
TEST(NamedService, AgreesWithTheParserOnWhateverThatTakes) {
    Rng rng(testing::seed());
    const std::string pieces[] = {"{",  "}",          "[",          "]",      ",",    ":", "\"",
                                  "\\", R"("model")", R"("input")", R"("m")", "true", "1", " "};
    const std::string whole = R"({"input": ["a\"b", {"model": 1}], "model": "m", "user": null})";
    int read = 0;
    for (int i = 0; i < 20'000; ++i) {
        std::string body = whole;
        const std::uint64_t changes = rng.below(4);
        for (std::uint64_t n = 0; n < changes; ++n) {
            const std::string& piece = pieces[rng.below(std::size(pieces))];
            const std::size_t at = rng.below(body.size());
            body.replace(at, rng.below(std::min<std::size_t>(12, body.size() - at) + 1), piece);
        }
        const Result<json::Value> value = json::parse(body);
        if (!value.ok() || !value->is_object()) continue;
        ++read;
        const json::Value* const model = json::find(*value, "model");
        const Result<std::string> name = named_service(body);
        const bool named = model && model->is_string();
        ASSERT_EQ(name.ok(), named) << body;
        if (!named) continue;
        EXPECT_EQ(*name, json::as_view(model->get_string())) << body;
    }
    EXPECT_GT(read, 2000);
}

}  // namespace
}  // namespace hf::serve::gateway
