// A model for tests that gives back what it gets: an input and an output for every datatype of the
// protocol, or for those that a test names.

#pragma once

#include <memory>
#include <vector>

#include "runtime/model.h"

namespace hf::serve::conform {

inline const std::vector<DType>& all_datatypes() {
    static const std::vector<DType> all{DType::kF32,  DType::kBool,  DType::kU8,  DType::kU16,
                                        DType::kU32,  DType::kU64,   DType::kI8,  DType::kI16,
                                        DType::kI32,  DType::kI64,   DType::kF16, DType::kF64,
                                        DType::kBF16, DType::kString};
    return all;
}

class EchoModel final : public runtime::CompiledModel {
public:
    EchoModel(const std::vector<DType>& dtypes, const Shape& shape) {
        for (const DType dtype : dtypes) {
            const std::string name(oip_name(dtype));
            signature_.inputs.push_back({"in_" + name, dtype, shape});
            signature_.outputs.push_back({"out_" + name, dtype, shape});
        }
    }

    const runtime::Signature& signature() const override { return signature_; }
    std::string_view device() const override { return "cpu"; }
    Result<std::unique_ptr<runtime::Session>> new_session() const override {
        return std::make_unique<Run>(*this);
    }

private:
    class Run final : public runtime::Session {
    public:
        explicit Run(const EchoModel& model) : model_(model) {}

        Result<std::vector<Tensor>> run(std::span<const Tensor> inputs) override {
            HF_TRY(runtime::check_inputs(model_.signature_, inputs));
            return std::vector<Tensor>(inputs.begin(), inputs.end());
        }

    private:
        const EchoModel& model_;
    };

    runtime::Signature signature_;
};

}  // namespace hf::serve::conform
