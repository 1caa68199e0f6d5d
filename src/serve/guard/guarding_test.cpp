#include "serve/guard/guarding.h"

#include <gtest/gtest.h>

#include "testing/manual_clock.h"

namespace hf::serve::guard {
namespace {

using runtime::Port;

// Two logits, 2 x and -2 x, and a layer that is x itself. It fails for what is 1.
class Model final : public runtime::CompiledModel {
public:
    const runtime::Signature& signature() const override { return signature_; }
    std::string_view device() const override { return "cpu"; }
    Result<std::unique_ptr<runtime::Session>> new_session() const override {
        return std::make_unique<Run>();
    }

private:
    class Run final : public runtime::Session {
    public:
        Result<std::vector<Tensor>> run(std::span<const Tensor> inputs) override {
            const float x = inputs[0].values<float>()[0];
            if (x == 1) return internal_error("it fails for 1");
            const std::vector<float> logits{2 * x, -2 * x};
            Tensor scores = Tensor::of<float>(DType::kF32, {1, 2}, logits);
            return std::vector<Tensor>{std::move(scores), inputs[0].reshaped({1, 1})};
        }
    };

    const runtime::Signature signature_{
        {Port{"x", DType::kF32, {1, 1, 1, 1}}},
        {Port{"y", DType::kF32, {1, 2}}, Port{"layer", DType::kF32, {1, 1}}}};
};

class Guarding : public ::testing::Test {
protected:
    // A host whose guard asks again with inputs of the values 0 and 1 alone.
    std::shared_ptr<ModelHost> host(Mode mode) {
        Guard guard;
        guard.mode = mode;
        guard.inputs.push_back({"x", true, {-10}, {200}, 0});
        Mahalanobis distances;
        distances.layer = "layer";
        distances.width = distances.classes = 1;
        distances.mean = distances.centres = {0};
        distances.whitening = {1};
        distances.threshold = 30;
        guard.mahalanobis = distances;
        Squeezing squeezing;
        squeezing.input = "x";
        squeezing.output = "y";
        squeezing.squeezers.resize(1);
        squeezing.threshold = 1.9;
        guard.squeezing = squeezing;
        const auto model = std::make_shared<const Model>();
        auto host = std::make_shared<ModelHost>(ModelHost::Identity{.name = "m"}, model, clock_);
        host->set_guard(std::make_shared<const Guard>(bind(guard, model->signature(), 1).value()));
        return host;
    }

    static std::vector<Tensor> input(float x) {
        return {Tensor::of<float>(DType::kF32, {1, 1, 1, 1}, std::vector<float>{x})};
    }

    testing::ManualClock clock_;
};

TEST_F(Guarding, TheHiddenLayerIsJudgedAndNobodysAnswer) {
    const auto host = this->host(Mode::kFlag);
    EXPECT_EQ(host->signature().outputs.size(), 1u);
    std::vector<Tensor> outputs = host->infer(input(-3)).value().outputs;
    ASSERT_EQ(outputs.size(), 2u);
    const auto judged = judge_answer(*host, input(-3), outputs);
    ASSERT_TRUE(judged);
    EXPECT_EQ(outputs.size(), 1u);
    EXPECT_EQ(summary(judged->verdict), "pass");
    EXPECT_EQ(judged->verdict.mahalanobis, 9);
    EXPECT_TRUE(judged->tells());
    EXPECT_EQ(host->counts().guard_passed, 1u);
    EXPECT_EQ(host->counts().succeeded, 1u) << "squeezed runs are no inferences";
}

TEST_F(Guarding, SqueezedInputsAreAskedAgain) {
    const auto host = this->host(Mode::kFlag);
    // Below 0 is squeezed to 0, of which the model is not sure at all.
    std::vector<Tensor> outputs = host->infer(input(-5)).value().outputs;
    const auto judged = judge_answer(*host, input(-5), outputs);
    EXPECT_NEAR(*judged->verdict.squeezing, 1, 1e-6);
    EXPECT_EQ(summary(judged->verdict), "pass");
}

TEST_F(Guarding, ASqueezedRunThatFailsLeavesTheRequestUnjudged) {
    const auto host = this->host(Mode::kFlag);
    std::vector<Tensor> outputs = host->infer(input(3)).value().outputs;
    const auto judged = judge_answer(*host, input(3), outputs);
    EXPECT_EQ(summary(judged->verdict), "suspicious; unjudged") << "3 is squeezed to 1";
    EXPECT_EQ(outputs.size(), 1u);
}

TEST_F(Guarding, OnlyOneThatRefusesRefusesAndCountsIt) {
    for (const Mode mode : {Mode::kObserve, Mode::kFlag, Mode::kRefuse}) {
        const auto host = this->host(mode);
        const bool refuses = mode == Mode::kRefuse;
        EXPECT_EQ(refuse_inputs(*host, input(-11)).has_value(), refuses);
        EXPECT_FALSE(refuse_inputs(*host, input(-6)));
        std::vector<Tensor> outputs = host->infer(input(-6)).value().outputs;
        const auto judged = judge_answer(*host, input(-6), outputs);
        EXPECT_EQ(summary(judged->verdict), "suspicious; mahalanobis");
        EXPECT_EQ(judged->refuses(), refuses);
        EXPECT_EQ(judged->tells(), mode != Mode::kObserve);
        const ModelHost::Counts counts = host->counts();
        const auto at = static_cast<std::size_t>(Reason::kMahalanobis);
        EXPECT_EQ(counts.guard_refused[at], refuses ? 1u : 0u);
        EXPECT_EQ(counts.guard_suspicious[at], refuses ? 0u : 1u);
        const auto range = static_cast<std::size_t>(Reason::kRange);
        EXPECT_EQ(counts.guard_refused[range], refuses ? 1u : 0u);
        EXPECT_EQ(counts.refused, refuses ? 1u : 0u) << "what did not reach the model";
    }
}

TEST_F(Guarding, AModelWithoutAGuardIsLeftAlone) {
    ModelHost host({.name = "m"}, std::make_shared<const Model>(), clock_);
    std::vector<Tensor> outputs = host.infer(input(50)).value().outputs;
    EXPECT_FALSE(refuse_inputs(host, input(-1000)));
    EXPECT_FALSE(judge_answer(host, input(50), outputs));
    EXPECT_EQ(outputs.size(), 2u);
    EXPECT_EQ(host.counts().guard_passed, 0u);
}

}  // namespace
}  // namespace hf::serve::guard
