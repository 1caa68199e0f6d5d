// A pass: a function from a graph to a better graph that computes the same. One a file; the table
// of all is pipeline.cpp.
//
// A pass may change anything inside, but keeps the graph's inputs and outputs: their order, names
// and types. It leaves a graph that verify() accepts, and answers whether it changed something. It
// works on the outermost graph; bodies of If and Loop stay as they are, and so does every value
// that a body captures.
//
// Thread-safety: functions without state. Errors: only what makes compiling impossible; a rewrite
// that cannot be made is left out.

#pragma once

#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "graph/graph.h"

namespace hf::passes {

// No folded tensor is larger, and all that one run of the pipeline folds.
inline constexpr std::uint64_t kMaxFoldedBytes = std::uint64_t{512} << 20;
inline constexpr std::uint64_t kMaxFoldedBytesInAll = std::uint64_t{1} << 30;

// Computes one node from its inputs; null tensors where they are omitted.
using Evaluate = std::function<Result<std::vector<Tensor>>(
    const graph::Graph& graph, const graph::Node& node, std::span<const Tensor> inputs)>;

struct PassContext {
    Evaluate evaluate;  // empty: nothing is folded by computing
};

struct Pass {
    std::string_view name;  // "fold-constants"
    std::string_view summary;
    Result<bool> (*run)(graph::Graph& graph, const PassContext& context);
};

// Each in its own file, <name with underscores>.cpp.
Pass fold_shapes_pass();
Pass fold_constants_pass();
Pass remove_identities_pass();
Pass align_broadcasts_pass();
Pass split_sums_pass();
Pass merge_duplicates_pass();
Pass fold_batch_norm_pass();
Pass fuse_attention_pass();
Pass fuse_gelu_pass();
Pass fuse_gemm_pass();
Pass lower_gemm_pass();
Pass lower_images_pass();
Pass lower_quantized_pass();
Pass move_transposes_pass();
Pass fuse_layers_pass();
Pass remove_dead_pass();

}  // namespace hf::passes
