// "scalar.trees_f32": TreeEnsembleRegressor and TreeEnsembleClassifier of ai.onnx.ml.

#include "runtime/cpu/steps/trees.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "runtime/cpu/steps/common.h"

namespace hf::runtime::cpu {
namespace {

using kernels::TreeNode;
using kernels::TreeVote;
using kernels::TreeVotes;

constexpr std::size_t kAny = OperationReader::kAnyRank;
constexpr std::int64_t kMaxTargets = std::int64_t{1} << 20;

struct TreesShape {
    std::size_t rows, features, trees, targets;
    TreeFinish finish;
    kernels::ScoreTransform transform;
    std::size_t only;  // the one class that leaves weigh
    bool missing;
};

Result<TreesShape> read_shape(const OperationReader& reader) {
    HF_TRY(reader.expect({7, 2, 8, 0}));
    TreesShape s{};
    s.rows = HF_TRY(reader.integer(0, 1, Shape::kMaxElements));
    s.features = HF_TRY(reader.integer(1, 1, Shape::kMaxElements));
    s.trees = HF_TRY(reader.integer(2, 1, Shape::kMaxElements));
    s.targets = HF_TRY(reader.integer(3, 1, kMaxTargets));
    s.finish = static_cast<TreeFinish>(HF_TRY(reader.integer(4, 0, kTreeFinishCount - 1)));
    s.transform = static_cast<kernels::ScoreTransform>(
        HF_TRY(reader.integer(5, 0, kernels::kScoreTransformCount - 1)));
    s.only = HF_TRY(reader.integer(6, 0, static_cast<std::int64_t>(s.targets) - 1));
    s.missing = HF_TRY(reader.integer(7, 0, 1)) != 0;
    const auto limit = static_cast<std::size_t>(Shape::kMaxElements);
    if (s.rows > limit / s.features || s.rows > limit / s.targets) {
        return resource_exhausted("{} rows of {} features for {} targets", s.rows, s.features,
                                  s.targets);
    }
    return s;
}

// A constant in whole records of `width` elements. Returns how many there are.
Result<std::size_t> records(const Operation& operation, std::size_t index, DType dtype,
                            std::int64_t width) {
    const Operand& operand = operation.inputs[index];
    if (operand.place != Place::kWeights || operand.dtype != dtype) {
        return invalid_argument("input {} is not a constant of {}", index, dtype_name(dtype));
    }
    if (operand.shape.elements() % width != 0) {
        return invalid_argument("input {} has {} elements, not {} each", index,
                                operand.shape.elements(), width);
    }
    return static_cast<std::size_t>(operand.shape.elements() / width);
}

bool has(const Operation& operation, std::size_t index) {
    return operation.inputs[index].place != Place::kNone;
}

Status check_constants(const Operation& operation, const TreesShape& s) {
    const std::size_t nodes = HF_TRY(records(operation, 1, DType::kI32, 4));
    if (has(operation, 2) && HF_TRY(records(operation, 2, DType::kF32, 1)) != nodes) {
        return invalid_argument("not one lower bound for each of {} nodes", nodes);
    }
    if (has(operation, 3)) HF_TRY(records(operation, 3, DType::kI32, 2));
    if (HF_TRY(records(operation, 4, DType::kI32, 1)) != s.trees) {
        return invalid_argument("not one root for each of {} trees", s.trees);
    }
    if (HF_TRY(records(operation, 5, DType::kF64, 1)) != s.targets) {
        return invalid_argument("not one base value for each of {} targets", s.targets);
    }
    if (has(operation, 6) && HF_TRY(records(operation, 6, DType::kI64, 1)) != s.targets) {
        return invalid_argument("not one label for each of {} classes", s.targets);
    }
    return {};
}

Status check_outputs(const Operation& operation, const TreesShape& s) {
    const OperationReader reader(operation);
    const Operand& labels = operation.outputs[0];
    const Operand& scores = operation.outputs[1];
    const bool classifies = s.finish >= TreeFinish::kClasses;
    if (labels.place != Place::kNone) {
        HF_TRY(reader.expect_output(0, DType::kI64, kAny));
        if (!classifies || !has(operation, 6) ||
            static_cast<std::size_t>(labels.shape.elements()) != s.rows) {
            return invalid_argument("labels {} for {} rows", labels.shape.to_string(), s.rows);
        }
    }
    if (scores.place != Place::kNone) {
        HF_TRY(reader.expect_output(1, DType::kF32, kAny));
        if (static_cast<std::size_t>(scores.shape.elements()) != s.rows * s.targets) {
            return invalid_argument("scores {} for {} rows of {}", scores.shape.to_string(), s.rows,
                                    s.targets);
        }
    }
    if (s.finish > TreeFinish::kClasses && s.targets != 2) {
        return invalid_argument("one class stands for {}", s.targets);
    }
    return {};
}

class TreesStep final : public Step {
public:
    TreesStep(const Operation& operation, const TreesShape& shape) : s_(shape) {
        for (std::size_t i = 0; i < std::size(in_); ++i) in_[i] = Slot(operation.inputs[i]);
        for (std::size_t i = 0; i < std::size(out_); ++i) out_[i] = Slot(operation.outputs[i]);
        scratch_ = ScratchSlot(operation.scratch);
        blocks_ = {s_.rows, kTreeRows};
    }

