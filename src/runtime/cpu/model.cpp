#include "runtime/cpu/model.h"

#include <algorithm>
#include <atomic>

namespace hf::runtime::cpu {
namespace {

// Of what really runs.
std::string kernel_name(const Operation& operation, const MadeStep& made) {
    if (operation.reference) return "ref." + operation.reference->nodes[0].op;
    const bool own = !made.library_refused.empty();
    return std::string(own ? own_kernel(*operation.kernel).name : operation.kernel->name);
}

}  // namespace

Result<std::shared_ptr<const CpuModel>> CpuModel::create(Plan plan) {
    std::vector<MadeStep> steps = HF_TRY(make_steps(plan));
    return std::make_shared<const CpuModel>(Key(), std::move(plan), std::move(steps));
}

std::vector<StepInfo> CpuModel::steps() const {
    std::vector<StepInfo> infos;
    for (std::size_t i = 0; i < steps_.size(); ++i) {
        const Operation& operation = plan_.operations[i];
        infos.push_back({operation.name, kernel_name(operation, steps_[i]), ""});
        if (operation.outputs.empty() || operation.outputs[0].place == Place::kNone) continue;
        const Operand& output = operation.outputs[0];
        infos.back().output =
            fmt::format("{}[{}]", dtype_name(output.dtype), output.shape.to_string());
    }
    return infos;
}

void CpuModel::report_fallbacks(CompileReport& report) const {
    for (std::size_t i = 0; i < steps_.size(); ++i) {
        if (steps_[i].library_refused.empty()) continue;
        const Operation& operation = plan_.operations[i];
        for (CompileReport::NodeRow& row : report.nodes) {
            if (row.node != operation.name) continue;
            row.kernel = kernel_name(operation, steps_[i]);
            row.refused = fmt::format("{}: {}", operation.kernel->name, steps_[i].library_refused);
        }
    }
}

Result<std::unique_ptr<Session>> CpuModel::new_session() const {
    return std::make_unique<CpuSession>(shared_from_this());
}

CpuSession::CpuSession(std::shared_ptr<const CpuModel> model)
    : model_(std::move(model)),
      arena_(DType::kU8, Shape{static_cast<std::int64_t>(model_->plan().arena_bytes)}),
      arena_data_(arena_.mutable_bytes().data()),
      memories_(1) {}

std::size_t parts_of(const Cut& cut, std::size_t threads) {
    // Handing a part to another thread takes about a microsecond, in which one thread does this.
    constexpr double kLeastWork = 64 << 10;
    // Some more parts than threads, so that one that is kept waiting does not keep the rest.
    constexpr std::size_t kPartsPerThread = 2;
    const double worth = std::min(cut.work / kLeastWork, static_cast<double>(kMaxParts));
    const std::size_t most = std::min(cut.pieces, threads * kPartsPerThread);
    return std::clamp<std::size_t>(static_cast<std::size_t>(worth), 1,
                                   std::max<std::size_t>(1, most));
}

// One step in parts of about as many pieces each.
class CpuSession::StepJob final : public Crew::Job {
public:
    StepJob(const Step& step, std::size_t parts, std::span<const Memory> memories)
        : step_(step), pieces_(step.cut().pieces), parts_(parts), memories_(memories) {}

    void run_part(std::size_t part, std::size_t thread) const override {
        const std::size_t first = pieces_ * part / parts_;
        const std::size_t end = pieces_ * (part + 1) / parts_;
        if (!step_.run_pieces(memories_[thread], {first, end - first}).ok()) failed_ = true;
    }

    bool failed() const { return failed_; }

private:
    const Step& step_;
    std::size_t pieces_, parts_;
    std::span<const Memory> memories_;
    mutable std::atomic<bool> failed_{false};
};

void CpuSession::use(std::shared_ptr<Crew> crew) {
    crew_ = std::move(crew);
    parts_.clear();
    const std::size_t threads = crew_ ? crew_->threads() : 1;
    memories_.assign(threads, Memory());
    if (threads == 1) return;
    constexpr std::uint64_t kLine = 64;
    std::uint64_t each = 0;
    for (std::size_t i = 0; i < model_->made_steps().size(); ++i) {
        parts_.push_back(parts_of(model_->made_steps()[i].step->cut(), threads));
        const Operand& scratch = model_->plan().operations[i].scratch;
        if (parts_.back() > 1) each = std::max(each, scratch.size_bytes());
    }
    each = (each + kLine - 1) / kLine * kLine;
    scratch_ = Tensor(DType::kU8, Shape{static_cast<std::int64_t>(each * (threads - 1))});
    for (std::size_t i = 1; i < threads; ++i) {
        memories_[i].scratch = scratch_.mutable_bytes().data() + each * (i - 1);
    }
}

Status CpuSession::run_into(std::span<const Tensor> inputs,
                            std::span<std::uint8_t* const> outputs) {
    HF_TRY(check_inputs(model_->signature(), inputs));
    for (Memory& memory : memories_) {
        memory = {arena_data_, model_->plan().weights.data(), inputs, outputs, memory.scratch};
    }
    Crew::Shift shift(parts_.empty() ? nullptr : crew_.get());
    const std::vector<MadeStep>& steps = model_->made_steps();
    for (std::size_t i = 0; i < steps.size(); ++i) {
        if (observer_) observer_->begin(i);
        bool done = false;
        if (shift.taken() && parts_[i] > 1) {
            const StepJob job(*steps[i].step, parts_[i], memories_);
            shift.work(job, parts_[i]);
            done = !job.failed();
        }
        if (!done) HF_TRY(steps[i].step->run(memories_[0]));
        if (observer_) observer_->end(i);
    }
    return {};
}

Result<std::vector<Tensor>> CpuSession::run(std::span<const Tensor> inputs) {
    std::vector<Tensor> outputs;
    std::vector<std::uint8_t*> buffers;
    for (const Port& port : model_->signature().outputs) {
        outputs.emplace_back(port.dtype, port.shape);
        buffers.push_back(outputs.back().mutable_bytes().data());
    }
    HF_TRY(run_into(inputs, buffers));
    return outputs;
}

}  // namespace hf::runtime::cpu
