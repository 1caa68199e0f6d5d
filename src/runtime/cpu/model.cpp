#include "runtime/cpu/model.h"

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
      arena_data_(arena_.mutable_bytes().data()) {}

Status CpuSession::run_into(std::span<const Tensor> inputs,
                            std::span<std::uint8_t* const> outputs) {
    HF_TRY(check_inputs(model_->signature(), inputs));
    const Memory memory{arena_data_, model_->plan().weights.data(), inputs, outputs};
    const std::vector<MadeStep>& steps = model_->made_steps();
    for (std::size_t i = 0; i < steps.size(); ++i) {
        if (observer_) observer_->begin(i);
        Status status = steps[i].step->run(memory);
        if (!status.ok()) return status;
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
