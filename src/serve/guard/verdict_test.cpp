#include "serve/guard/verdict.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace hf::serve::guard {
namespace {

Tensor tensor(Shape shape, std::vector<float> values) {
    return Tensor::of<float>(DType::kF32, std::move(shape), values);
}

// Of one input of rows of two, each with bounds of its own, and logits of two classes.
Guard guard_of_all() {
    Guard guard;
    guard.mode = Mode::kRefuse;
    InputRule rule;
    rule.name = "x";
    rule.least = {0, -1};
    rule.most = {1, 1};
    guard.inputs.push_back(rule);
    guard.energy = Energy{"logits", 1, -1, 0};
    Mahalanobis distance;
    distance.width = 2;
    distance.classes = 1;
    distance.mean = {0, 0};
    distance.whitening = {1, 0, 1};
    distance.centres = {0, 0};
    distance.threshold = 2;
    distance.index = 1;
    guard.mahalanobis = distance;
    Squeezing squeezing;
    squeezing.squeezers.resize(1);
    squeezing.threshold = 0.5;
    guard.squeezing = squeezing;
    return guard;
}

const std::vector<Tensor> kUsual{tensor({1, 2}, {5, 0}), tensor({1, 2}, {1, 0})};

Verdict judge_usual(const std::vector<Tensor>& inputs) {
    const std::vector<std::vector<Tensor>> squeezed{kUsual};
    return judge(guard_of_all(), {inputs, kUsual, squeezed});
}

TEST(GuardVerdict, WhatIsUsualPasses) {
    const std::vector<Tensor> inputs{tensor({2, 2}, {0, -1, 1, 1})};
    const Verdict verdict = judge_usual(inputs);
    EXPECT_FALSE(verdict.suspicious()) << summary(verdict);
    EXPECT_EQ(summary(verdict), "pass");
    EXPECT_NEAR(*verdict.energy, -5.00672, 1e-4);
    EXPECT_NEAR(*verdict.mahalanobis, 1, 1e-6);
    EXPECT_NEAR(*verdict.squeezing, 0, 1e-9);
    EXPECT_EQ(json::write_canonical(account(Mode::kFlag, verdict)),
              R"({"mode":"flag","scores":{"energy":"-5.00672","mahalanobis":"1","squeezing":"0"},)"
              R"("verdict":"pass"})");
}

TEST(GuardVerdict, EachPlaceHasItsBounds) {
    EXPECT_EQ(judge_usual({tensor({1, 2}, {-0.5F, 0})}).where,
              "input 'x', element 0: -0.5 is outside 0 to 1");
    EXPECT_FALSE(judge_usual({tensor({1, 2}, {0, -0.5F})}).suspicious());
    const Verdict second_row = judge_usual({tensor({2, 2}, {0, 0, 0, 1.5F})});
    EXPECT_EQ(second_row.where, "input 'x', element 3: 1.5 is outside -1 to 1");
    EXPECT_EQ(summary(second_row), "suspicious; range");
}

TEST(GuardVerdict, WhatIsNotFiniteIsSuspiciousUnlessItIsAllowed) {
    const std::vector<Tensor> infinite{tensor({1, 2}, {2, std::numeric_limits<float>::infinity()})};
    Guard guard = guard_of_all();
    EXPECT_EQ(summary(judge_inputs(guard, infinite)), "suspicious; not_finite");
    guard.inputs[0].finite = false;
    EXPECT_EQ(summary(judge_inputs(guard, infinite)), "suspicious; range") << "element 0 still is";
}

TEST(GuardVerdict, IntegersAndHalvesHaveRangesToo) {
    Guard guard;
    guard.inputs.push_back({"n", true, {-2}, {}, 0});
    const auto fits = [&](const Tensor& tensor) {
        return !judge_inputs(guard, {&tensor, 1}).suspicious();
    };
    EXPECT_TRUE(fits(Tensor::of<std::int8_t>(DType::kI8, {2}, std::vector<std::int8_t>{-2, 127})));
    EXPECT_FALSE(fits(Tensor::of<std::int64_t>(DType::kI64, {1}, std::vector<std::int64_t>{-3})));
    EXPECT_FALSE(fits(Tensor::of<double>(DType::kF64, {1}, std::vector<double>{-2.5})));
    const std::vector<std::uint16_t> low{float_to_half(-3)};
    EXPECT_FALSE(fits(Tensor::of<std::uint16_t>(DType::kF16, {1}, low)));
}

TEST(GuardVerdict, EveryPartHasItsReason) {
    const Guard guard = guard_of_all();
    const std::vector<Tensor> inputs{tensor({1, 2}, {0, 0})};
    const std::vector<Tensor> unsure{tensor({1, 2}, {0, 0}), tensor({1, 2}, {1, 0})};
    const std::vector<Tensor> far{tensor({1, 2}, {5, 0}), tensor({1, 2}, {1, 2})};
    const std::vector<Tensor> other{tensor({1, 2}, {0, 5}), tensor({1, 2}, {1, 0})};
    const std::vector<std::vector<Tensor>> same{kUsual};
    const std::vector<std::vector<Tensor>> changed{other};
    EXPECT_EQ(summary(judge(guard, {inputs, far, same})), "suspicious; mahalanobis");
    EXPECT_EQ(summary(judge(guard, {inputs, kUsual, changed})), "suspicious; squeezing");
    const Verdict verdict = judge(guard, {inputs, unsure, changed});
    EXPECT_EQ(summary(verdict), "suspicious; energy, squeezing");
    const Status status = refusal(guard, verdict);
    EXPECT_EQ(status.code(), Code::kInvalidArgument);
    EXPECT_NE(status.message().find("its energy is -0.693147, above -1"), std::string::npos)
        << status.message();
}

TEST(GuardVerdict, WhatCannotBeToldDoesNotPass) {
    const Guard guard = guard_of_all();
    const std::vector<Tensor> inputs{tensor({1, 2}, {0, 0})};
    const std::vector<std::vector<Tensor>> failed{{}};
    EXPECT_EQ(summary(judge(guard, {inputs, kUsual, failed})), "suspicious; unjudged");
    EXPECT_EQ(summary(judge(guard, {inputs, kUsual, {}})), "suspicious; unjudged");
    const std::vector<Tensor> nan{tensor({1, 2}, {std::nanf(""), 0}), kUsual[1]};
    const std::vector<std::vector<Tensor>> same{kUsual};
    EXPECT_EQ(summary(judge(guard, {inputs, nan, same})), "suspicious; unjudged");
}

}  // namespace
}  // namespace hf::serve::guard
