// The tree ensembles of ai.onnx.ml as their attributes give them, checked and connected. Read by
// the reference operators, and by the cpu device, which packs them. Internal to runtime.

#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "graph/graph.h"

namespace hf::runtime::ref {

enum class TreeMode : unsigned char {
    kLeaf,
    kLess,
    kLessEqual,
    kGreater,
    kGreaterEqual,
    kEqual,
    kNot
};

struct TreeVote {
    std::size_t target = 0;
    double weight = 0;
};

struct TreeNode {
    TreeMode mode = TreeMode::kLeaf;
    std::size_t feature = 0;
    double value = 0;
    bool missing_is_true = false;
    std::size_t when_true = 0, when_false = 0;  // indices of nodes
    std::vector<TreeVote> votes;
};

struct TreeEnsemble {
    std::vector<TreeNode> nodes;
    std::vector<std::size_t> roots;
};

// `prefix` is "class" or "target": which weights the leaves carry. Every node has one parent at
// most, so that a walk from a root never comes back. INVALID_ARGUMENT names the node that does not
// fit.
Result<TreeEnsemble> parse_ensemble(const graph::Node& node, std::string_view prefix,
                                    std::size_t features);

}  // namespace hf::runtime::ref
