// A model for the tests of this module that keeps state: y = x + acc, and the next acc is y. Its
// inputs are (acc, x), so that the state stands before what clients send.

#pragma once

#include <memory>
#include <string_view>

#include "runtime/model.h"

namespace hf::serve::sequence {

inline constexpr std::string_view kAccumulates =
    R"({"states":[{"input":"acc","output":"next"}],"sequences":3,"idle_seconds":10})";

class Accumulator final : public runtime::CompiledModel {
public:
    const runtime::Signature& signature() const override { return signature_; }
    std::string_view device() const override { return "cpu"; }
    Result<std::unique_ptr<runtime::Session>> new_session() const override {
        return std::make_unique<Run>(*this);
    }

private:
    // Fails for a negative x.
    class Run final : public runtime::Session {
    public:
        explicit Run(const Accumulator& model) : model_(model) {}

        Result<std::vector<Tensor>> run(std::span<const Tensor> inputs) override {
            HF_TRY(runtime::check_inputs(model_.signature_, inputs));
            const std::span<const float> acc = inputs[0].values<float>();
            const std::span<const float> x = inputs[1].values<float>();
            if (acc.size() != x.size()) return internal_error("sizes differ");
            Tensor sum(DType::kF32, inputs[1].shape());
            const std::span<float> y = sum.mutable_values<float>();
            for (std::size_t i = 0; i < x.size(); ++i) {
                if (x[i] < 0) return internal_error("a negative number");
                y[i] = acc[i] + x[i];
            }
            return std::vector<Tensor>{sum, sum};
        }

    private:
        const Accumulator& model_;
    };

    const runtime::Signature signature_{
        {{"acc", DType::kF32, Shape{Shape::kUnknown}}, {"x", DType::kF32, Shape{Shape::kUnknown}}},
        {{"next", DType::kF32, Shape{Shape::kUnknown}},
         {"y", DType::kF32, Shape{Shape::kUnknown}}}};
};

}  // namespace hf::serve::sequence
