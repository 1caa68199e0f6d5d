#include "serve/guard/guard.h"

#include <gtest/gtest.h>

#include "base/bytes.h"

namespace hf::serve::guard {
namespace {

using runtime::Port;

const runtime::Signature kSignature{
    {Port{"x", DType::kF32, {Shape::kUnknown, 2}}, Port{"n", DType::kI64, {1}},
     Port{"s", DType::kString, {1}}, Port{"image", DType::kF32, {1, 1, 4, 4}}},
    {Port{"logits", DType::kF32, {Shape::kUnknown, 3}}, Port{"label", DType::kI64, {1}},
     Port{"hidden", DType::kF32, {Shape::kUnknown, 2}}}};

std::string floats(std::initializer_list<float> numbers) {
    Bytes bytes;
    for (const float number : numbers) append_le(bytes, number);
    return to_base64(bytes);
}

std::string whole() {
    return fmt::format(
        R"({{"type":"holdfast.dev/guard/v1","mode":"refuse","model":"sha256:{}",
            "inputs":[{{"name":"x","least":[0,-1],"most":[1,1]}},
                      {{"name":"n","finite":false,"most":9}}],
            "energy":{{"output":"logits","temperature":2,"threshold":-1.5}},
            "mahalanobis":{{"layer":"hidden","reduce":"mean","width":2,"classes":1,"mean":"{}",
                            "whitening":"{}","centres":"{}","threshold":9}},
            "squeezing":{{"input":"image","output":"logits","softmax":false,"threshold":0.5,
                          "squeezers":[{{"kind":"bit-depth","bits":3,"least":-1,"most":1}},
                                       {{"kind":"median","size":3,"layout":"NHWC"}}]}},
            "fitted":{{"samples":100}}}})",
        std::string(64, 'a'), floats({0, 0}), floats({1, 0, 1}), floats({3, 4}));
}

// The document with one text of it replaced.
std::string with(std::string_view from, std::string_view to) {
    std::string text = whole();
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
}

TEST(Guard, WhatIsWrittenIsReadAgain) {
    const Guard guard = parse(whole()).value();
    EXPECT_EQ(guard.mode, Mode::kRefuse);
    ASSERT_EQ(guard.inputs.size(), 2u);
    EXPECT_EQ(guard.inputs[0].least, (std::vector<double>{0, -1}));
    EXPECT_TRUE(guard.inputs[0].finite);
    EXPECT_FALSE(guard.inputs[1].finite);
    EXPECT_EQ(guard.inputs[1].most, (std::vector<double>{9}));
    EXPECT_EQ(guard.energy->temperature, 2);
    EXPECT_EQ(guard.mahalanobis->reduce, Reduce::kMean);
    EXPECT_EQ(guard.mahalanobis->centres, (std::vector<float>{3, 4}));
    EXPECT_EQ(guard.squeezing->squeezers[0].bits, 3);
    EXPECT_EQ(guard.squeezing->squeezers[1].layout, Layout::kNhwc);
    EXPECT_EQ(write(parse(write(guard)).value()), write(guard));
}

