// MerkleLog: an append-only log of small records in a folder, whose Merkle root is signed from time
// to time (C2SP checkpoint in a signed note). What a checkpoint was signed over is never
// contradicted afterwards, whatever crashes.
//
//     lock                 one process at a time
//     entries-<16 hex>     records from that offset of the whole stream on:
//                          uint32 length, first 4 bytes of the leaf hash, the leaf; little-endian
//     offsets              uint64 for each leaf: where its record begins in the stream
//     hashes-<L>           roots of the complete subtrees of level 8 L, 32 bytes each: the tiles of
//                          C2SP tlog-tiles one after another, tile N from byte 8192 N on
//     checkpoint           the last signed note
//
// A record is written to the operating system before add() returns, so killing the process loses
// nothing. checkpoint() syncs the records, then offsets and hashes, then signs and replaces
// `checkpoint`: a machine that loses power loses at most what was added since. open() believes the
// checkpoint, refuses (DATA_LOSS) a folder whose hashes are not what was signed, reads the records
// after it and cuts a torn end off. A damaged older leaf is refused when it is asked for.
//
// Memory: one hash a level of the tree, and for each leaf since the last checkpoint about 50 bytes.
//
// Thread-safety: all methods from any thread. When a sync or the replacing of the checkpoint fails
// nothing more is added or signed (the operating system may have dropped what it could not write);
// open again.

#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "crypto/merkle.h"
#include "env/files.h"
#include "trust/checkpoint.h"
#include "trust/note.h"

namespace hf::serve {

class MerkleLog final {
    struct Private {
        explicit Private() = default;
    };

public:
    static constexpr std::size_t kMaxLeafBytes = 64u << 10;
    static constexpr std::size_t kMaxSegments = 512;
    static constexpr std::size_t kMaxUnsigned = 1u << 20;  // leaves after the last checkpoint

    struct Options {
        std::string folder;                        // made when it is not there
        trust::NoteSigner signer;                  // its name is the log's origin
        std::uint64_t segment_bytes = 256u << 20;  // a new entries file is begun beyond that
    };

    static Result<std::unique_ptr<MerkleLog>> open(env::Files& files, Options options);
    MerkleLog(Private, env::Files& files, Options options)
        : files_(files), options_(std::move(options)) {}

    // Appends the leaf that `make` appends to the text for its index; the index. RESOURCE_EXHAUSTED
    // when the disk, kMaxSegments or kMaxUnsigned is full: nothing was added. What `make` refers to
    // fits best into one pointer: then it needs no memory.
    using Make = std::function<void(std::uint64_t index, std::string& leaf)>;
    Result<std::uint64_t> add(const Make& make);

    // Makes durable and signs what was added so far; nothing to do when nothing was.
    Status checkpoint();

    struct Proved {
        std::string leaf;
        crypto::MerkleProof proof;
        std::string checkpoint;
    };
    // A leaf under the last checkpoint. OUT_OF_RANGE when it is not (yet) in it.
    Result<Proved> prove(std::uint64_t index) const;

    std::uint64_t size() const;         // leaves added
    std::uint64_t signed_size() const;  // leaves under the last checkpoint

    // Not OK: why nothing more is added until the log is opened again.
    Status health() const;

    // The last signed note. NOT_FOUND before the first.
    Result<std::string> signed_note() const;

    const trust::NoteVerifier& verifier() const { return options_.signer.verifier(); }

private:
    using File = std::shared_ptr<env::AppendFile>;

    struct Signed {
        crypto::TreeHead head;
        std::string note;
    };
    // What was added since the last checkpoint and is in no file but `entries` yet.
    struct Unsigned {
        std::vector<std::uint64_t> offsets;
        std::vector<Bytes> hashes;  // by tile level
    };

    Status open_files() HF_EXCLUDES(mutex_);
    Status restore_signed() HF_EXCLUDES(mutex_);
    Status restore_records() HF_EXCLUDES(mutex_);
    Status read_records(std::uint64_t start, env::AppendFile& segment) HF_REQUIRES(mutex_);
    Status stop(const Status& why) HF_REQUIRES(mutex_);
    void note_leaf(const Digest& hash, std::uint64_t offset) HF_REQUIRES(mutex_);
    Result<File> segment_for(std::size_t record_bytes) HF_REQUIRES(mutex_);
    Status write_hashes(const Unsigned& added, std::uint64_t signed_size) HF_REQUIRES(signing_)
        HF_EXCLUDES(mutex_);
    Result<File> hash_file(std::size_t tile_level) HF_EXCLUDES(mutex_);
    Result<Digest> read_subtree(unsigned level, std::uint64_t index) const HF_EXCLUDES(mutex_);
    Result<std::string> read_leaf(std::uint64_t index) const HF_EXCLUDES(mutex_);
    std::string path(std::string_view name) const {
        return options_.folder + "/" + std::string(name);
    }

    env::Files& files_;
    const Options options_;
    std::unique_ptr<env::FileLock> lock_;
    File offsets_;  // opened by open()

    // One checkpoint at a time: only its holder writes to the files of offsets and hashes.
    Mutex signing_;

    mutable Mutex mutex_;
    std::array<File, (crypto::kMaxTreeLevels + 7) / 8> hashes_ HF_GUARDED_BY(mutex_);
    // By the offset of their beginning.
    std::map<std::uint64_t, File> segments_ HF_GUARDED_BY(mutex_);
    std::uint64_t end_ HF_GUARDED_BY(mutex_) = 0;  // of the stream of records
    std::string record_ HF_GUARDED_BY(mutex_);     // that is being added
    crypto::MerkleFrontier tree_ HF_GUARDED_BY(mutex_);
    Unsigned unsigned_ HF_GUARDED_BY(mutex_);
    Signed signed_ HF_GUARDED_BY(mutex_);
    Status stopped_ HF_GUARDED_BY(mutex_);  // why nothing more is added
};

}  // namespace hf::serve
