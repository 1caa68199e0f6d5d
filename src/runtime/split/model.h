// A model in parts: compiled models that run one after another and hand tensors on. Each tensor
// is freed after the last part that reads it.
//
// Thread-safety: the model is immutable; a session is used by one thread at a time.

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "runtime/model.h"

namespace hf::runtime {

// Tensors of a run, by number.
using Slot = std::size_t;

struct SplitPart {
    std::shared_ptr<const CompiledModel> model;
    std::vector<Slot> inputs;  // as the model's signature
    std::vector<Slot> outputs;
    std::size_t nodes = 0;  // of the graph, for steps()
};

struct SplitPlan {
    Signature signature;
    std::size_t slots = 0;
    std::vector<Slot> inputs;                        // as the signature
    std::vector<Slot> outputs;                       // as the signature
    std::vector<std::pair<Slot, Tensor>> constants;  // outputs that nothing computes
    std::vector<SplitPart> parts;
    std::string device;  // "example+cpu"
};

class SplitModel final : public CompiledModel, public std::enable_shared_from_this<SplitModel> {
public:
    // REQUIRES: every slot that is read is written before, slots are below plan.slots.
    explicit SplitModel(SplitPlan plan);

    const Signature& signature() const override { return plan_.signature; }
    std::string_view device() const override { return plan_.device; }
    Result<std::unique_ptr<Session>> new_session() const override;

    // Of each part its own steps, or one step for a part that has none.
    std::vector<StepInfo> steps() const override;

    const SplitPlan& plan() const { return plan_; }

    // Slots that no part after this one reads.
    const std::vector<Slot>& done_after(std::size_t part) const { return done_after_[part]; }

private:
    SplitPlan plan_;
    std::vector<std::vector<Slot>> done_after_;
};

}  // namespace hf::runtime