TEST(Guard, EveryFaultNamesItsPlace) {
    const std::tuple<const char*, const char*, const char*> kCases[] = {
        {"guard/v1", "guard/v2", "/type: 'holdfast.dev/guard/v2' is not read here"},
        {"\"refuse\"", "\"deny\"", "/mode: 'deny' is none of: observe, flag, refuse"},
        {"\"mode\"", "\"moode\"", "/moode: there is no such field, did you mean 'mode'?"},
        {"sha256:a", "sha512:a", "/model: "},
        {"\"name\":\"n\"", "\"name\":\"x\"", "/inputs/1/name: 'x' stands here twice"},
        {"[0,-1]", "[0,-1,0]", "/inputs/0/most: has 2 numbers, and least has 3"},
        {"[0,-1]", "[0,2]", "/inputs/0/least: 2 is above most, 1"},
        {"[0,-1]", "[0,\"a\"]", "/inputs/0/least/1: want a number"},
        {"[0,-1]", "[]", "/inputs/0/least: has 0 numbers"},
        {"\"finite\":false", "\"finite\":0", "/inputs/1/finite: want true or false"},
        {"\"temperature\":2", "\"temperature\":0", "/energy/temperature: want 0.001 to 1000"},
        {"\"threshold\":-1.5", "\"threshold\":null", "/energy/threshold: want a number"},
        {",\"threshold\":-1.5", "", "/energy/threshold: is missing"},
        {"\"width\":2", "\"width\":3", "/mahalanobis/mean: has 8 bytes; want 12"},
        {"\"width\":2", "\"width\":1000000", "/mahalanobis/width: want an integer 1 to 1024"},
        {"\"classes\":1", "\"classes\":2", "/mahalanobis/centres: has 8 bytes; want 16"},
        {"\"mean\":\"AAAA", "\"mean\":\"!AAA", "/mahalanobis/mean: "},
        {"\"bits\":3", "\"bits\":0", "/squeezing/squeezers/0/bits: want an integer 1 to 16"},
        {"\"least\":-1", "\"least\":1", "/squeezing/squeezers/0/most: 1 is not above least, 1"},
        {"\"size\":3", "\"size\":4", "/squeezing/squeezers/1/size: want an integer 2 to 3"},
        {"\"median\"", "\"mean\"", "/squeezing/squeezers/1/kind: 'mean' is none of"},
        {"{\"samples\":100}", "100", "/fitted: want an object"},
    };
    for (const auto& [from, to, want] : kCases) {
        const Status status = parse(with(from, to)).status();
        EXPECT_EQ(status.code(), Code::kInvalidArgument) << from;
        EXPECT_TRUE(status.message().starts_with(want)) << status.message() << "\nwant " << want;
    }
    const std::string nan = floats({std::nanf(""), 0});
    EXPECT_TRUE(parse(with(floats({0, 0}), nan))
                    .status()
                    .message()
                    .starts_with("/mahalanobis/mean: number 0 is not finite"));
    EXPECT_FALSE(parse("[]").ok());
    EXPECT_FALSE(parse("").ok());
}

TEST(Guard, IsHeldAgainstTheModelsSignature) {
    const Guard bound = bind(parse(whole()).value(), kSignature, 3).value();
    EXPECT_EQ(bound.inputs[1].index, 1u);
    EXPECT_EQ(bound.energy->index, 0u);
    EXPECT_EQ(bound.mahalanobis->index, 2u);
    EXPECT_FALSE(bound.hidden);
    EXPECT_EQ(bound.squeezing->input_index, 3u);
    EXPECT_TRUE(bind(parse(whole()).value(), kSignature, 2).value().hidden);
}

TEST(Guard, OneOfAnotherModelIsRefusedByThePlace) {
    const std::tuple<const char*, const char*, const char*> kCases[] = {
        {"\"name\":\"n\"", "\"name\":\"m\"", "/inputs/1/name: the model has no 'm'"},
        {"\"name\":\"n\"", "\"name\":\"s\"", "/inputs/1/name: 's' is string, which has no range"},
        {"\"least\":[0,-1],\"most\":[1,1]", "\"least\":[0,-1,0]", "/inputs/0: bounds for 3 places"},
        {"\"output\":\"logits\",\"temp", "\"output\":\"label\",\"temp",
         "/energy/output: 'label' is i64; want f32"},
        {"\"hidden\"", "\"hiden\"", "/mahalanobis/layer: the model has no 'hiden', did you mean"},
        {"\"input\":\"image\"", "\"input\":\"x\"",
         "/squeezing/squeezers/1: a median is for images"},
    };
    for (const auto& [from, to, want] : kCases) {
        const Status status = bind(parse(with(from, to)).value(), kSignature, 3).status();
        EXPECT_EQ(status.code(), Code::kInvalidArgument) << from;
        EXPECT_TRUE(status.message().starts_with(want)) << status.message() << "\nwant " << want;
    }
}

}  // namespace
}  // namespace hf::serve::guard
