#include "serve/sequence/state.h"

#include <gtest/gtest.h>

#include "serve/sequence/accumulator_test.h"

namespace hf::serve::sequence {
namespace {

Tensor vector_of(std::initializer_list<float> values) {
    Tensor tensor(DType::kF32, Shape{static_cast<std::int64_t>(values.size())});
    std::copy(values.begin(), values.end(), tensor.mutable_values<float>().begin());
    return tensor;
}

std::vector<float> floats(const Tensor& tensor) {
    const std::span<const float> values = tensor.values<float>();
    return {values.begin(), values.end()};
}

Result<std::shared_ptr<const StatefulModel>> make(std::string_view declaration) {
    return StatefulModel::make(declaration, std::make_shared<const Accumulator>());
}

TEST(StatefulModel, ClientsSeeTheModelWithoutItsState) {
    const auto model = make(kAccumulates).value();
    ASSERT_EQ(model->signature().inputs.size(), 1u);
    EXPECT_EQ(model->signature().inputs[0].name, "x");
    ASSERT_EQ(model->signature().outputs.size(), 1u);
    EXPECT_EQ(model->signature().outputs[0].name, "y");
    EXPECT_EQ(model->options().sequences_max, 3u);
    EXPECT_EQ(model->options().idle_max, std::chrono::seconds(10));
}

TEST(StatefulModel, TheStateGoesInAndTheNextComesOut) {
    const auto model = make(kAccumulates).value();
    const auto session = model->new_session().value();
    const std::vector<Tensor> x{vector_of({1, 2})};
    ASSERT_EQ(model->zeros(x).size(), 1u);
    EXPECT_EQ(floats(model->zeros(x)[0]), (std::vector<float>{0, 0}));
    const std::vector<Tensor> with_state{x[0], vector_of({10, 20})};
    const std::vector<Tensor> outputs = session->run(with_state).value();
    ASSERT_EQ(outputs.size(), 2u);
    EXPECT_EQ(floats(outputs[0]), (std::vector<float>{11, 22}));
    EXPECT_EQ(floats(outputs[1]), (std::vector<float>{11, 22}));
    const std::vector<Tensor> other_batch{x[0], vector_of({10, 20, 30})};
    EXPECT_EQ(session->run(other_batch).status().code(), Code::kInvalidArgument);
    const std::vector<Tensor> alone = session->run(x).value();
    ASSERT_EQ(alone.size(), 1u) << "from zeros, and nothing kept";
    EXPECT_EQ(floats(alone[0]), (std::vector<float>{1, 2}));
}

TEST(StatefulModel, InputsThatDoNotFitAreRefused) {
    const auto model = make(kAccumulates).value();
    const auto session = model->new_session().value();
    const std::vector<Tensor> none;
    EXPECT_EQ(session->run(none).status().code(), Code::kInvalidArgument);
    const std::vector<Tensor> many{vector_of({1}), vector_of({1}), vector_of({1})};
    EXPECT_EQ(session->run(many).status().code(), Code::kInvalidArgument);
    const std::vector<Tensor> wrong{Tensor(DType::kI32, Shape{1})};
    EXPECT_EQ(session->run(wrong).status().code(), Code::kInvalidArgument);
}

TEST(StatefulModel, DeclarationsThatAreNoneAreRefusedByTheirPlace) {
    const auto refusal = [](std::string_view declaration) -> std::string {
        const Status status = make(declaration).status();
        EXPECT_EQ(status.code(), Code::kInvalidArgument) << declaration;
        return std::string(status.message());
    };
    refusal("");
    refusal("[]");
    EXPECT_TRUE(refusal("{}").starts_with("/states: "));
    EXPECT_TRUE(refusal(R"({"states":[]})").starts_with("/states: "));
    EXPECT_TRUE(refusal(R"({"states":[{"input":"acc"}]})").starts_with("/states/0/output: "));
    EXPECT_TRUE(refusal(R"({"states":[{"input":"h","output":"next"}]})")
                    .starts_with("/states/0/input: the model has no 'h'"));
    EXPECT_TRUE(refusal(R"({"states":[{"input":"acc","output":"x"}]})")
                    .starts_with("/states/0/output: the model has no 'x'"));
    EXPECT_TRUE(refusal(R"({"states":[{"input":"acc","output":"next"},)"
                        R"({"input":"acc","output":"y"}]})")
                    .starts_with("/states/1: 'acc' or 'y' is a state twice"));
    EXPECT_TRUE(refusal(R"({"states":[{"input":"acc","output":"next"},)"
                        R"({"input":"x","output":"y"}]})")
                    .starts_with("/states: all inputs"));
    refusal(R"({"states":[{"input":"acc","output":"next"}],"sequences":0})");
    refusal(R"({"states":[{"input":"acc","output":"next"}],"idle_seconds":0})");
    refusal(R"({"states":[{"input":"acc","output":"next","zeros":1}]})");
    refusal(R"({"states":[{"input":"acc","output":"next"}],"colour":"red"})");
}

// A model whose ports are as a test wants them; it is not run.
class Ported final : public runtime::CompiledModel {
public:
    Ported(runtime::Port input, runtime::Port output)
        : signature_{{{"x", DType::kF32, Shape{1}}, std::move(input)},
                     {{"y", DType::kF32, Shape{1}}, std::move(output)}} {}
    const runtime::Signature& signature() const override { return signature_; }
    std::string_view device() const override { return "cpu"; }
    Result<std::unique_ptr<runtime::Session>> new_session() const override {
        return unimplemented("not run");
    }

private:
    const runtime::Signature signature_;
};

TEST(StatefulModel, AStateIsOfOneTypeAndOfExtentsThatAreKnown) {
    const auto made = [](DType in, Shape in_shape, DType out, Shape out_shape) {
        return StatefulModel::make(
                   R"({"states":[{"input":"h","output":"n"}]})",
                   std::make_shared<const Ported>(runtime::Port{"h", in, std::move(in_shape)},
                                                  runtime::Port{"n", out, std::move(out_shape)}))
            .ok();
    };
    constexpr std::int64_t kOpen = Shape::kUnknown;
    EXPECT_TRUE(made(DType::kF32, {1, 4}, DType::kF32, {1, 4}));
    EXPECT_TRUE(made(DType::kF32, {kOpen, 4}, DType::kF32, {kOpen, 4}));
    EXPECT_TRUE(made(DType::kF32, {1, 4}, DType::kF32, {kOpen, kOpen}));
    EXPECT_TRUE(made(DType::kF32, Shape{}, DType::kF32, Shape{}));
    EXPECT_FALSE(made(DType::kF32, {1, 4}, DType::kF16, {1, 4}));
    EXPECT_FALSE(made(DType::kF32, {1, 4}, DType::kF32, {4}));
    EXPECT_FALSE(made(DType::kF32, {1, 4}, DType::kF32, {1, 5}));
    EXPECT_FALSE(made(DType::kF32, {1, kOpen}, DType::kF32, {1, 4}));
}

}  // namespace
}  // namespace hf::serve::sequence
