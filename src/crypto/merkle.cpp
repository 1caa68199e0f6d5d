#include "crypto/merkle.h"

#include <bit>

#include "crypto/hash.h"

namespace hf::crypto {
namespace {

constexpr std::uint64_t kMaxLeaves = std::uint64_t{1} << kMaxTreeLevels;

// A run of leaves whose beginning is aligned as RFC 9162 splits trees.
struct Run {
    std::uint64_t begin;
    std::uint64_t size;

    bool complete() const { return std::has_single_bit(size); }
    std::uint64_t split() const { return std::bit_floor(size - 1); }  // REQUIRES: size > 1
    Run left() const { return {begin, split()}; }
    Run right() const { return {begin + split(), size - split()}; }
};

Result<Digest> root_of(const Run& run, const SubtreeReader& read) {
    if (run.complete()) {
        const auto level = static_cast<unsigned>(std::countr_zero(run.size));
        return read(level, run.begin >> level);
    }
    const Digest left = HF_TRY(root_of(run.left(), read));
    const Digest right = HF_TRY(root_of(run.right(), read));
    return merkle_node(left, right);
}

// PATH(m, D[n]) of section 2.1.3.1.
Status add_path(std::uint64_t index, const Run& run, const SubtreeReader& read,
                MerkleProof& proof) {
    if (run.size == 1) return {};
    const bool in_left = index < run.begin + run.split();
    HF_TRY(add_path(index, in_left ? run.left() : run.right(), read, proof));
    proof.push_back(HF_TRY(root_of(in_left ? run.right() : run.left(), read)));
    return {};
}

// SUBPROOF(m, D[n], b) of section 2.1.4.1; `known`: the verifier has the root of this run already.
struct ConsistencyBuilder {
    const SubtreeReader& read;
    MerkleProof& proof;

