// Share: a number of nodes, said as a count or as a percentage of a group.
//
// Rounding, everywhere in roll-outs: what limits (how many may be touched) is rounded down, but a
// percentage above 0 of a group that is not empty is at least one node; what demands (how many must
// be good) is rounded up. Thus no rounding ever touches more nodes, or asks for less proof, than
// was written.
//
// Pure values.

#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

namespace hf::control::rollout {

inline constexpr std::int64_t kAllNodes = std::numeric_limits<std::int64_t>::max();

struct Share {
    enum class Unit : unsigned char { kNone, kCount, kPercent };
    Unit unit = Unit::kNone;  // kNone: no limit
    std::int64_t amount = 0;

    static Share count(std::int64_t amount) { return {Unit::kCount, amount}; }
    static Share percent(std::int64_t amount) { return {Unit::kPercent, amount}; }

    bool limits() const { return unit != Unit::kNone; }
    friend bool operator==(const Share&, const Share&) = default;
};

// How many of `total` nodes the share allows: kAllNodes when it does not limit.
inline std::int64_t at_most(const Share& share, std::int64_t total) {
    if (share.unit == Share::Unit::kNone) return kAllNodes;
    if (share.unit == Share::Unit::kCount) return share.amount;
    if (share.amount <= 0 || total <= 0) return 0;
    return std::max<std::int64_t>(1, total * share.amount / 100);
}

// How many of `total` nodes make up the percentage.
inline std::int64_t at_least(std::int64_t percent, std::int64_t total) {
    return (total * percent + 99) / 100;
}

}  // namespace hf::control::rollout