    Status run(const Memory& m) const override { return run_pieces(m, {0, blocks_.pieces()}); }

    Cut cut() const override { return blocks_.cut(kCostFunction * static_cast<double>(s_.trees)); }

    Status run_pieces(const Memory& m, Pieces pieces) const override {
        kernels::Trees trees;
        trees.nodes = in_[1].in<TreeNode>(m);
        trees.low = in_[2].in<float>(m);
        trees.votes = in_[3].in<TreeVote>(m);
        trees.roots = in_[4].in<std::uint32_t>(m);
        trees.trees = s_.trees;
        trees.features = s_.features;
        trees.targets = s_.targets;
        trees.missing = s_.missing;
        if (s_.finish == TreeFinish::kSmallest) trees.how = TreeVotes::kSmallest;
        if (s_.finish == TreeFinish::kLargest) trees.how = TreeVotes::kLargest;
        for (std::size_t i = pieces.first; i < pieces.first + pieces.count; ++i) {
            const Pieces rows = blocks_.range({i, 1});
            block(m, trees, rows.first, rows.count);
        }
        return {};
    }

private:
    // Some rows: their scores in scratch, then what the outputs ask for.
    void block(const Memory& m, const kernels::Trees& trees, std::size_t first,
               std::size_t rows) const {
        const std::size_t targets = s_.targets, count = rows * targets;
        double* scores = scratch_.out<double>(m);
        kernels::TreeScores out{scores, nullptr};
        if (trees.how != TreeVotes::kSum) {
            out.seen = reinterpret_cast<std::uint8_t*>(scores + count);
            std::memset(out.seen, 0, count);
        }
        const double* base = in_[5].in<double>(m);
        const bool classifies = s_.finish >= TreeFinish::kClasses;
        for (std::size_t i = 0; i < count; ++i) scores[i] = classifies ? base[i % targets] : 0;
        kernels::add_tree_votes(trees, rows, in_[0].in<float>(m) + first * s_.features, out);
        auto* written = out_[1].out<float>(m);
        auto* labels = out_[0].out<std::int64_t>(m);
        for (std::size_t row = 0; row < rows; ++row, scores += targets) {
            const std::span<double> own(scores, targets);
            const std::size_t chosen = classifies ? finish_class(own) : finish_value(own, base);
            if (labels) labels[first + row] = in_[6].in<std::int64_t>(m)[chosen];
            for (std::size_t t = 0; written && t < targets; ++t) {
                written[(first + row) * targets + t] = static_cast<float>(own[t]);
            }
        }
    }

    std::size_t finish_value(std::span<double> row, const double* base) const {
        for (std::size_t t = 0; t < row.size(); ++t) {
            if (s_.finish == TreeFinish::kAverage) row[t] /= static_cast<double>(s_.trees);
            row[t] += base[t];
        }
        kernels::transform_scores(s_.transform, row);
        return 0;
    }

