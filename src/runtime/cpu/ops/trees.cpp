// Tree ensembles of ai.onnx.ml, packed for kernels/trees.h.

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "runtime/cpu/ops/families.h"
#include "runtime/cpu/steps/trees.h"
#include "runtime/ref/ops/ml.h"
#include "runtime/ref/ops/tree_ensemble.h"

namespace hf::runtime::cpu {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
using kernels::TreeNode;
using ref::TreeEnsemble;
using ref::TreeMode;

// A branch as the kernel takes it: to the first child when low < x <= high, low NaN being no bound.
struct Test {
    float high = kNaN, low = kNaN;
    bool swapped = false;  // the first child is the one for false
};

float before(float value) {
    return std::nextafter(value, -std::numeric_limits<float>::infinity());
}

// Every comparison of the standard with one <= or two. Nothing compares with NaN but "not equal".
Test test_of(TreeMode mode, float value) {
    const bool lowest = value == -std::numeric_limits<float>::infinity();
    if (std::isnan(value)) return {kNaN, kNaN, mode == TreeMode::kNot};
    switch (mode) {
        case TreeMode::kLessEqual: return {value, kNaN, false};
        case TreeMode::kGreater: return {value, kNaN, true};
        case TreeMode::kLess: return {lowest ? kNaN : before(value), kNaN, false};
        case TreeMode::kGreaterEqual: return {lowest ? kNaN : before(value), kNaN, true};
        case TreeMode::kEqual: return {value, lowest ? kNaN : before(value), false};
        case TreeMode::kNot: return {value, lowest ? kNaN : before(value), true};
        case TreeMode::kLeaf: break;
    }
    return {};
}

struct Packed {
    std::vector<TreeNode> nodes;
    std::vector<float> low;
    std::vector<kernels::TreeVote> votes;
    std::vector<std::uint32_t> roots;
    bool missing = false, bounded = false, one_vote = true;
};

// Trees one after the other, each level after level, so that children follow their parents and
// siblings are neighbours.
class Packer final {
public:
    explicit Packer(const TreeEnsemble& ensemble) : ensemble_(ensemble) {}

    Packed pack() {
        for (std::size_t root : ensemble_.roots) {
            packed_.roots.push_back(place(root));
            while (next_ < from_.size()) expand(next_++);
        }
        if (packed_.one_vote) {
            packed_.votes.clear();
        } else {
            std::size_t begin = 0;
            for (TreeNode& node : packed_.nodes) {
                if (node.flags & TreeNode::kBranch) continue;
                node.high = std::bit_cast<float>(static_cast<std::uint32_t>(begin));
                begin += node.flags / TreeNode::kOneVote;
            }
        }
        return std::move(packed_);
    }

private:
    // A branch whose children are the same node is that node.
    std::uint32_t place(std::size_t index) {
        const auto* node = &ensemble_.nodes[index];
        while (node->mode != TreeMode::kLeaf && node->when_true == node->when_false) {
            node = &ensemble_.nodes[node->when_true];
        }
        from_.push_back(node);
        packed_.nodes.emplace_back();
        packed_.low.push_back(kNaN);
        return static_cast<std::uint32_t>(from_.size() - 1);
    }

    void expand(std::size_t at) {
        const ref::TreeNode& from = *from_[at];
        if (from.mode == TreeMode::kLeaf) return expand_leaf(at);
        const Test test = test_of(from.mode, static_cast<float>(from.value));
        const std::uint32_t first = place(test.swapped ? from.when_false : from.when_true);
        place(test.swapped ? from.when_true : from.when_false);
        const bool missing_first = from.missing_is_true != test.swapped;
        TreeNode& node = packed_.nodes[at];
        node.high = test.high;
        node.feature = static_cast<std::uint32_t>(from.feature);
        node.first = first;
        node.flags = TreeNode::kBranch | (missing_first ? TreeNode::kMissingFirst : 0u);
        packed_.low[at] = test.low;
        packed_.bounded = packed_.bounded || !std::isnan(test.low);
        packed_.missing = packed_.missing || missing_first;
    }

