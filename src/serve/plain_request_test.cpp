#include "serve/plain_request.h"

#include <gtest/gtest.h>

namespace hf::serve {
namespace {

const runtime::Signature& signature() {
    static const runtime::Signature value{
        {{"x", DType::kF32, Shape{Shape::kUnknown, 2}}, {"n", DType::kI64, Shape{1}}},
        {{"y", DType::kF32, Shape{Shape::kUnknown, 2}}, {"z", DType::kF32, Shape{1}}}};
    return value;
}

// With a member that is not known: a plain request is then read as any other.
std::string with_more(std::string_view plain) {
    return "{\"ignored\":null," + std::string(plain.substr(1));
}

void expect_same(const InferRequest& a, const InferRequest& b) {
    EXPECT_EQ(a.id, b.id);
    ASSERT_EQ(a.inputs.size(), b.inputs.size());
    for (std::size_t i = 0; i < a.inputs.size(); ++i) {
        EXPECT_EQ(a.inputs[i].dtype(), b.inputs[i].dtype());
        EXPECT_EQ(a.inputs[i].shape(), b.inputs[i].shape());
        EXPECT_TRUE(std::equal(a.inputs[i].bytes().begin(), a.inputs[i].bytes().end(),
                               b.inputs[i].bytes().begin(), b.inputs[i].bytes().end()));
    }
    ASSERT_EQ(a.outputs.size(), b.outputs.size());
    for (std::size_t i = 0; i < a.outputs.size(); ++i) {
        EXPECT_EQ(a.outputs[i].output, b.outputs[i].output);
        EXPECT_EQ(a.outputs[i].binary, b.outputs[i].binary);
    }
}

constexpr std::string_view kN = R"({"name":"n","shape":[1],"datatype":"INT64","data":[5]})";

std::string request_of(std::string_view x, std::string_view more = "") {
    return fmt::format(R"({{"inputs":[{},{}]{}}})", x, kN, more);
}

TEST(PlainRequest, IsWhatTheOtherReaderReads) {
    const std::string bytes("\0\0\x80\x3f\0\0\0\x40", 8);
    const std::string x = R"({"name":"x","shape":[1,2],"datatype":"FP32","data":[1,2.5]})";
    const std::string binary =
        R"({"name":"x","shape":[1,2],"datatype":"FP32","parameters":{"binary_data_size":8}})";
    for (const std::string& text :
         {request_of(x), request_of(R"({ "datatype" : "FP32", "shape" : [2, 2],
            "name" : "x", "data" : [[1, -0], [3e-2, 4]] })"),
          request_of(x, R"(,"id":"a1")"), request_of(x, R"(,"outputs":[{"name":"z"}])"),
          request_of(x, R"(,"parameters":{"binary_data_output":true})"),
          request_of(x,
                     R"(,"outputs":[{"name":"z","parameters":{"binary_data":false}},{"name":"y"}],)"
                     R"("parameters":{"binary_data_output":true})"),
          request_of(binary),
          request_of(x, R"(,"parameters":{},"outputs":[{"name":"y","parameters":{}}])")}) {
        const bool has_binary = text.find("binary_data_size") != std::string::npos;
        const std::string behind = has_binary ? bytes : "";
        const auto plain = read_plain_request(text, as_bytes(behind), signature());
        ASSERT_TRUE(plain) << text;
        const std::string other = with_more(text);
        const auto parsed =
            parse_infer_request(as_bytes(other + behind), other.size(), signature());
        ASSERT_TRUE(parsed.ok()) << parsed.status().to_string();
        expect_same(*plain, *parsed);
    }
}

TEST(PlainRequest, WhatIsUnusualOrWrongIsLeftToTheOther) {
    const std::string x = R"({"name":"x","shape":[1,2],"datatype":"FP32","data":[1,2.5]})";
    for (
        const std::string& text :
        {std::string("{}"), std::string("[]"), std::string(), request_of(x, R"(,"id":1)"),
         request_of(x, R"(,"id":"\u00e9")"), request_of(x, R"(,"more":1)"),
         request_of(x, R"(,"parameters":{"priority":1})"), request_of(x, R"(,"outputs":[])"),
         request_of(x, R"(,"outputs":[{"name":"y"},{"name":"y"}])"),
         request_of(x, R"(,"outputs":[{"name":"w"}])"), request_of(x) + "x",
         request_of(R"({"name":"x","shape":[1,2],"datatype":"FP32","data":[1,2.5],"data":[1,2]})"),
         request_of(R"({"name":"x","shape":[1,3],"datatype":"FP32","data":[1,2,3]})"),
         request_of(R"({"name":"x","shape":[1,2],"datatype":"FP64","data":[1,2]})"),
         request_of(R"({"name":"x","data":[1,2],"shape":[1,2],"datatype":"FP32"})"),
         request_of(
             R"({"name":"x","shape":[1,2],"datatype":"FP32","parameters":{"binary_data_size":8}})"),
         request_of(R"({"name":"n","shape":[1],"datatype":"INT64","data":[5]})"),
         fmt::format(R"({{"inputs":[{}],"inputs":[{}]}})", x, kN),
         fmt::format(R"({{"inputs":[{}]}})", x)}) {
        EXPECT_FALSE(read_plain_request(text, {}, signature())) << text;
    }
}

}  // namespace
}  // namespace hf::serve