    Status add(std::uint64_t old_size, const Run& run, bool known) {
        if (old_size == run.size) {
            if (!known) proof.push_back(HF_TRY(root_of(run, read)));
            return {};
        }
        const std::uint64_t split = run.split();
        if (old_size <= split) {
            HF_TRY(add(old_size, run.left(), known));
            proof.push_back(HF_TRY(root_of(run.right(), read)));
        } else {
            HF_TRY(add(old_size - split, run.right(), false));
            proof.push_back(HF_TRY(root_of(run.left(), read)));
        }
        return {};
    }
};

}  // namespace

Digest merkle_leaf(ByteView leaf) {
    constexpr std::uint8_t kPrefix = 0x00;
    Sha256 hash;
    hash.update({&kPrefix, 1});
    hash.update(leaf);
    return hash.finish();
}

Digest merkle_node(const Digest& left, const Digest& right) {
    std::array<std::uint8_t, 1 + 2 * Digest::kSize> bytes{0x01};
    std::memcpy(bytes.data() + 1, left.bytes().data(), Digest::kSize);
    std::memcpy(bytes.data() + 1 + Digest::kSize, right.bytes().data(), Digest::kSize);
    return sha256(bytes);
}

Result<MerkleFrontier> MerkleFrontier::restore(std::uint64_t size, std::vector<Digest> peaks) {
    if (size > kMaxLeaves || peaks.size() != static_cast<std::size_t>(std::popcount(size))) {
        return invalid_argument("{} peaks do not make a tree of {} leaves", peaks.size(), size);
    }
    MerkleFrontier frontier;
    frontier.size_ = size;
    frontier.peaks_ = std::move(peaks);
    return frontier;
}

void MerkleFrontier::append(const Digest& leaf_hash, const Completed& completed) {
    HF_CHECK(size_ < kMaxLeaves, "a tree of {} leaves is full", size_);
    Digest hash = leaf_hash;
    std::uint64_t index = size_;
    if (completed) completed(0, index, hash);
    for (unsigned level = 1; index & 1; ++level) {
        hash = merkle_node(peaks_.back(), hash);
        peaks_.pop_back();
        index >>= 1;
        if (completed) completed(level, index, hash);
    }
    peaks_.push_back(hash);
    ++size_;
}

Digest MerkleFrontier::root() const {
    if (peaks_.empty()) return sha256({});
    Digest root = peaks_.back();
    for (std::size_t i = peaks_.size() - 1; i-- > 0;) root = merkle_node(peaks_[i], root);
    return root;
}

Result<Digest> merkle_root(std::uint64_t size, const SubtreeReader& read) {
    if (size > kMaxLeaves) return invalid_argument("no tree has {} leaves", size);
    if (size == 0) return sha256({});
    return root_of({0, size}, read);
}

Result<MerkleProof> inclusion_proof(std::uint64_t index, std::uint64_t size,
                                    const SubtreeReader& read) {
    if (index >= size || size > kMaxLeaves) {
        return invalid_argument("no leaf {} in a tree of {} leaves", index, size);
    }
    MerkleProof proof;
    HF_TRY(add_path(index, {0, size}, read, proof));
    return proof;
}

Result<MerkleProof> consistency_proof(std::uint64_t old_size, std::uint64_t size,
                                      const SubtreeReader& read) {
    if (old_size == 0 || old_size > size || size > kMaxLeaves) {
        return invalid_argument("no consistency proof from {} to {} leaves", old_size, size);
    }
    MerkleProof proof;
    HF_TRY((ConsistencyBuilder{read, proof}.add(old_size, {0, size}, true)));
    return proof;
}

// Section 2.1.3.2.
Status verify_inclusion(const Digest& leaf_hash, std::uint64_t index, const TreeHead& head,
                        std::span<const Digest> proof) {
    if (index >= head.size) {
        return unauthenticated("leaf {} is not in a tree of {} leaves", index, head.size);
    }
    std::uint64_t fn = index;
    std::uint64_t sn = head.size - 1;
    Digest root = leaf_hash;
    for (const Digest& hash : proof) {
        if (sn == 0) return unauthenticated("the inclusion proof is too long");
        if ((fn & 1) || fn == sn) {
            root = merkle_node(hash, root);
            while (!(fn & 1) && fn != 0) {
                fn >>= 1;
                sn >>= 1;
            }
        } else {
            root = merkle_node(root, hash);
        }
        fn >>= 1;
        sn >>= 1;
    }
    if (sn != 0) return unauthenticated("the inclusion proof is too short");
    if (root != head.root) {
        return unauthenticated("the inclusion proof of leaf {} does not lead to the root", index);
    }
    return {};
}

// Section 2.1.4.2.
Status verify_consistency(const TreeHead& older, const TreeHead& newer,
                          std::span<const Digest> proof) {
    if (older.size == 0 || older.size > newer.size) {
        return unauthenticated("no tree of {} leaves extends one of {}", newer.size, older.size);
    }
    if (older.size == newer.size) {
        if (proof.empty() && older.root == newer.root) return {};
        return unauthenticated("two trees of {} leaves differ", older.size);
    }
    std::uint64_t fn = older.size - 1;
    std::uint64_t sn = newer.size - 1;
    while (fn & 1) {
        fn >>= 1;
        sn >>= 1;
    }
    // When the old tree is a complete subtree of the new one its root begins the path.
    const bool old_is_subtree = std::has_single_bit(older.size);
    if (proof.empty() && !old_is_subtree) return unauthenticated("the consistency proof is empty");
    Digest old_root = old_is_subtree ? older.root : proof[0];
    Digest new_root = old_root;
    for (const Digest& hash : proof.subspan(old_is_subtree ? 0 : 1)) {
        if (sn == 0) return unauthenticated("the consistency proof is too long");
        if ((fn & 1) || fn == sn) {
            old_root = merkle_node(hash, old_root);
            new_root = merkle_node(hash, new_root);
            while (!(fn & 1) && fn != 0) {
                fn >>= 1;
                sn >>= 1;
            }
        } else {
            new_root = merkle_node(new_root, hash);
        }
        fn >>= 1;
        sn >>= 1;
    }
    if (sn != 0) return unauthenticated("the consistency proof is too short");
    if (old_root != older.root || new_root != newer.root) {
        return unauthenticated("the tree of {} leaves does not extend that of {}", newer.size,
                               older.size);
    }
    return {};
}

}  // namespace hf::crypto
