#include "runtime/split/model.h"

#include <algorithm>

namespace hf::runtime {
namespace {

// A part's own numbers of steps become the model's.
class Shifted final : public StepObserver {
public:
    explicit Shifted(std::size_t by) : by_(by) {}
    void begin(std::size_t step) override { target->begin(by_ + step); }
    void end(std::size_t step) override { target->end(by_ + step); }

    StepObserver* target = nullptr;

private:
    std::size_t by_;
};

class SplitSession final : public Session {
public:
    struct Running {
        std::unique_ptr<Session> session;
        Shifted steps;
        bool has_steps;
    };

    SplitSession(std::shared_ptr<const SplitModel> model, std::vector<Running> parts)
        : model_(std::move(model)), parts_(std::move(parts)) {}

    Result<std::vector<Tensor>> run(std::span<const Tensor> inputs) override {
        const SplitPlan& plan = model_->plan();
        HF_TRY(check_inputs(plan.signature, inputs));
        std::vector<Tensor> slots(plan.slots);
        for (const auto& [slot, tensor] : plan.constants) slots[slot] = tensor;
        for (std::size_t i = 0; i < inputs.size(); ++i) slots[plan.inputs[i]] = inputs[i];
        for (std::size_t i = 0; i < parts_.size(); ++i) {
            HF_TRY(
                run_part(i, slots).context("part {} ({})", i + 1, plan.parts[i].model->device()));
            for (Slot slot : model_->done_after(i)) slots[slot] = Tensor();
        }
        std::vector<Tensor> outputs;
        for (Slot slot : plan.outputs) outputs.push_back(slots[slot]);
        return outputs;
    }

    void observe(StepObserver* observer) override {
        watched_ = observer != nullptr;
        for (Running& part : parts_) {
            part.steps.target = observer;
            part.session->observe(observer ? &part.steps : nullptr);
        }
    }

    void use(std::shared_ptr<Crew> crew) override {
        for (Running& part : parts_) part.session->use(crew);
    }

private:
    Status run_part(std::size_t index, std::vector<Tensor>& slots) {
        const SplitPart& part = model_->plan().parts[index];
        Running& running = parts_[index];
        std::vector<Tensor> given;
        for (Slot slot : part.inputs) given.push_back(slots[slot]);
        const bool one_step = watched_ && !running.has_steps;
        if (one_step) running.steps.begin(0);
        std::vector<Tensor> made = HF_TRY(running.session->run(given));
        if (one_step) running.steps.end(0);
        if (made.size() != part.outputs.size()) {
            return HF_BUG("it gave {} outputs of {}", made.size(), part.outputs.size());
        }
        for (std::size_t i = 0; i < made.size(); ++i) slots[part.outputs[i]] = std::move(made[i]);
        return {};
    }

    std::shared_ptr<const SplitModel> model_;
    std::vector<Running> parts_;
    bool watched_ = false;
};

// For each part the slots that it is the last to read or write. Outputs stay.
std::vector<std::vector<Slot>> last_uses(const SplitPlan& plan) {
    std::vector<std::size_t> last(plan.slots, SIZE_MAX);
    for (std::size_t i = 0; i < plan.parts.size(); ++i) {
        for (Slot slot : plan.parts[i].inputs) last[slot] = i;
        for (Slot slot : plan.parts[i].outputs) last[slot] = i;
    }
    for (Slot slot : plan.outputs) last[slot] = SIZE_MAX;
    std::vector<std::vector<Slot>> done(plan.parts.size());
    for (Slot slot = 0; slot < last.size(); ++slot) {
        if (last[slot] != SIZE_MAX) done[last[slot]].push_back(slot);
    }
    return done;
}

}  // namespace

SplitModel::SplitModel(SplitPlan plan) : plan_(std::move(plan)), done_after_(last_uses(plan_)) {}

std::vector<StepInfo> SplitModel::steps() const {
    std::vector<StepInfo> all;
    for (std::size_t i = 0; i < plan_.parts.size(); ++i) {
        const SplitPart& part = plan_.parts[i];
        std::vector<StepInfo> own = part.model->steps();
        if (own.empty()) {
            own.push_back(
                {fmt::format("part {} of {}, {} nodes", i + 1, plan_.parts.size(), part.nodes),
                 std::string(part.model->device()), ""});
        }
        std::move(own.begin(), own.end(), std::back_inserter(all));
    }
    return all;
}

Result<std::unique_ptr<Session>> SplitModel::new_session() const {
    std::vector<SplitSession::Running> parts;
    std::size_t first_step = 0;
    for (const SplitPart& part : plan_.parts) {
        const std::size_t steps = part.model->steps().size();
        parts.push_back({HF_TRY(part.model->new_session()), Shifted(first_step), steps > 0});
        first_step += std::max<std::size_t>(steps, 1);
    }
    return std::make_unique<SplitSession>(shared_from_this(), std::move(parts));
}

}  // namespace hf::runtime
