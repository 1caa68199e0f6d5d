#include "passes/pipeline.h"

#include <algorithm>

#include "base/text.h"
#include "graph/infer.h"
#include "graph/verify.h"

namespace hf::passes {
namespace {

Status check_names(const std::vector<std::string>& disabled) {
    std::vector<std::string> names{std::string(kAllPasses)};
    for (const Pass& pass : all_passes()) names.emplace_back(pass.name);
    for (const std::string& name : disabled) {
        if (std::find(names.begin(), names.end(), name) != names.end()) continue;
        return invalid_argument("there is no pass '{}'{}", name, suggestion(name, names, "passes"));
    }
    return {};
}

// A graph that was sound before a pass and is not after it is a fault of the pass.
Status check_after(graph::Graph& graph, std::string_view name) {
    Status status = graph::verify(graph);
    if (status.ok()) status = graph::infer_shapes(graph);
    return status.ok() ? status : HF_BUG("pass '{}' broke the graph: {}", name, status.message());
}

struct Runner {
    graph::Graph& graph;
    const PassContext& context;
    const PipelineOptions& options;
    std::vector<PassRow> rows;

    Duration now() const { return options.now ? options.now() : Duration{}; }

    Result<bool> run(const Pass& pass, PassRow& row, int round) {
        if (round == 0) row.nodes_before = graph.nodes.size();
        bool changed = false;
        if (!row.disabled) {
            const Duration start = now();
            changed = HF_TRY(pass.run(graph, context).context("pass '{}'", pass.name));
            row.time += now() - start;
            if (changed) HF_TRY(check_after(graph, pass.name));
        }
        row.changed |= changed;
        row.nodes_after = graph.nodes.size();
        return changed;
    }
};

}  // namespace

const std::vector<Pass>& all_passes() {
    // Folding first, so that the others see plain constants; images change their layout when batch
    // norms are gone; activations are fused when nothing lies between.
    static const std::vector<Pass> passes{
        fold_shapes_pass(),       lower_quantized_pass(),  fold_constants_pass(),
        remove_identities_pass(), align_broadcasts_pass(), split_sums_pass(),
        merge_duplicates_pass(),  fold_batch_norm_pass(),  fuse_attention_pass(),
        fuse_gelu_pass(),         fuse_gemm_pass(),        lower_gemm_pass(),
        lower_images_pass(),      move_transposes_pass(),  fuse_layers_pass(),
        remove_dead_pass()};
    return passes;
}

Result<std::vector<PassRow>> run_passes(graph::Graph& graph, const PassContext& context,
                                        const PipelineOptions& options) {
    HF_TRY(check_names(options.disabled));
    HF_TRY(graph::infer_shapes(graph));
    const auto is_disabled = [&](std::string_view name) {
        return std::any_of(options.disabled.begin(), options.disabled.end(),
                           [&](const auto& one) { return one == name || one == kAllPasses; });
    };
    Runner runner{graph, context, options, {}};
    for (const Pass& pass : all_passes()) {
        PassRow row;
        row.name = pass.name;
        row.disabled = is_disabled(pass.name);
        runner.rows.push_back(std::move(row));
    }
    bool changed = true;
    for (int round = 0; changed && round < kMaxRounds; ++round) {
        changed = false;
        for (std::size_t i = 0; i < runner.rows.size(); ++i) {
            changed |= HF_TRY(runner.run(all_passes()[i], runner.rows[i], round));
        }
    }
    return std::move(runner.rows);
}

}  // namespace hf::passes
