#include "serve/ensemble/declaration.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace hf::serve::ensemble {
namespace {

constexpr std::string_view kCascade = R"({
    "inputs": ["image", {"name": "mask", "datatype": "BOOL", "shape": [-1, 4]}],
    "steps": [
        {"model": "small", "inputs": {"x": "image"}, "outputs": {"y": "first"}},
        {"model": "large", "inputs": {"x": "image", "a/b~c": ["first", "mask"]},
         "outputs": {"y": "second"},
         "when": {"value": "first", "measure": "margin", "confidence_below": 0.9, "by": "request"}}
    ],
    "outputs": {"answer": ["second", "first"]}
})";

TEST(EnsembleDeclaration, SaysWhichModelsAnswerAndWhoReadsWhat) {
    const Result<Declaration> read = Declaration::parse(kCascade);
    ASSERT_TRUE(read.ok()) << read.status().to_string();
    ASSERT_EQ(read->inputs.size(), 2u);
    EXPECT_FALSE(read->inputs[0].dtype);
    EXPECT_EQ(read->inputs[1].dtype, DType::kBool);
    EXPECT_EQ(read->inputs[1].shape, (Shape{Shape::kUnknown, 4}));
    ASSERT_EQ(read->steps.size(), 2u);
    EXPECT_FALSE(read->steps[0].when);
    const Step& large = read->steps[1];
    EXPECT_EQ(large.inputs[1].second.values, (std::vector<std::string>{"first", "mask"}));
    EXPECT_EQ(large.inputs[1].second.at, "/steps/1/inputs/a~1b~0c");
    ASSERT_TRUE(large.when);
    EXPECT_EQ(large.when->measure, cascade::Measure::kMargin);
    EXPECT_EQ(large.when->threshold, 0.9);
    EXPECT_TRUE(large.when->below);
    EXPECT_EQ(large.when->by_row, false);
    EXPECT_EQ(read->models(), (std::vector<std::string>{"small", "large"}));
}

// The declaration above with a part of it replaced is refused so.
std::string refusal(std::string_view part, std::string_view instead) {
    std::string text(kCascade);
    const std::size_t at = text.find(part);
    if (at == text.npos) return "there is no such part";
    text.replace(at, part.size(), instead);
    const Result<Declaration> read = Declaration::parse(text);
    return std::string(read.ok() ? "it was accepted" : read.status().message());
}

TEST(EnsembleDeclaration, RefusesWhatItDoesNotKnowWithItsPlace) {
    EXPECT_EQ(refusal(R"("model": "small")", R"("modle": "small")"),
              "/steps/0/modle: there is no such field, did you mean 'model'?");
    EXPECT_EQ(refusal(R"("measure": "margin")", R"("measure": "luck")"),
              "/steps/1/when/measure: 'luck' is no measure; want max-softmax, max-probability, "
              "margin, entropy or value");
    EXPECT_EQ(refusal(R"("confidence_below": 0.9, )", ""),
              "/steps/1/when: want either confidence_below or confidence_at_least");
    EXPECT_EQ(refusal(R"("by": "request")", R"("confidence_at_least": 1)"),
              "/steps/1/when: want either confidence_below or confidence_at_least");
    EXPECT_EQ(refusal(R"("by": "request")", R"("by": "pixel")"),
              "/steps/1/when/by: 'pixel' is none of: row, request");
    EXPECT_EQ(refusal(R"({"x": "image"})", R"({"x": 1})"), "/steps/0/inputs/x: want a string");
    EXPECT_EQ(refusal(R"({"x": "image"})", R"({"x": []})"),
              "/steps/0/inputs/x: is empty; want one at least");
    EXPECT_EQ(refusal(R"(["second", "first"])", R"(["first", "first"])"),
              "/outputs/answer/1: 'first' is there twice");
    EXPECT_EQ(refusal(R"("image", {)", R"("mask", {)"), "/inputs/1: 'mask' is there twice");
    EXPECT_EQ(refusal("[-1, 4]", "[-2, 4]"),
              "/inputs/1/shape/0: want -1, which is any, or an integer 0 to 1099511627776");
    EXPECT_NE(refusal("BOOL", "BOOLE").find("/inputs/1: /datatype"), std::string::npos);
}

TEST(EnsembleDeclaration, IsBounded) {
    std::vector<std::string> steps(kStepsMax + 1, R"({"model": "m", "inputs": {"x": "x"},)"
                                                  R"( "outputs": {"y": "y"}})");
    const auto parse = [&] {
        return Declaration::parse(fmt::format(
            R"({{"inputs": ["x"], "steps": [{}], "outputs": {{"y": "y"}}}})", join(steps, ",")));
    };
    const Result<Declaration> many = parse();
    ASSERT_FALSE(many.ok());
    EXPECT_EQ(many.status().code(), Code::kResourceExhausted);
    EXPECT_EQ(many.status().message(), "/steps: has 65; the limit is 64");
    steps.pop_back();
    EXPECT_TRUE(parse().ok());
    const std::string blanks(kMaxDeclarationBytes, ' ');
    EXPECT_EQ(Declaration::parse(blanks + "{}").status().code(), Code::kResourceExhausted);
    EXPECT_FALSE(Declaration::parse(R"({"inputs": ["x"], "steps": [], "outputs": {}})").ok());
}

}  // namespace
}  // namespace hf::serve::ensemble
