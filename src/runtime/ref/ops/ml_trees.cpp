// TreeEnsembleClassifier and TreeEnsembleRegressor of ai.onnx.ml (versions 1 and 3).

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "runtime/ref/ops/ml.h"

namespace hf::runtime::ref {
namespace {

enum class Mode : unsigned char { kLeaf, kLess, kLessEqual, kGreater, kGreaterEqual, kEqual, kNot };

struct Vote {
    std::size_t target = 0;
    double weight = 0;
};

struct TreeNode {
    Mode mode = Mode::kLeaf;
    std::size_t feature = 0;
    double value = 0;
    bool missing_is_true = false;
    std::size_t when_true = 0, when_false = 0;  // indices of nodes
    std::vector<Vote> votes;
};

struct Ensemble {
    std::vector<TreeNode> nodes;
    std::vector<std::size_t> roots;
};

Result<Mode> parse_mode(const std::string& name) {
    constexpr std::pair<std::string_view, Mode> kModes[] = {
        {"LEAF", Mode::kLeaf},         {"BRANCH_LEQ", Mode::kLessEqual},
        {"BRANCH_LT", Mode::kLess},    {"BRANCH_GTE", Mode::kGreaterEqual},
        {"BRANCH_GT", Mode::kGreater}, {"BRANCH_EQ", Mode::kEqual},
        {"BRANCH_NEQ", Mode::kNot}};
    for (const auto& [known, mode] : kModes) {
        if (name == known) return mode;
    }
    return invalid_argument("node mode '{}' is not in the standard", name);
}

bool goes_true(const TreeNode& node, double x) {
    if (std::isnan(x)) return node.missing_is_true;
    switch (node.mode) {
        case Mode::kLess: return x < node.value;
        case Mode::kLessEqual: return x <= node.value;
        case Mode::kGreater: return x > node.value;
        case Mode::kGreaterEqual: return x >= node.value;
        case Mode::kEqual: return x == node.value;
        case Mode::kNot: return x != node.value;
        case Mode::kLeaf: break;
    }
    return false;
}

using NodeKey = std::pair<std::int64_t, std::int64_t>;  // tree, node
using NodeIndex = std::map<NodeKey, std::size_t>;

// Resolves the children of every branch, and finds each tree's root: the node with no parent.
Status connect(const graph::Node& node, const NodeIndex& index, Ensemble& ensemble) {
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
        if (branch.mode == Mode::kLeaf) continue;
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
                 Ensemble& ensemble) {
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

Result<Ensemble> make_ensemble(const graph::Node& node, std::string_view prefix,
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
    Ensemble ensemble;
    NodeIndex index;
    for (std::size_t i = 0; i < trees.size(); ++i) {
        TreeNode made;
        made.mode = HF_TRY(parse_mode(modes[i]));
        if (made.mode != Mode::kLeaf &&
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

// The leaf that a sample reaches. Every node has one parent at most, so that a walk from a root
// never comes back.
const TreeNode& descend(const Ensemble& ensemble, std::size_t root, std::span<const double> row) {
    std::size_t at = root;
    while (ensemble.nodes[at].mode != Mode::kLeaf) {
        const TreeNode& node = ensemble.nodes[at];
        at = goes_true(node, row[node.feature]) ? node.when_true : node.when_false;
    }
    return ensemble.nodes[at];
}

Status check_targets(const Ensemble& ensemble, std::size_t targets) {
    for (const TreeNode& node : ensemble.nodes) {
        for (const Vote& vote : node.votes) {
            if (vote.target >= targets) {
                return invalid_argument("target {} of {}", vote.target, targets);
            }
        }
    }
    return {};
}

Outputs classifier(const OpContext& context) {
    const FeatureRows rows = HF_TRY(feature_rows(context));
    const graph::Node& node = context.node;
    const Ensemble ensemble = HF_TRY(make_ensemble(node, "class", rows.features));
    const ClassLabels labels = class_labels(node);
    HF_TRY(check_targets(ensemble, labels.count()));
    const std::vector<double> base = HF_TRY(reals(node, "base_values"));
    const std::string transform = node.string_or("post_transform", "NONE");
    // Two classes of which the leaves weigh only one: that one is the second, and all of its
    // weights positive means that they are probabilities.
    bool one_class = labels.count() == 2, positive = true;
    std::optional<std::size_t> only;
    for (const TreeNode& leaf : ensemble.nodes) {
        for (const Vote& vote : leaf.votes) {
            one_class = one_class && vote.target == only.value_or(vote.target);
            only = vote.target;
            positive = positive && vote.weight >= 0;
        }
    }
    std::vector<std::vector<double>> scores;
    std::vector<std::size_t> classes;
    for (std::size_t sample = 0; sample < rows.samples; ++sample) {
        std::vector<double> row(labels.count(), 0);
        if (base.size() == row.size()) row = base;
        if (one_class && base.size() == 1) row[only.value_or(0)] = base[0];
        for (std::size_t root : ensemble.roots) {
            for (const Vote& vote : descend(ensemble, root, rows.row(sample)).votes) {
                row[vote.target] += vote.weight;
            }
        }
        if (one_class) {
            const double score = row[only.value_or(0)];
            classes.push_back(score > (positive ? 0.5 : 0) ? 1 : 0);
            row = {positive ? 1 - score : -score, score};
            if (!positive) HF_TRY(post_transform(transform, row));
        } else {
            classes.push_back(
                static_cast<std::size_t>(std::max_element(row.begin(), row.end()) - row.begin()));
            HF_TRY(post_transform(transform, row));
        }
        scores.push_back(std::move(row));
    }
    std::vector<Tensor> outputs = one(HF_TRY(labels.pick(classes)));
    outputs.push_back(HF_TRY(score_matrix(scores, labels.count())));
    return outputs;
}

// One target's result from the weights of all trees' leaves.
double aggregate(const std::string& how, const std::vector<double>& weights, std::size_t trees) {
    if (weights.empty()) return 0;
    if (how == "MIN") return *std::min_element(weights.begin(), weights.end());
    if (how == "MAX") return *std::max_element(weights.begin(), weights.end());
    double sum = 0;
    for (double weight : weights) sum += weight;
    return how == "AVERAGE" ? sum / static_cast<double>(trees) : sum;
}

Outputs regressor(const OpContext& context) {
    const FeatureRows rows = HF_TRY(feature_rows(context));
    const graph::Node& node = context.node;
    const Ensemble ensemble = HF_TRY(make_ensemble(node, "target", rows.features));
    constexpr std::int64_t kMaxTargets = 1 << 20;
    const std::int64_t wanted = node.int_or("n_targets", 1);
    if (wanted < 1 || wanted > kMaxTargets) return invalid_argument("n_targets is {}", wanted);
    const auto targets = static_cast<std::size_t>(wanted);
    HF_TRY(check_targets(ensemble, targets));
    const std::vector<double> base = HF_TRY(reals(node, "base_values"));
    const std::string how = node.string_or("aggregate_function", "SUM");
    std::vector<std::vector<double>> scores;
    for (std::size_t sample = 0; sample < rows.samples; ++sample) {
        std::vector<std::vector<double>> weights(targets);
        for (std::size_t root : ensemble.roots) {
            for (const Vote& vote : descend(ensemble, root, rows.row(sample)).votes) {
                weights[vote.target].push_back(vote.weight);
            }
        }
        std::vector<double> row;
        for (std::size_t t = 0; t < targets; ++t) {
            row.push_back(aggregate(how, weights[t], ensemble.roots.size()));
            if (base.size() == targets) row.back() += base[t];
        }
        HF_TRY(post_transform(node.string_or("post_transform", "NONE"), row));
        scores.push_back(std::move(row));
    }
    return one(HF_TRY(score_matrix(scores, targets)));
}

}  // namespace

std::vector<OpRow> ml_tree_rows() {
    return {{"ai.onnx.ml", "TreeEnsembleClassifier", classifier},
            {"ai.onnx.ml", "TreeEnsembleRegressor", regressor}};
}

}  // namespace hf::runtime::ref
