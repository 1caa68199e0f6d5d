#include "serve/merkle_log.h"

#include <gtest/gtest.h>

#include "testing/crash_states.h"
#include "testing/memory_files.h"
#include "testing/script.h"

namespace hf::serve {
namespace {

const trust::NoteSigner& the_signer() {
    static const trust::NoteSigner signer =
        *trust::NoteSigner::create("log", crypto::Ed25519PrivateKey::generate());
    return signer;
}

// Segments of a few records, so that tests cross their borders.
Result<std::unique_ptr<MerkleLog>> open_log(env::Files& files) {
    return MerkleLog::open(files,
                           {.folder = "data/log", .signer = the_signer(), .segment_bytes = 200});
}

std::string leaf_text(std::uint64_t index) {
    return fmt::format("leaf {}",
                       std::string(1 + index * 7 % 23, static_cast<char>('a' + index % 26)));
}

void add_leaf_text(std::uint64_t index, std::string& leaf) {
    leaf += leaf_text(index);
}

crypto::TreeHead head_of(const std::string& note) {
    const Result<trust::OpenedNote> opened = trust::open_note(note, {&the_signer().verifier(), 1});
    EXPECT_TRUE(opened.ok()) << opened.status().to_string();
    const Result<trust::Checkpoint> checkpoint = trust::parse_checkpoint(opened->text);
    EXPECT_TRUE(checkpoint.ok()) << checkpoint.status().to_string();
    EXPECT_EQ(checkpoint->origin, "log");
    return checkpoint->head;
}

// The tree over the first leaf texts, computed anew.
Digest root_of_first(std::uint64_t size) {
    crypto::MerkleFrontier tree;
    for (std::uint64_t i = 0; i < size; ++i) {
        tree.append(crypto::merkle_leaf(as_bytes(leaf_text(i))));
    }
    return tree.root();
}

void expect_proved(const MerkleLog& log, std::uint64_t index) {
    const Result<MerkleLog::Proved> proved = log.prove(index);
    ASSERT_TRUE(proved.ok()) << proved.status().to_string();
    EXPECT_EQ(proved->leaf, leaf_text(index));
    EXPECT_TRUE(crypto::verify_inclusion(crypto::merkle_leaf(as_bytes(proved->leaf)), index,
                                         head_of(proved->checkpoint), proved->proof)
                    .ok());
}

TEST(MerkleLog, ProvesEveryLeafAcrossSegmentsTilesAndStarts) {
    testing::MemoryFiles files;
    constexpr std::uint64_t kLeaves = 700;
    std::uint64_t next = 0;
    while (next < kLeaves) {
        const auto log = open_log(files);
        ASSERT_TRUE(log.ok()) << log.status().to_string();
        ASSERT_EQ((*log)->size(), next);
        for (int i = 0; i < 100; ++i, ++next) EXPECT_EQ(*(*log)->add(add_leaf_text), next);
        EXPECT_EQ((*log)->prove(next - 1).status().code(), Code::kOutOfRange);
        ASSERT_TRUE((*log)->checkpoint().ok());
        EXPECT_EQ((*log)->signed_size(), next);
        EXPECT_EQ(head_of(*(*log)->signed_note()).root, root_of_first(next));
        for (std::uint64_t i = 0; i < next; i += 13) expect_proved(**log, i);
        expect_proved(**log, next - 1);
        ASSERT_TRUE(
            (*log)->add(add_leaf_text).ok());  // read again from the records at the next start
        ++next;
    }
}

TEST(MerkleLog, SignsOnlyWhenSomethingWasAdded) {
    testing::MemoryFiles files;
    const auto log = open_log(files);
    ASSERT_TRUE(log.ok());
    EXPECT_EQ((*log)->signed_note().status().code(), Code::kNotFound);
    ASSERT_TRUE((*log)->checkpoint().ok());
    EXPECT_EQ(head_of(*(*log)->signed_note()).size, 0u);
    const std::uint64_t before = files.changes();
    ASSERT_TRUE((*log)->checkpoint().ok());
    EXPECT_EQ(files.changes(), before);
}

TEST(MerkleLog, OneProcessAtATimeAndItsKeyOnly) {
    testing::MemoryFiles files;
    auto log = open_log(files);
    ASSERT_TRUE(log.ok());
    EXPECT_EQ(open_log(files).status().code(), Code::kUnavailable);
    ASSERT_TRUE((*log)->checkpoint().ok());
    log->reset();
    const auto other = trust::NoteSigner::create("log", crypto::Ed25519PrivateKey::generate());
    EXPECT_EQ(MerkleLog::open(files, {.folder = "data/log", .signer = *other}).status().code(),
              Code::kUnauthenticated);
    EXPECT_TRUE(open_log(files).ok());
}

TEST(MerkleLog, LeavesHaveBounds) {
    testing::MemoryFiles files;
    const auto log = open_log(files);
    const auto add = [&](std::size_t size) {
        return (*log)
            ->add([size](std::uint64_t, std::string& leaf) { leaf.append(size, 'x'); })
            .status();
    };
    EXPECT_EQ(add(0).code(), Code::kInvalidArgument);
    EXPECT_EQ(add(MerkleLog::kMaxLeafBytes + 1).code(), Code::kInvalidArgument);
    EXPECT_TRUE(add(MerkleLog::kMaxLeafBytes).ok());
    EXPECT_EQ((*log)->size(), 1u);
}

TEST(MerkleLog, AfterAFailedSyncNothingIsAddedUntilTheNextStart) {
    testing::MemoryFiles files;
    {
        const auto log = open_log(files);
        ASSERT_TRUE((*log)->add(add_leaf_text).ok());
        files.die_after(0);
        const Status failed = (*log)->checkpoint();
        EXPECT_FALSE(failed.ok());
        EXPECT_EQ((*log)->health(), failed);
        files.restart();
        EXPECT_EQ((*log)->add(add_leaf_text).status(), failed);
        EXPECT_EQ((*log)->checkpoint(), failed);
    }
    files.restart();
    const auto log = open_log(files);
    EXPECT_TRUE((*log)->health().ok());
    EXPECT_EQ((*log)->size(), 1u);
    ASSERT_TRUE((*log)->checkpoint().ok());
    expect_proved(**log, 0);
}

TEST(MerkleLog, AFullDiskRefusesAndGoesOnWhenThereIsSpace) {
    testing::MemoryFiles files;
    const auto log = open_log(files);
    ASSERT_TRUE((*log)->add(add_leaf_text).ok());
    files.fill_after(0);
    EXPECT_EQ((*log)->add(add_leaf_text).status().code(), Code::kResourceExhausted);
    EXPECT_TRUE((*log)->health().ok());
    ASSERT_TRUE((*log)->add(add_leaf_text).ok());
    ASSERT_TRUE((*log)->checkpoint().ok());
    EXPECT_EQ(head_of(*(*log)->signed_note()), (crypto::TreeHead{2, root_of_first(2)}));
}

// What a run that may die saw succeed.
struct Witnessed {
    std::uint64_t added = 0;
    std::vector<crypto::TreeHead> heads;
};

void run_until_death(env::Files& files, Witnessed& witnessed) {
    const auto log = open_log(files);
    if (!log.ok()) return;
    for (int i = 0; i < 30; ++i) {
        if ((*log)->add(add_leaf_text).ok()) witnessed.added = (*log)->size();
        if (i % 7 != 6 || !(*log)->checkpoint().ok()) continue;
        witnessed.heads.push_back(head_of(*(*log)->signed_note()));
    }
}

void expect_promises_kept(testing::MemoryFiles& files, const Witnessed& witnessed,
                          std::uint64_t least) {
    const auto log = open_log(files);
    ASSERT_TRUE(log.ok()) << log.status().to_string();
    ASSERT_GE((*log)->size(), least);
    for (const crypto::TreeHead& head : witnessed.heads) {
        ASSERT_EQ(root_of_first(head.size), head.root);
    }
    ASSERT_TRUE((*log)->add(add_leaf_text).ok());
    ASSERT_TRUE((*log)->checkpoint().ok());
    const crypto::TreeHead now = head_of(*(*log)->signed_note());
    EXPECT_EQ(now.size, (*log)->size());
    EXPECT_EQ(now.root, root_of_first(now.size));
    for (std::uint64_t i = 0; i < now.size; ++i) expect_proved(**log, i);
}

std::uint64_t changes_of_a_whole_run() {
    testing::MemoryFiles files;
    Witnessed witnessed;
    run_until_death(files, witnessed);
    run_until_death(files, witnessed);
    EXPECT_EQ(witnessed.added, 60u);
    return files.changes();
}

// Killed at every change of two runs: what was added is there, to the leaf.
TEST(MerkleLog, AKilledProcessLosesNothing) {
    const std::uint64_t whole = changes_of_a_whole_run();
    for (std::uint64_t changes = 0; changes <= whole; ++changes) {
        SCOPED_TRACE(changes);
        testing::MemoryFiles files;
        Witnessed witnessed;
        files.die_after(changes);
        run_until_death(files, witnessed);
        run_until_death(files, witnessed);
        files.restart();
        expect_promises_kept(files, witnessed, witnessed.added);
    }
}

// The same when the power goes: what was signed is there.
TEST(MerkleLog, LostPowerLosesNothingThatWasSigned) {
    Rng rng(testing::seed());
    const std::uint64_t whole = changes_of_a_whole_run();
    for (std::uint64_t changes = 0; changes <= whole; ++changes) {
        for (int variant = 0; variant < 3; ++variant) {
            SCOPED_TRACE(fmt::format("{} variant {}", changes, variant));
            testing::MemoryFiles files;
            Witnessed witnessed;
            files.die_after(changes);
            run_until_death(files, witnessed);
            run_until_death(files, witnessed);
            files.lose_power(rng);
            files.restart();
            expect_promises_kept(files, witnessed,
                                 witnessed.heads.empty() ? 0 : witnessed.heads.back().size);
        }
    }
}

// A checkpoint's sync failed, for want of room say: what it was to keep may be lost although it can
// be read, and the next start signs over it.
TEST(MerkleLog, WhatAFailedSyncDidNotKeepIsWrittenAnewBeforeItIsSigned) {
    Rng rng(testing::seed());
    const auto disk = std::make_shared<testing::Disk>();
    testing::MemoryFiles files(disk);
    disk->record();
    {
        const auto log = open_log(files);
        for (int i = 0; i < 4; ++i) ASSERT_TRUE((*log)->add(add_leaf_text).ok());
        files.fill_after(0);
        EXPECT_EQ((*log)->checkpoint().code(), Code::kResourceExhausted);
    }
    {
        const auto log = open_log(files);
        ASSERT_EQ((*log)->size(), 4u);
        ASSERT_TRUE((*log)->checkpoint().ok());
    }
    const testing::CrashStates states(*disk);
    for (int draw = 0; draw < 50; ++draw) {
        const testing::CrashState state = states.draw(states.operations(), rng);
        SCOPED_TRACE(states.describe(state));
        testing::MemoryFiles left(std::make_shared<testing::Disk>(states.build(state)));
        const auto log = open_log(left);
        ASSERT_TRUE(log.ok()) << log.status().to_string();
        for (std::uint64_t i = 0; i < 4; ++i) expect_proved(**log, i);
    }
}

Bytes content(testing::MemoryFiles& files, std::string_view path) {
    return *files.read(path, 1u << 20);
}

TEST(MerkleLog, NoDamageToWhatWasSignedIsBelieved) {
    testing::MemoryFiles files;
    Witnessed witnessed;
    run_until_death(files, witnessed);
    {
        const auto log = open_log(files);
        ASSERT_TRUE((*log)->checkpoint().ok());
    }
    const std::vector<env::DirectoryEntry> entries = *files.list("data/log");
    for (const env::DirectoryEntry& entry : entries) {
        const std::string path = "data/log/" + entry.name;
        const Bytes good = content(files, path);
        for (std::size_t at = 0; at < good.size(); at += 3) {
            SCOPED_TRACE(fmt::format("{} at {}", entry.name, at));
            Bytes bad = good;
            bad[at] ^= 0x10;
            files.overwrite(path, bad);
            const auto log = open_log(files);
            if (!log.ok()) continue;
            // A hurt record or offset below the last shows when it is read.
            std::size_t refused = 0;
            for (std::uint64_t i = 0; i < (*log)->signed_size(); ++i) {
                const Result<MerkleLog::Proved> proved = (*log)->prove(i);
                if (proved.ok()) {
                    EXPECT_EQ(proved->leaf, leaf_text(i));
                } else {
                    EXPECT_EQ(proved.status().code(), Code::kDataLoss);
                    ++refused;
                }
            }
            // The length's or check's bytes of a record may be hurt while its leaf is whole.
            EXPECT_LE(refused, 1u);
        }
        files.overwrite(path, good);
    }
    EXPECT_TRUE(open_log(files).ok());
}

TEST(MerkleLog, AMissingFileIsDataLoss) {
    for (std::string_view name : {"offsets", "hashes-0", "entries-0000000000000000"}) {
        testing::MemoryFiles files;
        Witnessed witnessed;
        run_until_death(files, witnessed);
        ASSERT_TRUE(files.remove("data/log/" + std::string(name)).ok());
        const auto log = open_log(files);
        const Status status = log.ok() ? (*log)->prove(0).status() : log.status();
        EXPECT_EQ(status.code(), Code::kDataLoss) << name << ": " << status.to_string();
    }
}

}  // namespace
}  // namespace hf::serve
