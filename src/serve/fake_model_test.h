// A model for the tests of this module: y = x plus a number, over vectors of any length.

#pragma once

#include <memory>

#include "runtime/model.h"

namespace hf::serve {

class FakeModel final : public runtime::CompiledModel {
public:
    explicit FakeModel(float added) : added_(added) {}

    const runtime::Signature& signature() const override { return signature_; }
    std::string_view device() const override { return "cpu"; }
    Result<std::unique_ptr<runtime::Session>> new_session() const override {
        return std::make_unique<Run>(*this);
    }

private:
    class Run final : public runtime::Session {
    public:
        explicit Run(const FakeModel& model) : model_(model) {}

        Result<std::vector<Tensor>> run(std::span<const Tensor> inputs) override {
            HF_TRY(runtime::check_inputs(model_.signature_, inputs));
            Tensor sum(DType::kF32, inputs[0].shape());
            const std::span<float> out = sum.mutable_values<float>();
            const std::span<const float> in = inputs[0].values<float>();
            for (std::size_t i = 0; i < in.size(); ++i) out[i] = in[i] + model_.added_;
            return std::vector<Tensor>{std::move(sum)};
        }

    private:
        const FakeModel& model_;
    };

    const float added_;
    const runtime::Signature signature_{{{"x", DType::kF32, Shape{Shape::kUnknown}}},
                                        {{"y", DType::kF32, Shape{Shape::kUnknown}}}};
};

}  // namespace hf::serve