    // The index of the row's class.
    std::size_t finish_class(std::span<double> row) const {
        if (s_.finish == TreeFinish::kClasses) {
            const auto best = std::max_element(row.begin(), row.end()) - row.begin();
            kernels::transform_scores(s_.transform, row);
            return static_cast<std::size_t>(best);
        }
        const bool likely = s_.finish == TreeFinish::kOneProbability;
        const double score = row[s_.only];
        row[0] = likely ? 1 - score : -score;
        row[1] = score;
        if (!likely) kernels::transform_scores(s_.transform, row);
        return score > (likely ? 0.5 : 0) ? 1 : 0;
    }

    TreesShape s_;
    Slot in_[7], out_[2];
    ScratchSlot scratch_;
    Chunks blocks_;  // of rows
};

// What lies in the weights: the step follows these indices unchecked.
Status check_nodes(std::span<const TreeNode> nodes, std::size_t features,
                   std::optional<std::size_t> votes) {
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        const TreeNode& node = nodes[i];
        if (node.feature >= features) {
            return invalid_argument("node {} asks for feature {} of {}", i, node.feature, features);
        }
        if (node.flags & TreeNode::kBranch) {
            if (node.first <= i || std::size_t{node.first} + 1 >= nodes.size()) {
                return invalid_argument("node {} of {} leads to {}", i, nodes.size(), node.first);
            }
            continue;
        }
        if (node.first != i) return invalid_argument("leaf {} leads to {}", i, node.first);
        const std::size_t begin = std::bit_cast<std::uint32_t>(node.high);
        if (votes && (begin > *votes || *votes - begin < node.flags / TreeNode::kOneVote)) {
            return invalid_argument("leaf {} has votes beyond {}", i, *votes);
        }
    }
    return {};
}

template <typename T>
std::span<const T> values_of(const Operand& operand, const std::uint8_t* weights) {
    return {reinterpret_cast<const T*>(weights + operand.offset), operand.size_bytes() / sizeof(T)};
}

}  // namespace

std::uint64_t tree_scratch_bytes(std::size_t rows, std::size_t targets) {
    return std::uint64_t{std::min(rows, kTreeRows)} * targets * (sizeof(double) + 1);
}

// Inputs: x; nodes; their lower bounds or omitted; votes, or omitted where they are in the leaves;
// roots; base values; labels or omitted. Outputs: labels and scores, either omitted. Integers:
// rows, features, trees, targets, TreeFinish, ScoreTransform, the one class, 1 if a node sends what
// is missing to its first child.
Result<StepPtr> make_trees_f32(const Operation& operation) {
    const OperationReader reader(operation);
    const TreesShape shape = HF_TRY(read_shape(reader));
    HF_TRY(reader.expect_elements(0, DType::kF32, shape.rows * shape.features));
    HF_TRY(check_constants(operation, shape));
    HF_TRY(check_outputs(operation, shape));
    HF_TRY(reader.expect_scratch(tree_scratch_bytes(shape.rows, shape.targets)));
    return std::make_unique<const TreesStep>(operation, shape);
}

Status verify_trees_f32(const Operation& operation, const std::uint8_t* weights) {
    const TreesShape shape = HF_TRY(read_shape(OperationReader(operation)));
    const auto nodes = values_of<TreeNode>(operation.inputs[1], weights);
    std::optional<std::size_t> votes;
    if (has(operation, 3)) {
        const auto all = values_of<TreeVote>(operation.inputs[3], weights);
        for (std::size_t i = 0; i < all.size(); ++i) {
            if (all[i].target < shape.targets) continue;
            return invalid_argument("vote {} is for target {} of {}", i, all[i].target,
                                    shape.targets);
        }
        votes = all.size();
    }
    HF_TRY(check_nodes(nodes, shape.features, votes));
    for (const std::uint32_t root : values_of<std::uint32_t>(operation.inputs[4], weights)) {
        if (root >= nodes.size()) return invalid_argument("root {} of {}", root, nodes.size());
    }
    return {};
}

}  // namespace hf::runtime::cpu
