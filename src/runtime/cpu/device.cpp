#include "runtime/cpu/build.h"
#include "runtime/cpu/model.h"

namespace hf::runtime::cpu {

Result<std::shared_ptr<const CompiledModel>> CpuDevice::compile(const graph::Graph& graph,
                                                                const CompileOptions& options,
                                                                CompileReport& report) const {
    return compile_into(nullptr, graph, options, report);
}

Result<std::shared_ptr<const CompiledModel>> CpuDevice::compile_into(
    std::shared_ptr<WeightPool> pool, const graph::Graph& graph, const CompileOptions& options,
    CompileReport& report) {
    Plan plan = HF_TRY(build_plan(graph, options, report, std::move(pool)));
    std::shared_ptr<const CpuModel> model = HF_TRY(CpuModel::create(std::move(plan)));
    model->report_fallbacks(report);
    return model;
}

}  // namespace hf::runtime::cpu
