#include "serve/conform/judges.h"

#include <gtest/gtest.h>

namespace hf::serve::conform {
namespace {

Subject a_subject() {
    Subject subject;
    subject.model = "m";
    subject.inputs = {{"x", DType::kF32, {2}, {2}}};
    subject.outputs = {{"y", DType::kF32, {Shape::kUnknown}, {}}, {"n", DType::kI8, {1}, {}}};
    return subject;
}

http::WireAnswer came(int status, std::string_view body,
                      std::string_view type = "application/json") {
    http::WireAnswer answer;
    answer.what = http::WireAnswer::What::kAnswered;
    answer.response.status = status;
    answer.response.body = to_bytes(body);
    if (!type.empty()) answer.response.headers.set("Content-Type", std::string(type));
    return answer;
}

http::WireAnswer closed() {
    http::WireAnswer answer;
    answer.what = http::WireAnswer::What::kClosed;
    answer.trouble = "the connection closed without an answer";
    return answer;
}

std::string said(const Judge& judge, const Answers& answers) {
    return std::string(judge(a_subject(), answers).message());
}

// An answer with these two outputs.
std::string inference(std::string_view y, std::string_view n = R"("shape":[1],"data":[7])") {
    return fmt::format(R"({{"model_name":"m","outputs":[{{"name":"y","datatype":"FP32",{}}},)"
                       R"({{"name":"n","datatype":"INT8",{}}}]}})",
                       y, n);
}

TEST(ConformJudges, AnInferenceIsReadWhole) {
    EXPECT_EQ(said(infers(), {came(200, inference(R"("shape":[2],"data":[1,2])"))}), "");
    EXPECT_EQ(said(infers(), {came(200, inference(R"("shape":[2],"data":[1,null])"), "")}), "");
    const std::pair<std::string, const char*> wrong[] = {
        {"", "JSON"},
        {"[]", "the body is no JSON object"},
        {R"({"outputs":[]})", "/model_name: want a string"},
        {R"({"model_name":"o","outputs":[]})", "/model_name: \"o\""},
        {R"({"model_name":"m","id":7,"outputs":[]})", "/id: want a string"},
        {R"({"model_name":"m","model_version":1,"outputs":[]})", "/model_version: want a string"},
        {R"({"model_name":"m"})", "/outputs: want an array"},
        {R"({"model_name":"m","outputs":[]})", "/outputs: none where n, y are wanted"},
        {R"({"model_name":"m","outputs":[{"name":"q"}]})", "/outputs/0/name: the metadata"},
        {inference(R"("data":[1])"), "/outputs/0/shape: want an array"},
        {inference(R"("shape":[-1],"data":[1])"), "/outputs/0/shape: want integers"},
        {inference(R"("shape":[1,1],"data":[1])"), "/outputs/0/shape: 1x1 where the metadata"},
        {inference(R"("shape":[2],"data":[1])"), "/outputs/0/data: 1 elements"},
        {inference(R"("shape":[2],"data":7)"), "/outputs/0/data: want an array"},
        {inference(R"("shape":[2])"), "/outputs/0/data: is missing"},
        {inference(R"("shape":[2],"data":["1","2"])"), "/outputs/0/data: element 0: want a number"},
        {inference(R"("shape":[1],"data":[1])", R"("shape":[1],"data":[300])"),
         "/outputs/1/data: element 0: want an integer"},
        {inference(R"("shape":[1],"parameters":{"binary_data_size":4})"),
         "/outputs/0/parameters/binary_data_size: 4 where 0 bytes are left"},
    };
    for (const auto& [body, begins] : wrong) {
        const Status status = infers()(a_subject(), {came(200, body)});
        EXPECT_EQ(status.code(), Code::kInvalidArgument) << body;
        EXPECT_TRUE(status.message().starts_with(begins)) << body << ": " << status.message();
    }
    EXPECT_EQ(said(infers(), {came(404, "{}")}), "status 404 where 200 is wanted");
    EXPECT_EQ(said(infers(), {came(200, inference(R"("shape":[1],"data":[1])"), "text/html")}),
              "Content-Type 'text/html' where JSON is wanted");
    EXPECT_EQ(said(infers(), {closed()}), "the connection closed without an answer");
}

http::WireAnswer binary(std::string_view json, std::string_view bytes, std::string length) {
    http::WireAnswer answer = came(200, std::string(json) + std::string(bytes));
    answer.response.headers.set("Inference-Header-Content-Length", std::move(length));
    return answer;
}

TEST(ConformJudges, BinaryDataIsTakenInOrder) {
    const std::string json = inference(R"("shape":[1],"parameters":{"binary_data_size":4})",
                                       R"("shape":[1],"parameters":{"binary_data_size":1})");
    const std::string length = fmt::format("{}", json.size());
    const std::string bytes("\0\0\x80\x3f\7", 5);
    const AnswerRead read = *read_inference(a_subject(), binary(json, bytes, length));
    EXPECT_TRUE(read.outputs[0].binary);
    EXPECT_EQ(read.outputs[0].tensor.values<float>()[0], 1.0F);
    EXPECT_EQ(read.outputs[1].tensor.values<std::int8_t>()[0], 7);
    EXPECT_EQ(said(infers(), {binary(json, bytes.substr(0, 4), length)}),
              "/outputs/1/parameters/binary_data_size: 1 where 0 bytes are left");
    EXPECT_EQ(said(infers(), {binary(json, bytes + "1", length)}),
              "1 bytes follow the JSON that no output claims");
    EXPECT_NE(said(infers(), {binary(json, bytes, "many")}), "");
    EXPECT_NE(said(infers(), {binary(json, bytes, "9999")}), "");
}

TEST(ConformJudges, ErrorsHaveTheirObject) {
    for (const int status : {400, 404, 415, 500, 503}) {
        EXPECT_EQ(said(refuses(), {came(status, R"({"error":"why"})")}), "") << status;
    }
    EXPECT_EQ(said(refuses(), {came(200, R"({"error":"why"})")}),
              "status 200 where 400 to 599 is wanted");
    for (const char* body : {"", "no", "[]", "{}", R"({"error":7})", R"({"error":""})"}) {
        EXPECT_NE(said(refuses(), {came(400, body)}), "") << body;
    }
    EXPECT_NE(said(refuses(), {closed()}), "");
}

TEST(ConformJudges, WhatTheStandardLeavesOpenIsOneOfTwo) {
    const std::string good = inference(R"("shape":[1],"data":[1])");
    EXPECT_EQ(said(either(), {came(200, good)}), "");
    EXPECT_EQ(said(either(), {came(400, R"({"error":"why"})")}), "");
    EXPECT_NE(said(either(), {came(400, "why")}), "");
    EXPECT_NE(said(either(), {came(200, "{}")}), "");
    EXPECT_NE(said(either(), {closed()}), "");
    EXPECT_EQ(said(infers_or({411}), {came(411, "")}), "");
    EXPECT_EQ(said(infers_or({411}), {came(200, good)}), "");
    EXPECT_NE(said(infers_or({411}), {came(400, "")}), "");
    EXPECT_EQ(said(refused_by_http(), {closed()}), "");
    EXPECT_EQ(said(refused_by_http(), {came(400, "text")}), "");
    EXPECT_NE(said(refused_by_http(), {came(200, "")}), "");
}

TEST(ConformJudges, ComparesWithWhatCameBefore) {
    const http::WireAnswer one = came(200, inference(R"("shape":[2],"data":[1,0.1])"));
    const http::WireAnswer near = came(200, inference(R"("shape":[2],"data":[1,0.1000000001])"));
    const http::WireAnswer other = came(200, inference(R"("shape":[2],"data":[1,0.2])"));
    const http::WireAnswer shorter = came(200, inference(R"("shape":[1],"data":[1])"));
    EXPECT_EQ(said(same_as_plain(), {one, one, one}), "");
    EXPECT_EQ(said(same_as_plain(), {one, one, near}), "");
    EXPECT_TRUE(said(same_as_plain(), {one, one, other}).starts_with("output y: element 1: 0.2"));
    EXPECT_EQ(said(same_as_plain(), {one, one, shorter}), "output y: another shape");
    EXPECT_EQ(same_as_plain()(a_subject(), {one, other, one}).code(), Code::kFailedPrecondition);
    EXPECT_TRUE(said(same_as_plain(), {one, one, closed()}).starts_with("the connection closed"));
}

TEST(ConformJudges, AliveAfterwards) {
    const Judge judge = and_lives(refused_by_http());
    EXPECT_EQ(said(judge, {came(400, ""), came(200, "")}), "");
    EXPECT_NE(said(judge, {came(400, ""), closed()}), "");
    EXPECT_NE(said(judge, {came(200, ""), came(200, "")}), "");
}

TEST(ConformJudges, DescribesForPeople) {
    EXPECT_EQ(describe(came(200, "")), "200");
    EXPECT_EQ(describe(came(404, "a\nb\n")), "404 a.b");
    EXPECT_EQ(describe(closed()), "the connection closed without an answer");
    EXPECT_TRUE(describe(came(200, std::string(500, 'x'))).ends_with("x..."));
}

}  // namespace
}  // namespace hf::serve::conform
