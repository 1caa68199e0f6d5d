#include "runtime/optimize.h"

#include "graph/infer.h"
#include "passes/pipeline.h"
#include "runtime/ref/interpreter.h"

namespace hf::runtime {

Status optimize(graph::Graph& graph, const CompileOptions& options, CompileReport& report) {
    HF_TRY(graph::infer_shapes(graph, {options.input_shapes}));
    passes::PipelineOptions pipeline;
    pipeline.disabled = options.disabled_passes;
    if (options.clock) pipeline.now = [&] { return options.clock->monotonic(); };
    const std::vector<passes::PassRow> rows =
        HF_TRY(passes::run_passes(graph, {ref::evaluate_node}, pipeline));
    for (const passes::PassRow& row : rows) {
        const double milliseconds = std::chrono::duration<double, std::milli>(row.time).count();
        report.passes.push_back(
            {row.name, milliseconds, row.changed, row.disabled, row.nodes_before, row.nodes_after});
    }
    return {};
}

}  // namespace hf::runtime
