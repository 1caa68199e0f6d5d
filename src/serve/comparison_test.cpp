#include "serve/comparison.h"

#include <limits>

#include <gtest/gtest.h>

namespace hf::serve {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

Tensor floats(const std::vector<float>& values, Shape shape) {
    Tensor tensor(DType::kF32, std::move(shape));
    std::copy(values.begin(), values.end(), tensor.mutable_values<float>().begin());
    return tensor;
}

TEST(Comparison, NumbersAgreeWithinTheTolerance) {
    struct Case {
        float before;
        float now;
        bool agrees;
    };
    // By 0.01 of the larger of 1 and the number before.
    for (const Case& c : {Case{1, 1, true}, Case{0, 0.0099F, true}, Case{0, 0.0101F, false},
                          Case{0.5F, 0.509F, true}, Case{100, 100.9F, true},
                          Case{100, 101.1F, false}, Case{-100, -99.1F, true}, Case{1, -1, false},
                          Case{kNan, kNan, true}, Case{kNan, kInfinity, true}, Case{kNan, 1, false},
                          Case{1, kNan, false}, Case{kInfinity, kNan, false},
                          Case{kInfinity, kInfinity, true}, Case{kInfinity, -kInfinity, false},
                          Case{1, kInfinity, false}, Case{kInfinity, 1, false}}) {
        const std::string words = difference({"y", floats({0, c.before}, Shape{2})},
                                             floats({0, c.now}, Shape{2}), {0.01, {}});
        EXPECT_EQ(words.empty(), c.agrees) << c.before << " " << c.now << ": " << words;
    }
    EXPECT_EQ(difference({"y", floats({1, 2}, Shape{2})}, floats({1, 4}, Shape{2}), {}),
              "output 'y': 4 where it was 2, at 1");
}

TEST(Comparison, OfClassScoresOnlyThePlaceOfTheHighestCounts) {
    const AgreementRule rule{0, {"p"}};
    const OutputTensor before{"p", floats({0.1F, 0.9F, 0.7F, 0.3F}, Shape{2, 2})};
    EXPECT_EQ(difference(before, floats({0.4F, 0.6F, 9, -3}, Shape{2, 2}), rule), "");
    EXPECT_EQ(difference(before, floats({0.4F, 0.6F, 0.4F, 0.6F}, Shape{2, 2}), rule),
              "output 'p': class 1 where it was 0, in row 1");
    // Of equal ones the first; one that is no number never.
    const OutputTensor even{"p", floats({1, 1, 1}, Shape{3})};
    EXPECT_EQ(difference(even, floats({2, 1, 2}, Shape{3}), rule), "");
    EXPECT_NE(difference(even, floats({1, 2, 2}, Shape{3}), rule), "");
    EXPECT_EQ(difference(even, floats({3, kNan, 1}, Shape{3}), rule), "");
    EXPECT_NE(difference(even, floats({kNan, 3, 1}, Shape{3}), rule), "");
    // Another output of the same model goes by its numbers.
    const OutputTensor other{"q", before.tensor};
    EXPECT_NE(difference(other, floats({0.4F, 0.6F, 9, -3}, Shape{2, 2}), rule), "");
}

TEST(Comparison, AnotherTypeOrShapeNeverAgrees) {
    const OutputTensor before{"y", floats({1, 2}, Shape{2})};
    EXPECT_EQ(difference(before, floats({1, 2}, Shape{1, 2}), {kToleranceMax, {"y"}}),
              "output 'y': f32[1x2] where it was f32[2]");
    EXPECT_NE(difference(before, Tensor(DType::kI32, Shape{2}), {kToleranceMax, {"y"}}), "");
    Tensor whole(DType::kI64, Shape{1});
    whole.mutable_values<std::int64_t>()[0] = 7;
    EXPECT_EQ(difference({"n", whole}, whole, {}), "");
    EXPECT_EQ(difference({"n", whole}, Tensor(DType::kI64, Shape{1}), {kToleranceMax, {}}),
              "output 'n': another value");
}

TEST(Comparison, ReadsBackAsItWasWritten) {
    const Bytes request = to_bytes("{\"inputs\":[]}1234");
    const Bytes answer = to_bytes("{\"outputs\":[]}");
    const Comparison written{"sha256:1", {0.25, {"p", "q"}}, {request, 13}, {answer, std::nullopt}};
    const InferBody body = write_comparison(written);
    const Result<Comparison> read = parse_comparison(body.bytes, *body.json_bytes);
    ASSERT_TRUE(read.ok()) << read.status().message();
    EXPECT_EQ(read->digest, "sha256:1");
    EXPECT_EQ(read->rule, written.rule);
    EXPECT_EQ(as_text(read->request.bytes), as_text(request));
    EXPECT_EQ(read->request.json_bytes, 13U);
    EXPECT_EQ(as_text(read->answer.bytes), as_text(answer));
    EXPECT_EQ(read->answer.json_bytes, std::nullopt);
}

TEST(Comparison, WhatDoesNotFitIsRefusedAndNamed) {
    struct Case {
        const char* head;
        const char* says;
    };
    for (const Case& c :
         {Case{"[]", "JSON object"}, Case{"{}", "digest"}, Case{R"({"digest":"d"})", "/tolerance"},
          Case{R"({"digest":"d","tolerance":-1})", "/tolerance"},
          Case{R"({"digest":"d","tolerance":1001})", "/tolerance"},
          Case{R"({"digest":"d","tolerance":"0"})", "/tolerance"},
          Case{R"({"digest":"d","tolerance":0,"classScores":[1]})", "/classScores"},
          Case{R"({"digest":"d","tolerance":0})", "/request/bytes"},
          Case{R"({"digest":"d","tolerance":0,"request":{"bytes":5}})", "/request/bytes"},
          Case{R"({"digest":"d","tolerance":0,"request":{"bytes":-1}})", "/request/bytes"},
          Case{R"({"digest":"d","tolerance":0,"request":{"bytes":1,"jsonBytes":2}})",
               "/request/jsonBytes"},
          Case{R"({"digest":"d","tolerance":0,"request":{"bytes":4}})", "/answer/bytes"},
          Case{R"({"digest":"d","tolerance":0,"request":{"bytes":1},"answer":{"bytes":1}})",
               "2 bytes follow"}}) {
        const std::string body = std::string(c.head) + "1234";
        const Result<Comparison> read =
            parse_comparison(as_bytes(body), std::string_view(c.head).size());
        EXPECT_EQ(read.status().code(), Code::kInvalidArgument) << c.head;
        EXPECT_NE(read.status().message().find(c.says), std::string::npos)
            << read.status().message();
    }
    EXPECT_FALSE(parse_comparison(as_bytes(std::string_view("{}")), 3).ok());
}

TEST(Comparison, AnswersAreReadAsTheProtocolWritesThem) {
    const std::string body =
        R"({"outputs":[{"name":"a","datatype":"FP32","shape":[2],"data":[1,2]},)"
        R"({"name":"b","datatype":"INT32","shape":[1],"parameters":{"binary_data_size":4}}]})";
    const std::string with_data = body + std::string("\x07\0\0\0", 4);
    const auto outputs = parse_infer_response(as_bytes(with_data), body.size());
    ASSERT_TRUE(outputs.ok()) << outputs.status().message();
    ASSERT_EQ(outputs->size(), 2U);
    EXPECT_EQ((*outputs)[0].name, "a");
    EXPECT_EQ((*outputs)[0].tensor.values<float>()[1], 2.0F);
    EXPECT_EQ((*outputs)[1].tensor.values<std::int32_t>()[0], 7);
    for (const char* bad :
         {"{}", R"({"outputs":[{}]})", R"({"outputs":[{"name":"a","datatype":"FP32"}]})",
          R"({"outputs":[{"name":"a","datatype":"FP32","shape":[2],"data":[1]}]})",
          R"({"outputs":[{"name":"a","datatype":"FP32","shape":[2]}]})"}) {
        EXPECT_EQ(
            parse_infer_response(as_bytes(std::string_view(bad)), std::nullopt).status().code(),
            Code::kInvalidArgument)
            << bad;
    }
    EXPECT_FALSE(parse_infer_response(as_bytes(with_data), body.size() + 5).ok());
}

}  // namespace
}  // namespace hf::serve
