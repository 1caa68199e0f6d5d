#include "runtime/cpu/build.h"
#include "runtime/cpu/model.h"

namespace hf::runtime::cpu {

Result<std::shared_ptr<const CompiledModel>> CpuDevice::compile(const graph::Graph& graph,
                                                                const CompileOptions& options,
                                                                CompileReport& report) const {
    Plan plan = HF_TRY(build_plan(graph, options, report));
    std::shared_ptr<const CpuModel> model = HF_TRY(CpuModel::create(std::move(plan)));
    model->report_fallbacks(report);
    return model;
}

}  // namespace hf::runtime::cpu
