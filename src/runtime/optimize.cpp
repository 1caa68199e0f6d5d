#include "runtime/optimize.h"

#include "graph/infer.h"
#include "passes/pipeline.h"
#include "runtime/ref/interpreter.h"

namespace hf::runtime {

namespace {

// Extents of inputs that are still open become 1.
void close_inputs(graph::Graph& graph) {
    for (graph::ValueId id : graph.inputs) {
        std::optional<Shape>& shape = graph.value(id).shape;
        for (std::size_t i = 0; shape && i < shape->rank(); ++i) {
            if ((*shape)[i] == Shape::kUnknown) (*shape)[i] = 1;
        }
    }
}

}  // namespace

Status optimize(graph::Graph& graph, const CompileOptions& options, CompileReport& report) {
    HF_TRY(graph::infer_shapes(graph, {options.input_shapes}));
    // The cpu device plans memory for one size; "auto" does not ask for one unless the caller does.
    const bool fixed =
        options.device == "cpu" || (options.device == "auto" && !options.input_shapes.empty());
    if (fixed) close_inputs(graph);
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
