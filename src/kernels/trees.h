// Tree ensembles over rows of fp32 features: which leaf of each tree a row reaches, and the sum of
// the leaves' votes.
//
// The one idea: a step down a tree is arithmetic, not a branch. The two children of a node lie side
// by side, the next index is the first child's plus one comparison, and a leaf leads to itself. So
// several descents run interleaved, and their memory accesses overlap: several trees for few rows,
// several rows in one tree for many.
//
// No allocation, no failure: callers have checked every index. Thread-safe.

#pragma once

#include <cstddef>
#include <cstdint>

namespace hf::kernels {

// The layout is stable: it is written into plan files.
struct TreeNode {
    // Branches: x goes to `first` when x <= high. Leaves: the vote's weight where every leaf has
    // one vote, for target 0; else (as bits) the index of the first vote.
    float high = 0;
    std::uint32_t feature = 0;  // leaves: any that there is
    std::uint32_t first = 0;    // leaves: the node itself
    std::uint32_t flags = 0;    // leaves: the number of votes times kOneVote

    static constexpr std::uint32_t kBranch = 1;
    static constexpr std::uint32_t kMissingFirst = 2;  // NaN goes to `first`
    static constexpr std::uint32_t kOneVote = 4;
};
static_assert(sizeof(TreeNode) == 16);

struct TreeVote {
    std::uint32_t target = 0;
    float weight = 0;
};
static_assert(sizeof(TreeVote) == 8);

enum class TreeVotes : std::uint8_t { kSum, kSmallest, kLargest };

struct Trees {
    const TreeNode* nodes = nullptr;
    const float* low = nullptr;  // a node; or null. x <= low goes to the second child after all
    const TreeVote* votes = nullptr;  // null: the weights are in the leaves
    const std::uint32_t* roots = nullptr;
    std::size_t trees = 0, features = 0, targets = 1;
    bool missing = false;  // a node has kMissingFirst
    TreeVotes how = TreeVotes::kSum;
};

// Adds the votes of all trees, in the order of the trees, to scores [rows][targets]. For smallest
// and largest, `seen` of the same extents tells which scores hold a vote; else it may be null.
struct TreeScores {
    double* scores = nullptr;
    std::uint8_t* seen = nullptr;
};
void add_tree_votes(const Trees& trees, std::size_t rows, const float* in, const TreeScores& out);

}  // namespace hf::kernels
