#include "runtime/ref/ops/tree_ensemble.h"

#include <map>

#include "runtime/ref/ops/ml.h"

namespace hf::runtime::ref {
namespace {

Result<TreeMode> parse_mode(const std::string& name) {
    constexpr std::pair<std::string_view, TreeMode> kModes[] = {
        {"LEAF", TreeMode::kLeaf},         {"BRANCH_LEQ", TreeMode::kLessEqual},
        {"BRANCH_LT", TreeMode::kLess},    {"BRANCH_GTE", TreeMode::kGreaterEqual},
        {"BRANCH_GT", TreeMode::kGreater}, {"BRANCH_EQ", TreeMode::kEqual},
        {"BRANCH_NEQ", TreeMode::kNot}};
    for (const auto& [known, mode] : kModes) {
        if (name == known) return mode;
    }
    return invalid_argument("node mode '{}' is not in the standard", name);
}

using NodeKey = std::pair<std::int64_t, std::int64_t>;  // tree, node
using NodeIndex = std::map<NodeKey, std::size_t>;

// Resolves the children of every branch, and finds each tree's root: the node with no parent.
Status connect(const graph::Node& node, const NodeIndex& index, TreeEnsemble& ensemble) {
    const std::vector<std::int64_t> trees = node.ints_or("nodes_treeids", {});
    const std::vector<std::int64_t> yes = node.ints_or("nodes_truenodeids", {});
    const std::vector<std::int64_t> no = node.ints_or("nodes_falsenodeids", {});
    const std::size_t count = ensemble.nodes.size();
    if (yes.size() != count || no.size() != count) {
        return invalid_argument("{} and {} children for {} nodes", yes.size(), no.size(), count);
    }
    std::vector<bool> has_parent(count, false);
    for (std::size_t i = 0; i < count; ++i) {
        TreeNode& branch = ensemble.nodes[i];
        if (branch.mode == TreeMode::kLeaf) continue;
        const auto child = [&](std::int64_t id) -> Result<std::size_t> {
            const auto found = index.find({trees[i], id});
            if (found == index.end() || has_parent[found->second]) {
                return invalid_argument("node {} of tree {} is missing or has two parents", id,
                                        trees[i]);
            }
            has_parent[found->second] = true;
            return found->second;
        };
        branch.when_true = HF_TRY(child(yes[i]));
        branch.when_false = yes[i] == no[i] ? branch.when_true : HF_TRY(child(no[i]));
    }
    std::map<std::int64_t, std::size_t> roots;
    for (std::size_t i = 0; i < count; ++i) {
        if (has_parent[i]) continue;
        if (!roots.emplace(trees[i], i).second) {
            return invalid_argument("tree {} has more than one root", trees[i]);
        }
        ensemble.roots.push_back(i);
    }
    return {};
}

// `prefix` is "class" or "target": which weights the leaves carry.
Status add_votes(const graph::Node& node, std::string_view prefix, const NodeIndex& index,
                 TreeEnsemble& ensemble) {
    const auto ints = [&](std::string_view name) {
        return node.ints_or(fmt::format("{}_{}", prefix, name), {});
    };
    const std::vector<std::int64_t> trees = ints("treeids"), nodes = ints("nodeids");
    const std::vector<std::int64_t> targets = ints("ids");
    const std::vector<double> weights = HF_TRY(reals(node, fmt::format("{}_weights", prefix)));
    if (nodes.size() != trees.size() || targets.size() != trees.size() ||
        weights.size() != trees.size()) {
        return invalid_argument("the {}_ lists differ in length", prefix);
    }
    for (std::size_t i = 0; i < trees.size(); ++i) {
        const auto found = index.find({trees[i], nodes[i]});
        if (found == index.end() || targets[i] < 0) {
            return invalid_argument("{}_ids names node {} of tree {} and target {}", prefix,
                                    nodes[i], trees[i], targets[i]);
        }
        ensemble.nodes[found->second].votes.push_back(
            {static_cast<std::size_t>(targets[i]), weights[i]});
    }
    return {};
}

}  // namespace

Result<TreeEnsemble> parse_ensemble(const graph::Node& node, std::string_view prefix,
                                    std::size_t features) {
    const std::vector<std::int64_t> trees = node.ints_or("nodes_treeids", {});
    const std::vector<std::int64_t> ids = node.ints_or("nodes_nodeids", {});
    const std::vector<std::int64_t> used = node.ints_or("nodes_featureids", {});
    const std::vector<std::string> modes = node.strings_or("nodes_modes", {});
    const std::vector<double> values = HF_TRY(reals(node, "nodes_values"));
    std::vector<std::int64_t> missing = node.ints_or("nodes_missing_value_tracks_true", {});
    if (missing.empty()) missing.assign(trees.size(), 0);
    for (std::size_t size :
         {ids.size(), used.size(), modes.size(), values.size(), missing.size()}) {
        if (size != trees.size()) return invalid_argument("the nodes_ lists differ in length");
    }
    TreeEnsemble ensemble;
    NodeIndex index;
    for (std::size_t i = 0; i < trees.size(); ++i) {
        TreeNode made;
        made.mode = HF_TRY(parse_mode(modes[i]));
        if (made.mode != TreeMode::kLeaf &&
            (used[i] < 0 || static_cast<std::size_t>(used[i]) >= features)) {
            return invalid_argument("node {} of tree {} asks for feature {} of {}", ids[i],
                                    trees[i], used[i], features);
        }
        made.feature = static_cast<std::size_t>(used[i]);
        made.value = values[i];
        made.missing_is_true = missing[i] != 0;
        ensemble.nodes.push_back(std::move(made));
        if (!index.emplace(NodeKey(trees[i], ids[i]), i).second) {
            return invalid_argument("node {} of tree {} occurs twice", ids[i], trees[i]);
        }
    }
    HF_TRY(connect(node, index, ensemble));
    HF_TRY(add_votes(node, prefix, index, ensemble));
    return ensemble;
}

}  // namespace hf::runtime::ref
