// TreeEnsembleClassifier and TreeEnsembleRegressor of ai.onnx.ml (versions 1 and 3).

#include <algorithm>
#include <cmath>

#include "runtime/ref/ops/ml.h"
#include "runtime/ref/ops/tree_ensemble.h"

namespace hf::runtime::ref {
namespace {

bool goes_true(const TreeNode& node, double x) {
    if (std::isnan(x)) return node.missing_is_true;
    switch (node.mode) {
        case TreeMode::kLess: return x < node.value;
        case TreeMode::kLessEqual: return x <= node.value;
        case TreeMode::kGreater: return x > node.value;
        case TreeMode::kGreaterEqual: return x >= node.value;
        case TreeMode::kEqual: return x == node.value;
        case TreeMode::kNot: return x != node.value;
        case TreeMode::kLeaf: break;
    }
    return false;
}

// The leaf that a sample reaches. Every node has one parent at most, so that a walk from a root
// never comes back.
const TreeNode& descend(const TreeEnsemble& ensemble, std::size_t root,
                        std::span<const double> row) {
    std::size_t at = root;
    while (ensemble.nodes[at].mode != TreeMode::kLeaf) {
        const TreeNode& node = ensemble.nodes[at];
        at = goes_true(node, row[node.feature]) ? node.when_true : node.when_false;
    }
    return ensemble.nodes[at];
}

Status check_targets(const TreeEnsemble& ensemble, std::size_t targets) {
    for (const TreeNode& node : ensemble.nodes) {
        for (const TreeVote& vote : node.votes) {
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
    const TreeEnsemble ensemble = HF_TRY(parse_ensemble(node, "class", rows.features));
    const ClassLabels labels = class_labels(node);
    HF_TRY(check_targets(ensemble, labels.count()));
    const std::vector<double> base = HF_TRY(reals(node, "base_values"));
    const std::string transform = node.string_or("post_transform", "NONE");
    // Two classes of which the leaves weigh only one: that one is the second, and all of its
    // weights positive means that they are probabilities.
    bool one_class = labels.count() == 2, positive = true;
    std::optional<std::size_t> only;
    for (const TreeNode& leaf : ensemble.nodes) {
        for (const TreeVote& vote : leaf.votes) {
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
            for (const TreeVote& vote : descend(ensemble, root, rows.row(sample)).votes) {
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
    const TreeEnsemble ensemble = HF_TRY(parse_ensemble(node, "target", rows.features));
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
            for (const TreeVote& vote : descend(ensemble, root, rows.row(sample)).votes) {
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
