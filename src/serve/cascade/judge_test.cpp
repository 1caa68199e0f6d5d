#include "serve/cascade/judge.h"

#include <limits>

#include <gtest/gtest.h>

namespace hf::serve::cascade {
namespace {

constexpr std::int64_t kOpen = Shape::kUnknown;

Tensor floats(const Shape& shape, std::vector<float> values) {
    return Tensor::of<float>(DType::kF32, shape, values);
}

runtime::Signature signature(std::int64_t rows) {
    return {{{"x", DType::kF32, {rows, 2}}}, {{"p", DType::kF32, {rows, 2}}}};
}

Verdict judged(const runtime::Signature& model, const Tensor& output, const When& when) {
    const std::vector<Tensor> inputs{Tensor(DType::kF32, {output.shape()[0], 2})};
    const std::vector<Tensor> outputs{output};
    return judge(when, {model, inputs, outputs}).value();
}

const When kBelowHalf{"p", Measure::kMaxProbability, 0.5};

TEST(Judge, RowByRowTheLeastConfidentFirst) {
    const float nan = std::numeric_limits<float>::quiet_NaN();
    const Tensor output = floats({5, 2}, {0.9f, 0, 0.4f, 0, 0.5f, 0, nan, 0, 0.1f, 0.2f});
    const Verdict verdict = judged(signature(kOpen), output, kBelowHalf);
    EXPECT_EQ(verdict.rows, 5u);
    EXPECT_FALSE(verdict.whole);
    EXPECT_EQ(verdict.unsure, (std::vector<std::size_t>{3, 4, 1})) << "at the threshold it is sure";
}

TEST(Judge, WholeWhereRowsCannotBeSeenToBeIndependent) {
    const Tensor output = floats({2, 2}, {0.9f, 0, 0.1f, 0});
    const Verdict fixed = judged(signature(2), output, kBelowHalf);
    EXPECT_TRUE(fixed.whole);
    EXPECT_EQ(fixed.rows, 1u);
    EXPECT_EQ(fixed.unsure, std::vector<std::size_t>{0});
    // Another input that has no rows.
    runtime::Signature model = signature(kOpen);
    model.inputs.push_back({"k", DType::kF32, Shape{}});
    const std::vector<Tensor> inputs{Tensor(DType::kF32, {2, 2}), Tensor(DType::kF32, Shape{})};
    const std::vector<Tensor> outputs{output};
    EXPECT_TRUE(judge(kBelowHalf, {model, inputs, outputs}).value().whole);
    EXPECT_TRUE(
        judged(signature(2), floats({2, 2}, {0.9f, 0, 0.8f, 0}), kBelowHalf).unsure.empty());
}

TEST(Judge, NamesTheOutputThatIsMissing) {
    const std::vector<Tensor> tensors{floats({1, 2}, {0.9f, 0})};
    const auto verdict = judge({"q", Measure::kMargin, 1}, {signature(kOpen), tensors, tensors});
    EXPECT_EQ(verdict.status().message(), "the model has no output 'q'");
    EXPECT_TRUE(judge({"", Measure::kMargin, 1}, {signature(kOpen), tensors, tensors}).ok());
    EXPECT_EQ(
        judge({"", Measure::kValue, 1}, {signature(kOpen), tensors, tensors}).status().message(),
        "output 'p': value is of one value in a row, and its shape is 1x2");
}

TEST(Rows, ComeBackToTheirPlaces) {
    const Tensor all = floats({3, 2}, {1, 2, 3, 4, 5, 6});
    const std::vector<std::size_t> rows{2, 0};
    const Tensor some = take_rows(all, rows);
    EXPECT_EQ(some.shape(), (Shape{2, 2}));
    EXPECT_EQ(some.values<float>()[0], 5);
    const Tensor merged = put_rows(all, rows, floats({2, 2}, {50, 60, 10, 20})).value();
    const std::span<const float> values = merged.values<float>();
    EXPECT_EQ(std::vector<float>(values.begin(), values.end()),
              (std::vector<float>{10, 20, 3, 4, 50, 60}));
    EXPECT_EQ(all.values<float>()[0], 1) << "the first answer is not touched";
    const Tensor words = Tensor::of_strings({3}, {"a", "b", "c"});
    EXPECT_EQ(put_rows(words, rows, Tensor::of_strings({2}, {"C", "A"})).value().strings(),
              (std::vector<std::string>{"A", "b", "C"}));
    EXPECT_EQ(put_rows(all, rows, floats({1, 2}, {1, 2})).status().message(),
              "it is f32[1x2], and f32[2x2] was asked for");
    EXPECT_FALSE(put_rows(all, rows, Tensor(DType::kF64, {2, 2})).ok());
}

}  // namespace
}  // namespace hf::serve::cascade