    void expand_leaf(std::size_t at) {
        const ref::TreeNode& from = *from_[at];
        TreeNode& node = packed_.nodes[at];
        node.first = static_cast<std::uint32_t>(at);
        node.flags = static_cast<std::uint32_t>(from.votes.size()) * TreeNode::kOneVote;
        for (const ref::TreeVote& vote : from.votes) {
            packed_.votes.push_back(
                {static_cast<std::uint32_t>(vote.target), static_cast<float>(vote.weight)});
        }
        packed_.one_vote = packed_.one_vote && from.votes.size() == 1 && from.votes[0].target == 0;
        if (from.votes.size() == 1) node.high = static_cast<float>(from.votes[0].weight);
    }

    const TreeEnsemble& ensemble_;
    Packed packed_;
    std::vector<const ref::TreeNode*> from_;  // of each packed node
    std::size_t next_ = 0;
};

bool is_float(double value) {
    return std::isnan(value) || static_cast<double>(static_cast<float>(value)) == value;
}

Status check_ensemble(const TreeEnsemble& ensemble, std::size_t targets) {
    constexpr std::size_t kMaxNodes = std::size_t{1} << 28;
    std::size_t votes = 0;
    if (ensemble.roots.empty()) return unimplemented("there are no trees");
    for (const ref::TreeNode& node : ensemble.nodes) {
        if (!is_float(node.value)) return unimplemented("a threshold is no fp32 number");
        votes += node.votes.size();
        for (const ref::TreeVote& vote : node.votes) {
            if (!is_float(vote.weight)) return unimplemented("a weight is no fp32 number");
            if (vote.target >= targets) {
                return invalid_argument("target {} of {}", vote.target, targets);
            }
        }
    }
    if (ensemble.nodes.size() > kMaxNodes || votes > kMaxNodes) {
        return unimplemented("{} nodes, {} votes", ensemble.nodes.size(), votes);
    }
    return {};
}

template <typename T>
DraftInput table(DType dtype, const std::vector<T>& values) {
    Tensor tensor(dtype,
                  Shape{static_cast<std::int64_t>(values.size() * sizeof(T) / dtype_size(dtype))});
    if (!values.empty()) {
        std::memcpy(tensor.mutable_bytes().data(), values.data(), values.size() * sizeof(T));
    }
    return DraftInput::of(std::move(tensor));
}

// What the two operators differ in.
struct Ending {
    TreeFinish finish = TreeFinish::kSum;
    std::size_t targets = 1, only = 0;
    std::vector<double> base;          // empty: none
    std::vector<std::int64_t> labels;  // of a classifier
};

struct Rows {
    std::size_t samples = 1, features = 0;
};
Result<Rows> rows_of(const NodeView& view) {
    HF_TRY(need_dtype(view, 0, DType::kF32));
    const Shape& shape = view.shape(0);
    Rows rows;
    if (shape.rank() >= 2) rows.samples = static_cast<std::size_t>(shape[0]);
    if (shape.elements() == 0) return unimplemented("there are no samples");
    rows.features = static_cast<std::size_t>(shape.elements()) / rows.samples;
    return rows;
}

Drafts draft_trees(const NodeView& view, const TreeEnsemble& ensemble, Ending ending) {
    const Rows rows = HF_TRY(rows_of(view));
    HF_TRY(check_ensemble(ensemble, ending.targets));
    const std::string name = view.node.string_or("post_transform", "NONE");
    const auto transform = kernels::score_transform_of(name);
    if (!transform) return invalid_argument("post_transform '{}' is not in the standard", name);
    const Packed packed = Packer(ensemble).pack();
    // Scores begin at the base in a classifier; elsewhere it is added, and -0 changes nothing.
    const bool classifies = ending.finish >= TreeFinish::kClasses;
    if (ending.base.empty()) ending.base.assign(ending.targets, classifies ? 0.0 : -0.0);
    Draft draft;
    draft.kernel = "scalar.trees_f32";
    draft.inputs = {view.operand(0), table(DType::kI32, packed.nodes)};
    draft.inputs.push_back(packed.bounded ? table(DType::kF32, packed.low) : DraftInput::omitted());
    draft.inputs.push_back(packed.one_vote ? DraftInput::omitted()
                                           : table(DType::kI32, packed.votes));
    draft.inputs.push_back(table(DType::kI32, packed.roots));
    draft.inputs.push_back(table(DType::kF64, ending.base));
    draft.inputs.push_back(classifies ? table(DType::kI64, ending.labels) : DraftInput::omitted());
    const auto& outputs = view.node.outputs;
    const graph::ValueId scores = outputs.size() > 1 ? outputs[1] : graph::kNoValue;
    draft.outputs = {outputs[0], scores};
    if (!classifies) draft.outputs = {graph::kNoValue, outputs[0]};
    for (const std::size_t number :
         {rows.samples, rows.features, packed.roots.size(), ending.targets,
          static_cast<std::size_t>(ending.finish), static_cast<std::size_t>(*transform),
          ending.only, static_cast<std::size_t>(packed.missing)}) {
        draft.ints.push_back(static_cast<std::int64_t>(number));
    }
    draft.scratch_bytes = tree_scratch_bytes(rows.samples, ending.targets);
    return alone(std::move(draft));
}

Drafts draft_regressor(const NodeView& view) {
    const Rows rows = HF_TRY(rows_of(view));
    const TreeEnsemble ensemble = HF_TRY(ref::parse_ensemble(view.node, "target", rows.features));
    const std::string how = view.node.string_or("aggregate_function", "SUM");
    Ending ending;
    if (how == "AVERAGE") ending.finish = TreeFinish::kAverage;
    if (how == "MIN") ending.finish = TreeFinish::kSmallest;
    if (how == "MAX") ending.finish = TreeFinish::kLargest;
    const std::int64_t targets = view.node.int_or("n_targets", 1);
    if (targets < 1) return invalid_argument("n_targets is {}", targets);
    ending.targets = static_cast<std::size_t>(targets);
    ending.base = HF_TRY(ref::reals(view.node, "base_values"));
    if (ending.base.size() != ending.targets) ending.base.clear();
    return draft_trees(view, ensemble, std::move(ending));
}

// Two classes of which the leaves weigh only one: that one is the second, and all of its weights
// positive means that they are probabilities. With several outputs the first are labels.
Drafts draft_classifier(const NodeView& view) {
    const Rows rows = HF_TRY(rows_of(view));
    const TreeEnsemble ensemble = HF_TRY(ref::parse_ensemble(view.node, "class", rows.features));
    const ref::ClassLabels labels = ref::class_labels(view.node);
    if (!labels.words.empty()) return unimplemented("its labels are strings");
    Ending ending;
    ending.labels = labels.numbers;
    ending.targets = labels.count();
    if (ending.targets == 0) return invalid_argument("there are no classes");
    HF_TRY(check_ensemble(ensemble, ending.targets));
    bool one_class = ending.targets == 2, positive = true;
    std::optional<std::size_t> only;
    for (const ref::TreeNode& leaf : ensemble.nodes) {
        for (const ref::TreeVote& vote : leaf.votes) {
            one_class = one_class && vote.target == only.value_or(vote.target);
            only = vote.target;
            positive = positive && vote.weight >= 0;
        }
    }
    ending.finish = !one_class ? TreeFinish::kClasses
                    : positive ? TreeFinish::kOneProbability
                               : TreeFinish::kOneScore;
    const std::vector<double> base = HF_TRY(ref::reals(view.node, "base_values"));
    if (one_class) ending.only = only.value_or(0);
    if (base.size() == ending.targets) ending.base = base;
    if (one_class && base.size() == 1) {
        ending.base.assign(2, 0);
        ending.base[ending.only] = base[0];
    }
    return draft_trees(view, ensemble, std::move(ending));
}

}  // namespace

std::vector<LoweringRow> tree_lowerings() {
    return {{"ai.onnx.ml", "TreeEnsembleRegressor", {{"scalar.trees_f32", draft_regressor}}},
            {"ai.onnx.ml", "TreeEnsembleClassifier", {{"scalar.trees_f32", draft_classifier}}}};
}

}  // namespace hf::runtime::cpu
