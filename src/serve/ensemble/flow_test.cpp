#include "serve/ensemble/flow.h"

#include <cmath>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "serve/ensemble/adding_test.h"

namespace hf::serve::ensemble {
namespace {

Plan plan_of(std::string_view text) {
    Members members;
    Member adds;
    adds.signature = FakeModel(0).signature();
    adds.rows_apart = true;
    for (const char* name : {"small", "large", "other"}) members[name] = adds;
    const Result<Declaration> declaration = Declaration::parse(text);
    HF_CHECK(declaration.ok(), "{}", declaration.status().to_string());
    Result<Plan> plan = make_plan(*declaration, members);
    HF_CHECK(plan.ok(), "{}", plan.status().to_string());
    return std::move(*plan);
}

// Which rows each step was asked about, by what it adds.
struct Asked {
    std::string model;
    std::vector<float> rows;
};

std::vector<float> run(const Plan& plan, std::vector<float> x,
                       std::vector<Asked>* asked = nullptr) {
    const std::vector<Tensor> inputs{numbers(std::move(x))};
    Flow flow(plan, inputs);
    while (!flow.done()) {
        auto ready = flow.take_ready();
        HF_CHECK(ready.ok(), "{}", ready.status().to_string());
        for (const Flow::Ready& one : *ready) {
            const std::string& model = plan.steps[one.step].model;
            const float added = model == "small" ? 1.0F : (model == "large" ? 100.0F : 10.0F);
            std::vector<float> y = values_of(one.inputs[0]);
            if (asked) asked->push_back({model, y});
            for (float& value : y) value += added;
            const Status finished = flow.finish(one.step, {numbers(std::move(y))});
            HF_CHECK(finished.ok(), "{}", finished.to_string());
        }
    }
    const auto outputs = flow.take_outputs();
    HF_CHECK(outputs.ok(), "{}", outputs.status().to_string());
    return values_of((*outputs)[0]);
}

TEST(EnsembleFlow, OnlyUnsureRowsGoOnAndComeBackInPlace) {
    const Plan plan = plan_of(kCascade);
    std::vector<Asked> asked;
    EXPECT_EQ(run(plan, {1, 7, 2, 9}, &asked), (std::vector<float>{101, 8, 102, 10}));
    ASSERT_EQ(asked.size(), 2u);
    EXPECT_EQ(asked[1].model, "large");
    EXPECT_EQ(asked[1].rows, (std::vector<float>{1, 2}));
}

TEST(EnsembleFlow, AStepWithoutRowsIsPassedOver) {
    const Plan plan = plan_of(kCascade);
    std::vector<Asked> asked;
    EXPECT_EQ(run(plan, {7, 9}, &asked), (std::vector<float>{8, 10}));
    EXPECT_EQ(asked.size(), 1u);
    EXPECT_EQ(run(plan, {1, 2}), (std::vector<float>{101, 102}));
    EXPECT_EQ(run(plan, {}), std::vector<float>());
    EXPECT_EQ(run(plan, {std::nanf("")}, &asked).size(), 1u);
    EXPECT_EQ(asked.back().model, "large");  // what is no number is not sure
}

TEST(EnsembleFlow, AConditionOfTheRequestTakesAllItsRows) {
    std::string text(kCascade);
    const std::string_view number = "\"confidence_below\": 5";
    text.insert(text.find(number) + number.size(), ", \"by\": \"request\"");
    const Plan plan = plan_of(text);
    EXPECT_EQ(run(plan, {1, 7}), (std::vector<float>{101, 107}));
    EXPECT_EQ(run(plan, {6, 7}), (std::vector<float>{7, 8}));
}

// Two ways that part, what one of them reads of the other, and a step behind that reads either.
constexpr std::string_view kRoutes = R"({
    "inputs": ["x"],
    "steps": [
        {"model": "other", "inputs": {"x": ["hard", "easy"]}, "outputs": {"y": "last"}},
        {"model": "small", "inputs": {"x": "x"}, "outputs": {"y": "first"}},
        {"model": "large", "inputs": {"x": "x"}, "outputs": {"y": "hard"},
         "when": {"value": "first", "measure": "value", "confidence_below": 5}},
        {"model": "small", "inputs": {"x": "first"}, "outputs": {"y": "easy"},
         "when": {"value": "first", "measure": "value", "confidence_at_least": 5}},
        {"model": "large", "inputs": {"x": "easy"}, "outputs": {"y": "very"},
         "when": {"value": "easy", "measure": "value", "confidence_at_least": 8}}
    ],
    "outputs": {"y": ["very", "last"]}
})";

TEST(EnsembleFlow, EachRowOfABatchIsAnsweredAsItIsAlone) {
    const Plan plan = plan_of(kRoutes);
    Rng rng(20);
    for (int round = 0; round < 200; ++round) {
        std::vector<float> batch(rng.below(12));
        std::vector<float> one_by_one;
        for (float& x : batch) {
            x = static_cast<float>(rng.below(12));
            one_by_one.push_back(run(plan, {x}).at(0));
        }
        EXPECT_EQ(run(plan, batch), one_by_one) << round;
    }
    EXPECT_EQ(run(plan, {1, 4, 7}), (std::vector<float>{111, 16, 109}));
}

TEST(EnsembleFlow, StepsThatWaitForNoneOfOneAnotherAreReadyTogether) {
    const Plan plan = plan_of(kRoutes);
    const std::vector<Tensor> inputs{numbers({1, 7})};
    Flow flow(plan, inputs);
    const auto first = flow.take_ready();
    ASSERT_TRUE(first.ok());
    ASSERT_EQ(first->size(), 1u);
    EXPECT_TRUE(flow.take_ready()->empty());  // they are told once
    ASSERT_TRUE(flow.finish((*first)[0].step, {numbers({2, 8})}).ok());
    EXPECT_EQ(flow.take_ready()->size(), 2u);
    EXPECT_FALSE(flow.done());
}

TEST(EnsembleFlow, AnAnswerOfOtherRowsIsRefused) {
    const Plan plan = plan_of(kCascade);
    const std::vector<Tensor> inputs{numbers({1, 7, 2})};
    Flow flow(plan, inputs);
    ASSERT_EQ(flow.take_ready()->size(), 1u);
    ASSERT_TRUE(flow.finish(0, {numbers({2, 8, 3})}).ok());
    ASSERT_EQ(flow.take_ready()->size(), 1u);
    const Status short_of = flow.finish(1, {numbers({101})});
    EXPECT_EQ(short_of.code(), Code::kFailedPrecondition);
    EXPECT_EQ(short_of.message(), "step 1 ('large') made 1 rows of 2");
}

}  // namespace
}  // namespace hf::serve::ensemble
