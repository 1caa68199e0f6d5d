#include "serve/schedule/batching.h"

#include <algorithm>
#include <functional>
#include <set>

#include <gtest/gtest.h>

namespace hf::serve {
namespace {

// Over a matrix of any number of rows and `columns`: what `compute` makes of it.
class Session final : public runtime::Session {
public:
    using Compute =
        std::function<void(std::span<const float> in, std::size_t columns, std::span<float> out)>;

    Session(std::int64_t columns, Compute compute)
        : signature_{{{"x", DType::kF32, Shape{Shape::kUnknown, columns}}},
                     {{"y", DType::kF32, Shape{Shape::kUnknown, columns}}}},
          compute_(std::move(compute)) {}

    Result<std::vector<Tensor>> run(std::span<const Tensor> inputs) override {
        HF_TRY(runtime::check_inputs(signature_, inputs));
        Tensor out(DType::kF32, inputs[0].shape());
        compute_(inputs[0].values<float>(), static_cast<std::size_t>(inputs[0].shape()[1]),
                 out.mutable_values<float>());
        return std::vector<Tensor>{std::move(out)};
    }
    const runtime::Signature& signature() const { return signature_; }

private:
    const runtime::Signature signature_;
    const Compute compute_;
};

void square(std::span<const float> in, std::size_t, std::span<float> out) {
    for (std::size_t i = 0; i < in.size(); ++i) out[i] = in[i] * in[i];
}

// Down the first axis, as a recurrence over time does.
void sum_down(std::span<const float> in, std::size_t columns, std::span<float> out) {
    for (std::size_t i = 0; i < in.size(); ++i) {
        out[i] = in[i] + (i < columns ? 0 : out[i - columns]);
    }
}

TEST(Batching, RunsInFewSizesAndAnswersWhatWasAsked) {
    std::set<std::size_t> sizes;
    Session session(2, [&](std::span<const float> in, std::size_t columns, std::span<float> out) {
        sizes.insert(in.size() / columns);
        square(in, columns, out);
    });
    for (std::int64_t rows = 1; rows <= 66; ++rows) {
        Tensor x(DType::kF32, Shape{rows, 2});
        for (std::size_t i = 0; float& value : x.mutable_values<float>()) {
            value = static_cast<float>(++i);
        }
        const auto padded = run_padded(session, {&x, 1});
        const std::set<std::size_t> in_few = sizes;
        const auto plain = session.run({&x, 1});
        sizes = in_few;
        ASSERT_TRUE(padded.ok()) << padded.status().to_string();
        EXPECT_EQ((*padded)[0].shape(), (Shape{rows, 2}));
        EXPECT_TRUE(std::ranges::equal((*padded)[0].bytes(), (*plain)[0].bytes()));
    }
    EXPECT_EQ(sizes, (std::set<std::size_t>{1, 2, 4, 8, 16, 32, 64, 65, 66}));
    const Tensor none(DType::kF32, Shape{0, 2});
    EXPECT_TRUE(run_padded(session, {&none, 1}).ok());
    const Tensor other(DType::kF32, Shape{3, 5});
    EXPECT_EQ(run_padded(session, {&other, 1}).status().code(), Code::kInvalidArgument);
}

TEST(Batching, RowsAreApartWhereABatchAnswersTheSameBits) {
    for (const std::int64_t columns : {std::int64_t{3}, Shape::kUnknown}) {
        Session apart(columns, square);
        EXPECT_TRUE(rows_are_apart(apart, apart.signature()));
        Session mixed(columns, sum_down);
        EXPECT_FALSE(rows_are_apart(mixed, mixed.signature()));
    }
    // The last bit of one value, which the place in the batch decides.
    Session nearly(3, [](std::span<const float> in, std::size_t, std::span<float> out) {
        square(in, 3, out);
        if (in.size() > 3) out[3] = std::nextafter(out[3], 2.0F);
    });
    EXPECT_FALSE(rows_are_apart(nearly, nearly.signature()));
}

TEST(Batching, WhatHasNoOpenRowsIsAskedAlone) {
    Session session(3, square);
    runtime::Signature fixed = session.signature();
    fixed.inputs[0].shape = Shape{1, 3};
    EXPECT_FALSE(rows_are_apart(session, fixed));
    runtime::Signature text = session.signature();
    text.inputs[0].dtype = DType::kString;
    EXPECT_FALSE(rows_are_apart(session, text));
    runtime::Signature scalar = session.signature();
    scalar.outputs[0].shape = Shape{};
    EXPECT_FALSE(rows_are_apart(session, scalar));
}

Tensor matrix(std::int64_t rows, std::vector<float> values) {
    const auto columns = static_cast<std::int64_t>(values.size()) / rows;
    return Tensor::of<float>(DType::kF32, Shape{rows, columns}, values);
}

TEST(Batching, JoinsAndSplits) {
    const std::vector<Tensor> one{matrix(1, {1, 2})};
    const std::vector<Tensor> two{matrix(2, {3, 4, 5, 6})};
    const std::array<std::span<const Tensor>, 2> requests{one, two};
    const std::vector<Tensor> joined = join_rows(requests);
    ASSERT_EQ(joined.size(), 1u);
    EXPECT_EQ(joined[0].shape(), (Shape{3, 2}));
    const std::array<std::uint64_t, 2> rows{1, 2};
    const auto split = split_rows(joined, rows);
    ASSERT_TRUE(split.ok()) << split.status().to_string();
    EXPECT_TRUE(std::ranges::equal((*split)[0][0].bytes(), one[0].bytes()));
    EXPECT_TRUE(std::ranges::equal((*split)[1][0].bytes(), two[0].bytes()));
    EXPECT_EQ((*split)[1][0].shape(), (Shape{2, 2}));
    const std::array<std::uint64_t, 2> wrong{1, 1};
    EXPECT_EQ(split_rows(joined, wrong).status().code(), Code::kInternal);
}

TEST(Batching, KindsAndSizes) {
    const auto size = [](std::vector<Tensor> inputs) { return size_of(inputs); };
    const Size two = size({matrix(2, {1, 2, 3, 4})});
    EXPECT_EQ(two.rows, 2u);
    EXPECT_EQ(two.rows_most, kBatchInputBytes / 8);
    EXPECT_EQ(two.kind, size({matrix(1, {1, 2})}).kind);
    EXPECT_NE(two.kind, size({matrix(1, {1, 2, 3})}).kind);
    EXPECT_EQ(size({matrix(1, {1}), matrix(2, {1, 2})}).kind, "") << "how many rows?";
    EXPECT_EQ(size({Tensor(DType::kF32, Shape{0, 2})}).kind, "");
    EXPECT_EQ(size({}).kind, "");
    EXPECT_EQ(size({Tensor(DType::kF32, Shape{2, 1 << 20})}).rows_most, 2u);
}

}  // namespace
}  // namespace hf::serve
