// Merkle tree hashing of RFC 9162 section 2.1 (the same as RFC 6962): roots, inclusion proofs and
// consistency proofs, made and checked. The idea: every hash that a proof needs is the root of a
// complete subtree, so whoever stores those (a tile file, a vector) hands in a reader and needs no
// tree in memory.
//
// Pure; errors are INVALID_ARGUMENT for proofs asked of sizes that do not exist, UNAUTHENTICATED
// for proofs that do not hold, and whatever the reader answers. Thread-safety: values.

#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/digest.h"
#include "base/status.h"

namespace hf::crypto {

using MerkleProof = std::vector<Digest>;

// No tree here has more leaves; a proof never has more than kMaxProofHashes hashes.
inline constexpr unsigned kMaxTreeLevels = 62;
inline constexpr std::size_t kMaxProofHashes = 2 * kMaxTreeLevels;

Digest merkle_leaf(ByteView leaf);                            // SHA-256(0x00 || leaf)
Digest merkle_node(const Digest& left, const Digest& right);  // SHA-256(0x01 || left || right)

// The state of a growing tree: the roots of its complete subtrees from left to right, at most one
// a level. Appending is O(1) amortised and never looks back.
class MerkleFrontier final {
public:
    MerkleFrontier() = default;

    // The state of a tree of `size` leaves whose complete subtrees are `peaks`, largest first.
    // INVALID_ARGUMENT when their number is not the number of bits set in `size`.
    static Result<MerkleFrontier> restore(std::uint64_t size, std::vector<Digest> peaks);

    // Calls `completed(level, index, hash)` for each subtree that this leaf completes, from the
    // leaf itself (level 0) upwards.
    using Completed = std::function<void(unsigned level, std::uint64_t index, const Digest& hash)>;
    void append(const Digest& leaf_hash, const Completed& completed = {});

    std::uint64_t size() const { return size_; }
    Digest root() const;  // of no leaves: SHA-256 of nothing
    const std::vector<Digest>& peaks() const { return peaks_; }

private:
    std::uint64_t size_ = 0;
    std::vector<Digest> peaks_;  // largest subtree first
};

// The root of the complete subtree over leaves [index << level, (index + 1) << level).
using SubtreeReader = std::function<Result<Digest>(unsigned level, std::uint64_t index)>;

// The root over the first `size` leaves.
Result<Digest> merkle_root(std::uint64_t size, const SubtreeReader& read);

// That leaf `index` is in the tree of `size` leaves. REQUIRES of the reader: subtrees within
// `size`.
Result<MerkleProof> inclusion_proof(std::uint64_t index, std::uint64_t size,
                                    const SubtreeReader& read);

// That the tree of `size` leaves begins with that of `old_size`. Empty when the sizes are equal.
Result<MerkleProof> consistency_proof(std::uint64_t old_size, std::uint64_t size,
                                      const SubtreeReader& read);

struct TreeHead {
    std::uint64_t size = 0;
    Digest root;
    friend bool operator==(const TreeHead&, const TreeHead&) = default;
};

// OK when the leaf with this hash stands at `index` under the head.
Status verify_inclusion(const Digest& leaf_hash, std::uint64_t index, const TreeHead& head,
                        std::span<const Digest> proof);

// OK when `newer` extends `older` without changing it. A proof from no leaves proves nothing and
// is refused.
Status verify_consistency(const TreeHead& older, const TreeHead& newer,
                          std::span<const Digest> proof);

}  // namespace hf::crypto
