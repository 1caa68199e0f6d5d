#include "runtime/optimize.h"

#include <algorithm>
#include <array>

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

Status run_passes(graph::Graph& graph, const CompileOptions& options,
                  std::vector<std::string> disabled, CompileReport& report) {
    passes::PipelineOptions pipeline;
    pipeline.disabled = std::move(disabled);
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

// Leave operators that the format of the model defines.
constexpr std::array<std::string_view, 6> kStandardPasses{"fold-shapes",       "fold-constants",
                                                          "remove-identities", "merge-duplicates",
                                                          "fold-batch-norm",   "remove-dead"};

bool is_standard(std::string_view pass) {
    return std::find(kStandardPasses.begin(), kStandardPasses.end(), pass) != kStandardPasses.end();
}

}  // namespace

Status optimize(graph::Graph& graph, const CompileOptions& options, CompileReport& report) {
    HF_TRY(graph::infer_shapes(graph, {options.input_shapes}));
    // The cpu device plans memory for one size; "auto" does not ask for one unless the caller does.
    const bool fixed =
        options.device == "cpu" || (options.device == "auto" && !options.input_shapes.empty());
    if (fixed) close_inputs(graph);
    return run_passes(graph, options, options.disabled_passes, report);
}

Status optimize_standard(graph::Graph& graph, const CompileOptions& options, bool fixed,
                         CompileReport& report) {
    HF_TRY(graph::infer_shapes(graph, {options.input_shapes}));
    if (fixed) close_inputs(graph);
    std::vector<std::string> disabled = options.disabled_passes;
    for (const passes::Pass& pass : passes::all_passes()) {
        if (!is_standard(pass.name)) disabled.emplace_back(pass.name);
    }
    CompileReport all;
    HF_TRY(run_passes(graph, options, std::move(disabled), all));
    for (CompileReport::PassRow& row : all.passes) {
        if (is_standard(row.name)) report.passes.push_back(std::move(row));
    }
    return {};
}

}  // namespace hf::runtime
