#include "kernels/trees.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace hf::kernels {
namespace {

constexpr std::size_t kLanes = 8;

// kMissing: NaN may go to the first child. kInterval: nodes have a lower bound.
template <bool kMissing, bool kInterval>
inline std::uint32_t step_down(const Trees& s, std::uint32_t at, const float* row) {
    const TreeNode& node = s.nodes[at];
    const float x = row[node.feature];
    unsigned other = !(x <= node.high);
    if constexpr (kInterval) other |= static_cast<unsigned>(x <= s.low[at]);
    if constexpr (kMissing) other &= ~(static_cast<unsigned>(x != x) & (node.flags >> 1));
    return node.first + (other & node.flags & TreeNode::kBranch);
}

// Walks each lane from `at` to its leaf, by the features row_of_lane(lane). Children come after
// their parents, so that this ends. Written out lane by lane, so that the lanes are registers.
template <bool kMissing, bool kInterval, typename RowOf, std::size_t... kLane>
inline void descend(const Trees& s, RowOf row_of_lane, std::uint32_t (&at)[kLanes],
                    std::index_sequence<kLane...>) {
    const Trees here = s;
    std::uint32_t now[kLanes] = {at[kLane]...};
    std::uint32_t moving = TreeNode::kBranch;
    while (moving & TreeNode::kBranch) {
        moving = 0;
        ((moving |= here.nodes[now[kLane]].flags,
          now[kLane] = step_down<kMissing, kInterval>(here, now[kLane], row_of_lane(kLane))),
         ...);
    }
    ((at[kLane] = now[kLane]), ...);
}

using Lanes = std::make_index_sequence<kLanes>;

inline void cast_vote(const Trees& s, const TreeVote& vote, const TreeScores& row) {
    double& score = row.scores[vote.target];
    const double weight = vote.weight;
    if (s.how == TreeVotes::kSum) {
        score += weight;
        return;
    }
    std::uint8_t& seen = row.seen[vote.target];
    if (!seen || (s.how == TreeVotes::kSmallest ? weight < score : weight > score)) score = weight;
    seen = 1;
}

inline void add_leaf(const Trees& s, std::uint32_t leaf, const TreeScores& row) {
    const TreeNode& node = s.nodes[leaf];
    if (!s.votes) return cast_vote(s, {0, node.high}, row);
    const TreeVote* vote = s.votes + std::bit_cast<std::uint32_t>(node.high);
    for (std::uint32_t left = node.flags / TreeNode::kOneVote; left > 0; --left, ++vote) {
        cast_vote(s, *vote, row);
    }
}

TreeScores row_of(const Trees& s, const TreeScores& out, std::size_t row) {
    return {out.scores + row * s.targets, out.seen ? out.seen + row * s.targets : nullptr};
}

// One row, several trees at a time. Lanes beyond the last tree walk the last one again.
template <bool kMissing, bool kInterval>
void one_row(const Trees& s, const float* in, const TreeScores& out) {
    for (std::size_t tree = 0; tree < s.trees; tree += kLanes) {
        std::uint32_t at[kLanes];
        for (std::size_t lane = 0; lane < kLanes; ++lane) {
            at[lane] = s.roots[std::min(tree + lane, s.trees - 1)];
        }
        descend<kMissing, kInterval>(
            s, [=](std::size_t) { return in; }, at, Lanes());
        const std::size_t count = std::min(kLanes, s.trees - tree);
        for (std::size_t lane = 0; lane < count; ++lane) add_leaf(s, at[lane], out);
    }
}

// One tree after the other, several rows at a time.
template <bool kMissing, bool kInterval>
void many_rows(const Trees& s, std::size_t rows, const float* in, const TreeScores& out) {
    for (std::size_t tree = 0; tree < s.trees; ++tree) {
        for (std::size_t row = 0; row < rows; row += kLanes) {
            const float* lanes[kLanes];
            std::uint32_t at[kLanes];
            for (std::size_t lane = 0; lane < kLanes; ++lane) {
                lanes[lane] = in + std::min(row + lane, rows - 1) * s.features;
                at[lane] = s.roots[tree];
            }
            descend<kMissing, kInterval>(
                s, [&](std::size_t lane) { return lanes[lane]; }, at, Lanes());
            const std::size_t count = std::min(kLanes, rows - row);
            for (std::size_t lane = 0; lane < count; ++lane) {
                add_leaf(s, at[lane], row_of(s, out, row + lane));
            }
        }
    }
}

template <bool kMissing, bool kInterval>
void each(const Trees& s, std::size_t rows, const float* in, const TreeScores& out) {
    if (rows >= kLanes) return many_rows<kMissing, kInterval>(s, rows, in, out);
    for (std::size_t row = 0; row < rows; ++row) {
        one_row<kMissing, kInterval>(s, in + row * s.features, row_of(s, out, row));
    }
}

}  // namespace

void add_tree_votes(const Trees& s, std::size_t rows, const float* in, const TreeScores& out) {
    if (s.low) return each<true, true>(s, rows, in, out);
    if (s.missing) return each<true, false>(s, rows, in, out);
    return each<false, false>(s, rows, in, out);
}

}  // namespace hf::kernels
