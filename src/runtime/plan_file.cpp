#include "runtime/plan_file.h"

#include "base/checksum.h"
#include "runtime/cpu/model.h"
#include "runtime/cpu/plan_codec.h"
#include "runtime/plan_header.h"

namespace hf::runtime {
namespace {

// Kernels read weights at their own alignment: a buffer that is no mapping may need a copy.
void place_weights(ByteView weights, std::shared_ptr<const void> owner, cpu::Plan& plan) {
    plan.weights = weights;
    plan.weights_owner = std::move(owner);
    if (reinterpret_cast<std::uintptr_t>(weights.data()) % Tensor::kAlignment == 0) return;
    const auto copy = std::make_shared<const Tensor>(Tensor::of<std::uint8_t>(
        DType::kU8, Shape{static_cast<std::int64_t>(weights.size())}, weights));
    plan.weights = copy->bytes();
    plan.weights_owner = copy;
}

void fill_report(const cpu::CpuModel& model, CompileReport& report) {
    const cpu::Plan& plan = model.plan();
    report.device = "cpu";
    report.arena_bytes = plan.arena_bytes;
    report.weight_bytes = plan.weights.size();
    report.macs = plan.macs;
    for (const StepInfo& step : model.steps()) {
        report.nodes.push_back({step.node, step.kernel, ""});
    }
    model.report_fallbacks(report);
}

}  // namespace

bool is_plan(ByteView bytes) {
    return as_text(bytes).starts_with(kPlanMagic);
}

Result<std::shared_ptr<const CompiledModel>> open_plan(ByteView bytes,
                                                       std::shared_ptr<const void> owner,
                                                       CompileReport* report, PlanKernels kernels) {
    const PlanHeader header = HF_TRY(decode_plan_header(bytes));
    const ByteView list = header.list(bytes);
    if (crc32c(list) != header.list_checksum) {
        return data_loss(
            "the list of operations of the plan file changed since it was written; compile the "
            "model again");
    }
    cpu::Plan plan;
    plan.arena_bytes = header.arena_bytes;
    plan.macs = header.macs;
    plan.own_kernels_only = kernels == PlanKernels::kOwn;
    HF_TRY(cpu::decode_list(list, plan));
    place_weights(header.weights(bytes), std::move(owner), plan);
    std::shared_ptr<const cpu::CpuModel> model = HF_TRY(cpu::CpuModel::create(std::move(plan)));
    if (report) fill_report(*model, *report);
    return model;
}

}  // namespace hf::runtime
