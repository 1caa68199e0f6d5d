// Attacks on the receipt log (edge-trust cases A67 to A72). Who has the folder and not the key is
// found out when the log is opened or a leaf is read. Who has the key as well can sign anything,
// and is found out by whoever kept an older checkpoint: the new tree does not extend it.

#include <functional>

#include <gtest/gtest.h>

#include "serve/merkle_log.h"
#include "testing/memory_files.h"
#include "trust/receipt.h"

namespace hf::serve {
namespace {

using Leaves = std::vector<std::string>;

constexpr std::size_t kLeaves = 40;
constexpr std::size_t kKept = 30;  // leaves under the checkpoint that somebody kept

const crypto::Ed25519PrivateKey& the_key() {
    static const crypto::Ed25519PrivateKey key = crypto::Ed25519PrivateKey::generate();
    return key;
}

const trust::NoteSigner& the_signer() {
    static const trust::NoteSigner signer = *trust::NoteSigner::create("log", the_key());
    return signer;
}

Leaves honest_leaves() {
    Leaves leaves;
    for (std::size_t i = 0; i < kLeaves; ++i)
        leaves.push_back(fmt::format(R"({{"id":"{0}-x","time":"2026-01-01T00:00:{0:02}Z"}})", i));
    return leaves;
}

Result<std::unique_ptr<MerkleLog>> open_log(env::Files& files) {
    return MerkleLog::open(files,
                           {.folder = "log", .signer = the_signer(), .segment_bytes = 1u << 20});
}

// A log of these leaves, as its key's owner writes it; the checkpoint over them all.
std::string write_log(env::Files& files, const Leaves& leaves) {
    const auto log = open_log(files).value();
    for (const std::string& leaf : leaves)
        EXPECT_TRUE(log->add([&](std::uint64_t, std::string& text) { text += leaf; }).ok());
    EXPECT_TRUE(log->checkpoint().ok());
    return log->signed_note().value();
}

crypto::TreeHead head_of(const std::string& note) {
    const auto opened = trust::open_note(note, {&the_signer().verifier(), 1}).value();
    return trust::parse_checkpoint(opened.text).value().head;
}

crypto::SubtreeReader reader_of(const Leaves& leaves) {
    return [&leaves](unsigned level, std::uint64_t at) -> Result<Digest> {
        crypto::MerkleFrontier subtree;
        for (std::uint64_t i = at << level; i < (at + 1) << level; ++i)
            subtree.append(crypto::merkle_leaf(as_bytes(leaves[i])));
        return subtree.root();
    };
}

struct Attack {
    std::string_view what;
    std::function<void(Leaves&)> edit;
    bool extends = false;  // the kept tree is a beginning of the new one
};

std::vector<Attack> attacks() {
    return {
        {"nothing", [](Leaves&) {}, true},
        {"more came", [](Leaves& l) { l.emplace_back("{}"); }, true},
        {"A67 edit", [](Leaves& l) { l[7][0] = ' '; }},
        {"A67 edit the first", [](Leaves& l) { l[0] += ' '; }},
        {"A67 edit the last that was kept", [](Leaves& l) { l[kKept - 1] += ' '; }},
        {"A68 drop", [](Leaves& l) { l.erase(l.begin() + 7); }},
        {"A68 drop the first", [](Leaves& l) { l.erase(l.begin()); }},
        {"A69 reorder", [](Leaves& l) { std::swap(l[7], l[8]); }},
        {"A69 reorder far", [](Leaves& l) { std::swap(l[0], l[kKept - 1]); }},
        {"A70 truncate", [](Leaves& l) { l.resize(kKept - 1); }},
        {"A70 truncate to little", [](Leaves& l) { l.resize(1); }},
        {"A71 fork", [](Leaves& l) { l.assign(kLeaves, "{}"); }},
        {"A71 fork of the same size",
         [](Leaves& l) {
             l.resize(kKept);
             l[kKept - 1] = "{}";
         }},
        {"A72 put in where it would have been in time",
         [](Leaves& l) { l.insert(l.begin() + 7, l[7]); }},
    };
}

TEST(LogAttacks, A67ToA72WithTheKeyAKeptCheckpointTells) {
    const Leaves honest = honest_leaves();
    testing::MemoryFiles kept_files;
    const crypto::TreeHead kept =
        head_of(write_log(kept_files, Leaves(honest.begin(), honest.begin() + kKept)));
    for (const Attack& attack : attacks()) {
        Leaves leaves = honest;
        attack.edit(leaves);
        testing::MemoryFiles files;
        const crypto::TreeHead now = head_of(write_log(files, leaves));
        ASSERT_EQ(now.size, leaves.size());
        crypto::MerkleProof proof;
        if (now.size >= kept.size)
            proof = crypto::consistency_proof(kept.size, now.size, reader_of(leaves)).value();
        const Status verdict = crypto::verify_consistency(kept, now, proof);
        EXPECT_EQ(verdict.ok(), attack.extends) << attack.what << ": " << verdict.to_string();
    }
}

// A receipt that was handed out stands by itself: its own checkpoint proves that it was logged.
TEST(LogAttacks, A68AReceiptThatWasHandedOutOutlivesTheLog) {
    const Leaves leaves = honest_leaves();
    testing::MemoryFiles files;
    write_log(files, leaves);
    const auto proved = open_log(files).value()->prove(7).value();
    const trust::ReceiptFile file{proved.leaf, 7, proved.proof, proved.checkpoint};
    const auto verdict = [&](const trust::ReceiptFile& shown) {
        return trust::verify_receipt_file(trust::write_receipt_file(shown), the_key().public_key(),
                                          "log")
            .status();
    };
    EXPECT_EQ(verdict(file), Status());
    trust::ReceiptFile moved = file;
    moved.index = 8;
    EXPECT_EQ(verdict(moved).code(), Code::kUnauthenticated) << "A69";
    trust::ReceiptFile edited = file;
    edited.receipt = leaves[8];
    EXPECT_EQ(verdict(edited).code(), Code::kUnauthenticated) << "A67";
    // A72: with the time of another, under the checkpoint of its own.
    edited = file;
    edited.receipt.replace(edited.receipt.find(":07Z"), 4, ":01Z");
    EXPECT_EQ(verdict(edited).code(), Code::kUnauthenticated) << "A72";
}

// The files of the folder, from one log, with one of another log's that the same key signed.
TEST(LogAttacks, A67ToA71WithoutTheKeyTheFolderTells) {
    const Leaves honest = honest_leaves();
    for (const Attack& attack : attacks()) {
        Leaves leaves = honest;
        attack.edit(leaves);
        if (leaves == honest || attack.extends) continue;
        testing::MemoryFiles other;
        write_log(other, leaves);
        for (const std::string name : {"entries-0000000000000000", "offsets", "hashes-0"}) {
            SCOPED_TRACE(fmt::format("{}: {}", attack.what, name));
            testing::MemoryFiles files;
            write_log(files, honest);
            const Bytes before = files.read("log/" + name, 1u << 20).value();
            const Bytes forged = other.read("log/" + name, 1u << 20).value();
            if (forged == before) continue;
            files.overwrite("log/" + name, forged);
            const auto log = open_log(files);
            if (!log.ok()) {
                EXPECT_EQ(log.status().code(), Code::kDataLoss) << log.status().to_string();
                continue;
            }
            // What is still proved is what was signed.
            std::size_t refused = 0;
            for (std::uint64_t i = 0; i < (*log)->signed_size(); ++i) {
                const auto proved = (*log)->prove(i);
                refused += !proved.ok();
                if (proved.ok()) {
                    EXPECT_EQ(proved->leaf, honest[i]);
                }
            }
            EXPECT_GT(refused, 0u);
        }
    }
}

// A70 at its simplest: the end of the records is cut off, and nothing else.
TEST(LogAttacks, A70RecordsThatAreCutAreMissed) {
    testing::MemoryFiles files;
    write_log(files, honest_leaves());
    const std::string path = "log/entries-0000000000000000";
    const Bytes whole = files.read(path, 1u << 20).value();
    for (const std::size_t left : {whole.size() - 1, whole.size() / 2, std::size_t{0}}) {
        files.overwrite(path, Bytes(whole.begin(), whole.begin() + static_cast<long>(left)));
        const auto log = open_log(files);
        const Status last = log.ok() ? (*log)->prove(kLeaves - 1).status() : log.status();
        EXPECT_EQ(last.code(), Code::kDataLoss) << left << ": " << last.to_string();
    }
}

}  // namespace
}  // namespace hf::serve
