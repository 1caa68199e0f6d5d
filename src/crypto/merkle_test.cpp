#include "crypto/merkle.h"

#include <gtest/gtest.h>

#include "crypto/hash.h"

namespace hf::crypto {
namespace {

// MTH of RFC 9162 section 2.1.1 as its definition says it.
Digest slow_root(std::span<const Digest> leaf_hashes) {
    if (leaf_hashes.empty()) return sha256({});
    if (leaf_hashes.size() == 1) return leaf_hashes[0];
    std::size_t split = 1;
    while (split * 2 < leaf_hashes.size()) split *= 2;
    return merkle_node(slow_root(leaf_hashes.first(split)), slow_root(leaf_hashes.subspan(split)));
}

std::vector<Digest> some_leaves(std::size_t count) {
    std::vector<Digest> hashes;
    for (std::size_t i = 0; i < count; ++i) {
        hashes.push_back(merkle_leaf(as_bytes(fmt::format("leaf {}", i))));
    }
    return hashes;
}

SubtreeReader reader_of(const std::vector<Digest>& leaves) {
    return [&leaves](unsigned level, std::uint64_t index) -> Result<Digest> {
        const std::size_t size = std::size_t{1} << level;
        HF_CHECK((index + 1) * size <= leaves.size(), "level {} index {}", level, index);
        return slow_root(std::span(leaves).subspan(index * size, size));
    };
}

constexpr std::size_t kSizes = 130;

// The eight leaves that Certificate Transparency implementations share as test vectors, and the
// roots of the trees over the first 1 to 8 of them.
TEST(Merkle, KnownRoots) {
    const std::vector<std::string> leaves{"",
                                          "00",
                                          "10",
                                          "2021",
                                          "3031",
                                          "40414243",
                                          "5051525354555657",
                                          "606162636465666768696a6b6c6d6e6f"};
    const std::vector<std::string> roots{
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};
    MerkleFrontier tree;
    EXPECT_EQ(tree.root().hex(),
              "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    for (std::size_t i = 0; i < leaves.size(); ++i) {
        tree.append(merkle_leaf(*from_hex(leaves[i])));
        EXPECT_EQ(tree.root().hex(), roots[i]) << i + 1;
    }
}

TEST(Merkle, TheFrontierAgreesWithTheDefinition) {
    const std::vector<Digest> leaves = some_leaves(kSizes);
    MerkleFrontier tree;
    for (std::size_t size = 0; size <= kSizes; ++size) {
        const Digest root = slow_root(std::span(leaves).first(size));
        EXPECT_EQ(tree.root(), root) << size;
        EXPECT_EQ(*merkle_root(size, reader_of(leaves)), root) << size;
        const Result<MerkleFrontier> restored = MerkleFrontier::restore(size, tree.peaks());
        ASSERT_TRUE(restored.ok());
        EXPECT_EQ(restored->root(), root);
        EXPECT_FALSE(MerkleFrontier::restore(size * 2 + 1, tree.peaks()).ok());
        if (size == kSizes) break;
        tree.append(leaves[size], [&](unsigned level, std::uint64_t index, const Digest& hash) {
            EXPECT_EQ(hash, *reader_of(leaves)(level, index));
        });
    }
}

TEST(Merkle, EveryLeafOfEveryTreeIsProvedAndNoOther) {
    const std::vector<Digest> leaves = some_leaves(kSizes);
    for (std::size_t size = 1; size <= kSizes; ++size) {
        const TreeHead head{size, slow_root(std::span(leaves).first(size))};
        for (std::size_t index = 0; index < size; ++index) {
            const Result<MerkleProof> proof = inclusion_proof(index, size, reader_of(leaves));
            ASSERT_TRUE(proof.ok());
            EXPECT_TRUE(verify_inclusion(leaves[index], index, head, *proof).ok());
            const std::size_t other = (index + 1) % size;
            if (other == index) continue;
            EXPECT_FALSE(verify_inclusion(leaves[index], other, head, *proof).ok());
            EXPECT_FALSE(verify_inclusion(leaves[other], index, head, *proof).ok());
        }
        EXPECT_FALSE(inclusion_proof(size, size, reader_of(leaves)).ok());
    }
}

TEST(Merkle, EveryTreeExtendsEveryShorterOne) {
    const std::vector<Digest> leaves = some_leaves(kSizes);
    std::vector<TreeHead> heads;
    for (std::size_t size = 0; size <= kSizes; ++size) {
        heads.push_back({size, slow_root(std::span(leaves).first(size))});
    }
    for (std::size_t size = 1; size <= kSizes; ++size) {
        for (std::size_t old = 1; old <= size; ++old) {
            const Result<MerkleProof> proof = consistency_proof(old, size, reader_of(leaves));
            ASSERT_TRUE(proof.ok());
            EXPECT_TRUE(verify_consistency(heads[old], heads[size], *proof).ok());
            const TreeHead wrong{old, heads[old - 1].root};
            EXPECT_FALSE(verify_consistency(wrong, heads[size], *proof).ok());
        }
        EXPECT_FALSE(consistency_proof(0, size, reader_of(leaves)).ok());
        EXPECT_FALSE(verify_consistency(heads[0], heads[size], {}).ok());
        EXPECT_FALSE(verify_consistency(heads[size], heads[size - 1], {}).ok());
    }
}

TEST(Merkle, NoChangedBitOrLengthOfAProofHolds) {
    const std::vector<Digest> leaves = some_leaves(kSizes);
    const auto flipped = [](const Digest& digest, std::size_t bit) {
        std::array<std::uint8_t, Digest::kSize> bytes{};
        std::memcpy(bytes.data(), digest.bytes().data(), bytes.size());
        bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] ^ (1u << bit % 8));
        return Digest(bytes);
    };
    for (std::size_t size : {1u, 2u, 7u, 64u, 130u}) {
        const TreeHead head{size, slow_root(std::span(leaves).first(size))};
        const std::size_t index = size / 3;
        const std::size_t old = size / 2 + 1;
        const TreeHead older{old, slow_root(std::span(leaves).first(old))};
        const MerkleProof inclusion = *inclusion_proof(index, size, reader_of(leaves));
        const MerkleProof consistency = *consistency_proof(old, size, reader_of(leaves));
        for (std::size_t bit = 0; bit < 256; ++bit) {
            for (std::size_t i = 0; i < inclusion.size(); ++i) {
                MerkleProof changed = inclusion;
                changed[i] = flipped(changed[i], bit);
                EXPECT_FALSE(verify_inclusion(leaves[index], index, head, changed).ok());
            }
            for (std::size_t i = 0; i < consistency.size(); ++i) {
                MerkleProof changed = consistency;
                changed[i] = flipped(changed[i], bit);
                EXPECT_FALSE(verify_consistency(older, head, changed).ok());
            }
            const TreeHead changed{size, flipped(head.root, bit)};
            EXPECT_FALSE(verify_inclusion(leaves[index], index, changed, inclusion).ok());
            EXPECT_FALSE(
                verify_inclusion(flipped(leaves[index], bit), index, head, inclusion).ok());
        }
        MerkleProof longer = inclusion;
        longer.push_back(head.root);
        EXPECT_FALSE(verify_inclusion(leaves[index], index, head, longer).ok());
        if (inclusion.empty()) continue;
        const MerkleProof shorter(inclusion.begin(), inclusion.end() - 1);
        EXPECT_FALSE(verify_inclusion(leaves[index], index, head, shorter).ok());
    }
}

TEST(Merkle, AbsurdSizesAreRefusedNotComputed) {
    const SubtreeReader none = [](unsigned, std::uint64_t) -> Result<Digest> {
        return not_found("nothing is stored");
    };
    EXPECT_EQ(merkle_root(UINT64_MAX, none).status().code(), Code::kInvalidArgument);
    EXPECT_EQ(inclusion_proof(0, UINT64_MAX, none).status().code(), Code::kInvalidArgument);
    EXPECT_EQ(inclusion_proof(5, 1u << 20, none).status().code(), Code::kNotFound);
    const MerkleProof longest(kMaxProofHashes + 200);
    EXPECT_FALSE(verify_inclusion({}, 1, {UINT64_MAX, {}}, longest).ok());
    EXPECT_FALSE(verify_consistency({3, {}}, {UINT64_MAX, {}}, longest).ok());
}

}  // namespace
}  // namespace hf::crypto
