#include "serve/merkle_log.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/text.h"

namespace hf::serve {
namespace {

constexpr std::size_t kHeadBytes = 8;  // of a record: length and check
constexpr unsigned kTileLevels = 8;    // levels of the tree that one tile file skips
constexpr std::uint64_t kMaxNoteFileBytes = 64u << 10;
constexpr std::string_view kSegmentPrefix = "entries-";

std::uint32_t check_of(const Digest& leaf_hash) {
    return load_le<std::uint32_t>(leaf_hash.bytes().data());
}

// Writes the head into the place that was left for it. REQUIRES: kHeadBytes, then the leaf.
void set_head(std::string& record, const Digest& leaf_hash) {
    const auto size = static_cast<std::uint32_t>(record.size() - kHeadBytes);
    const std::uint32_t check = check_of(leaf_hash);
    std::memcpy(record.data(), &size, sizeof size);
    std::memcpy(record.data() + sizeof size, &check, sizeof check);
}

std::string segment_name(std::uint64_t start) {
    return fmt::format("{}{:016x}", kSegmentPrefix, start);
}

// The offset in a segment's name; nullopt for other names.
std::optional<std::uint64_t> segment_start(std::string_view name) {
    if (!name.starts_with(kSegmentPrefix)) return std::nullopt;
    std::uint64_t start = 0;
    name.remove_prefix(kSegmentPrefix.size());
    std::from_chars(name.data(), name.data() + name.size(), start, 16);
    if (segment_name(start).substr(kSegmentPrefix.size()) != name) return std::nullopt;
    return start;
}

Digest digest_of(ByteView bytes) {
    std::array<std::uint8_t, Digest::kSize> hash{};
    std::copy(bytes.begin(), bytes.end(), hash.begin());
    return Digest(hash);
}

// The file again, with the same bytes under the same name, safe: the one that is read may be in the
// operating system's memory alone.
Result<std::shared_ptr<env::AppendFile>> write_anew(env::Files& files, const std::string& path,
                                                    const env::AppendFile& old) {
    constexpr std::uint64_t kPieceBytes = 1u << 20;
    const std::unique_ptr<env::FileWriter> writer =
        HF_TRY(files.create(path, env::Access::kPrivate));
    for (std::uint64_t at = 0, end = old.size(); at < end; at += kPieceBytes) {
        const auto size = static_cast<std::size_t>(std::min(kPieceBytes, end - at));
        HF_TRY(writer->append(HF_TRY(old.read(at, size))));
    }
    HF_TRY(writer->commit());
    return std::shared_ptr<env::AppendFile>(HF_TRY(files.open_append(path, env::Access::kPrivate)));
}

// How many complete subtrees of that tile level a tree of `size` leaves has.
std::uint64_t hashes_at(std::size_t tile_level, std::uint64_t size) {
    return size >> (kTileLevels * tile_level);
}

}  // namespace

Result<std::unique_ptr<MerkleLog>> MerkleLog::open(env::Files& files, Options options) {
    auto log = std::make_unique<MerkleLog>(Private{}, files, std::move(options));
    HF_TRY(log->open_files().context("log {}", log->options_.folder));
    HF_TRY(log->restore_signed().context("log {}", log->options_.folder));
    HF_TRY(log->restore_records().context("log {}", log->options_.folder));
    return log;
}

Status MerkleLog::open_files() {
    HF_TRY(files_.create_directories(options_.folder));
    lock_ = HF_TRY(files_.lock(path("lock")));
    offsets_ = HF_TRY(files_.open_append(path("offsets"), env::Access::kPrivate));
    for (const env::DirectoryEntry& entry : HF_TRY(files_.list(options_.folder))) {
        const std::optional<std::uint64_t> start = segment_start(entry.name);
        if (!start) continue;
        File segment = HF_TRY(files_.open_append(path(entry.name), env::Access::kPrivate));
        const MutexLock lock(mutex_);
        segments_[*start] = std::move(segment);
    }
    for (std::size_t level = 0; files_.exists(path(fmt::format("hashes-{}", level))); ++level) {
        HF_TRY(hash_file(level));
    }
    return {};
}

Result<MerkleLog::File> MerkleLog::hash_file(std::size_t tile_level) {
    const MutexLock lock(mutex_);
    File& file = hashes_.at(tile_level);
    if (!file) {
        file = HF_TRY(
            files_.open_append(path(fmt::format("hashes-{}", tile_level)), env::Access::kPrivate));
    }
    return file;
}

// The tree that the checkpoint was signed over, from the files it promised.
Status MerkleLog::restore_signed() {
    if (!files_.exists(path("checkpoint"))) return {};
    const Bytes bytes = HF_TRY(files_.read(path("checkpoint"), kMaxNoteFileBytes));
    const trust::OpenedNote note =
        HF_TRY(trust::open_note(as_text(bytes), {&verifier(), 1})
                   .context("checkpoint; use the key and name that this log was begun with"));
    const crypto::TreeHead head =
        HF_TRY(trust::parse_checkpoint(note.text).context("checkpoint")).head;
    const std::uint64_t size = head.size;
    const auto holds = [](const File& file, std::uint64_t wanted) {
        return wanted == 0 || (file && file->size() >= wanted);
    };
    bool whole = holds(offsets_, size * sizeof(std::uint64_t));
    {
        const MutexLock lock(mutex_);
        for (std::size_t level = 0; level < hashes_.size(); ++level) {
            whole = whole && holds(hashes_[level], hashes_at(level, size) * Digest::kSize);
        }
    }
    if (!whole) return data_loss("files are shorter than the {} leaves that were signed", size);
    const crypto::SubtreeReader read = [this](unsigned level, std::uint64_t index) {
        return read_subtree(level, index);
    };
    if (HF_TRY(crypto::merkle_root(size, read)) != head.root) {
        return data_loss("the hashes of {} leaves do not make the root that was signed", size);
    }
    std::vector<Digest> peaks;
    for (unsigned level = crypto::kMaxTreeLevels; level-- > 0;) {
        if ((size >> level & 1) == 0) continue;
        peaks.push_back(HF_TRY(read_subtree(level, (size >> level) - 1)));
    }
    crypto::MerkleFrontier tree = HF_TRY(crypto::MerkleFrontier::restore(size, std::move(peaks)));
    std::uint64_t end = 0;
    if (size > 0) {
        const Bytes last = HF_TRY(offsets_->read((size - 1) * sizeof end, sizeof end));
        end = load_le<std::uint64_t>(last.data()) + kHeadBytes + HF_TRY(read_leaf(size - 1)).size();
    }
    const MutexLock lock(mutex_);
    signed_ = {head, std::string(as_text(bytes))};
    tree_ = std::move(tree);
    end_ = end;
    return {};
}

// The records after the checkpoint, up to the first that is not whole.
Status MerkleLog::restore_records() {
    const MutexLock lock(mutex_);
    const std::uint64_t signed_end = end_;
    bool torn = false;
    for (auto at = segments_.begin(); at != segments_.end();) {
        const auto& [start, segment] = *at;
        const std::uint64_t segment_end = start + segment->size();
        if (segment_end <= end_ && !torn && std::next(at) != segments_.end()) {
            ++at;
            continue;
        }
        // Behind a torn record nothing counts: no checkpoint was signed over it.
        if (torn || start > end_) {
            torn = true;
            HF_TRY(files_.remove(path(segment_name(start))));
            at = segments_.erase(at);
            continue;
        }
        HF_TRY(read_records(start, *segment));
        if (end_ < segment_end) HF_TRY(segment->truncate(end_ - start));
        torn = end_ < segment_end;
        // A sync may have failed before this start; one that succeeds now says nothing of what that
        // one was to keep. The next checkpoint is signed over what is safe.
        if (start + segment->size() > signed_end) {
            at->second = HF_TRY(write_anew(files_, path(segment_name(start)), *segment));
        }
        ++at;
    }
    return {};
}

Status MerkleLog::read_records(std::uint64_t start, env::AppendFile& segment) {
    for (;;) {
        const std::uint64_t at = end_ - start;
        if (segment.size() < at + kHeadBytes) return {};
        const Bytes head = HF_TRY(segment.read(at, kHeadBytes));
        const auto size = load_le<std::uint32_t>(head.data());
        const auto check = load_le<std::uint32_t>(head.data() + sizeof size);
        if (size == 0 || size > kMaxLeafBytes) return {};
        if (segment.size() < at + kHeadBytes + size) return {};
        const Bytes leaf = HF_TRY(segment.read(at + kHeadBytes, size));
        const Digest hash = crypto::merkle_leaf(leaf);
        if (check_of(hash) != check) return {};
        note_leaf(hash, end_);
        end_ += kHeadBytes + size;
    }
}

void MerkleLog::note_leaf(const Digest& hash, std::uint64_t offset) {
    unsigned_.offsets.push_back(offset);
    const auto keep = [this](unsigned level, std::uint64_t,
                             const Digest& subtree) HF_REQUIRES(mutex_) {
        if (level % kTileLevels != 0) return;
        const std::size_t tile_level = level / kTileLevels;
        if (unsigned_.hashes.size() <= tile_level) unsigned_.hashes.resize(tile_level + 1);
        Bytes& hashes = unsigned_.hashes[tile_level];
        hashes.insert(hashes.end(), subtree.bytes().begin(), subtree.bytes().end());
    };
    tree_.append(hash, keep);
}

Status MerkleLog::stop(const Status& why) {
    stopped_ = why.context("log {} stopped; start again when this is mended", options_.folder);
    return stopped_;
}

Result<MerkleLog::File> MerkleLog::segment_for(std::size_t record_bytes) {
    if (!segments_.empty()) {
        const auto& [start, segment] = *segments_.rbegin();
        if (segment->size() + record_bytes <= options_.segment_bytes || segment->size() == 0) {
            return segment;
        }
        // Only the last segment is synced by a checkpoint.
        if (const Status synced = segment->sync(); !synced.ok()) return stop(synced);
    }
    if (segments_.size() == kMaxSegments) {
        return resource_exhausted("log {} is full with {} files; move it away and begin another",
                                  options_.folder, kMaxSegments);
    }
    File segment = HF_TRY(files_.open_append(path(segment_name(end_)), env::Access::kPrivate));
    segments_[end_] = segment;
    return segment;
}

Result<std::uint64_t> MerkleLog::add(const Make& make) {
    const MutexLock lock(mutex_);
    HF_TRY(stopped_);
    if (unsigned_.offsets.size() >= kMaxUnsigned) {
        return resource_exhausted("log {}: {} leaves wait for a checkpoint", options_.folder,
                                  kMaxUnsigned);
    }
    const std::uint64_t index = tree_.size();
    record_.assign(kHeadBytes, '\0');
    make(index, record_);
    const std::size_t size = record_.size() - kHeadBytes;
    if (size == 0 || size > kMaxLeafBytes) {
        return invalid_argument("a leaf of {} bytes; want 1 to {}", size, kMaxLeafBytes);
    }
    const Digest hash = crypto::merkle_leaf(as_bytes(record_).subspan(kHeadBytes));
    set_head(record_, hash);
    const File segment = HF_TRY(segment_for(record_.size()));
    HF_TRY(segment->append(as_bytes(record_)));
    note_leaf(hash, end_);
    end_ += record_.size();
    return index;
}

Status MerkleLog::checkpoint() {
    const MutexLock one_at_a_time(signing_);
    Unsigned added;
    crypto::TreeHead head;
    std::uint64_t signed_size = 0;
    File segment;
    {
        const MutexLock lock(mutex_);
        HF_TRY(stopped_);
        if (tree_.size() == signed_.head.size && !signed_.note.empty()) return {};
        head = {tree_.size(), tree_.root()};
        signed_size = signed_.head.size;
        added = unsigned_;
        if (!segments_.empty()) segment = segments_.rbegin()->second;
    }
    if (segment) {
        if (const Status synced = segment->sync(); !synced.ok()) {
            const MutexLock lock(mutex_);
            return stop(synced);
        }
    }
    HF_TRY(write_hashes(added, signed_size));
    const trust::Checkpoint checkpoint{verifier().name(), head};
    std::string note = HF_TRY(options_.signer.sign(trust::write_checkpoint(checkpoint)));
    const Status replaced = files_.write(path("checkpoint"), as_bytes(note));
    const MutexLock lock(mutex_);
    if (!replaced.ok()) return stop(replaced);
    signed_ = {head, std::move(note)};
    unsigned_.offsets.erase(
        unsigned_.offsets.begin(),
        unsigned_.offsets.begin() + static_cast<std::ptrdiff_t>(added.offsets.size()));
    for (std::size_t level = 0; level < added.hashes.size(); ++level) {
        Bytes& hashes = unsigned_.hashes[level];
        hashes.erase(hashes.begin(),
                     hashes.begin() + static_cast<std::ptrdiff_t>(added.hashes[level].size()));
    }
    return {};
}

// What an earlier attempt left behind the signed size is written anew.
Status MerkleLog::write_hashes(const Unsigned& added, std::uint64_t signed_size) {
    const auto write = [](env::AppendFile& file, std::uint64_t from, ByteView bytes) -> Status {
        if (file.size() > from) HF_TRY(file.truncate(from));
        HF_TRY(file.append(bytes));
        return file.sync();
    };
    Bytes offsets;
    offsets.reserve(added.offsets.size() * sizeof(std::uint64_t));
    for (std::uint64_t offset : added.offsets) append_le(offsets, offset);
    HF_TRY(write(*offsets_, signed_size * sizeof(std::uint64_t), offsets));
    for (std::size_t level = 0; level < added.hashes.size(); ++level) {
        if (added.hashes[level].empty()) continue;
        const File file = HF_TRY(hash_file(level));
        HF_TRY(write(*file, hashes_at(level, signed_size) * Digest::kSize, added.hashes[level]));
    }
    return {};
}

Result<Digest> MerkleLog::read_subtree(unsigned level, std::uint64_t index) const {
    const std::size_t tile_level = level / kTileLevels;
    const unsigned above = level % kTileLevels;
    File file;
    {
        const MutexLock lock(mutex_);
        file = hashes_.at(tile_level);
    }
    if (!file) return data_loss("the hashes of level {} are missing", level);
    const std::size_t size = Digest::kSize << above;
    const Bytes hashes = HF_TRY(file->read(index * size, size));
    crypto::MerkleFrontier subtree;
    for (std::size_t at = 0; at < size; at += Digest::kSize) {
        subtree.append(digest_of(ByteView(hashes).subspan(at, Digest::kSize)));
    }
    return subtree.root();
}

Result<std::string> MerkleLog::read_leaf(std::uint64_t index) const {
    const Bytes bytes =
        HF_TRY(offsets_->read(index * sizeof(std::uint64_t), sizeof(std::uint64_t)));
    const auto offset = load_le<std::uint64_t>(bytes.data());
    std::uint64_t start = 0;
    File segment;
    {
        const MutexLock lock(mutex_);
        const auto after = segments_.upper_bound(offset);
        if (after == segments_.begin()) return data_loss("the entries of leaf {} are gone", index);
        std::tie(start, segment) = *std::prev(after);
    }
    const Result<Bytes> head = segment->read(offset - start, kHeadBytes);
    if (!head.ok()) return data_loss("the entries of leaf {} are cut off", index);
    const auto size = load_le<std::uint32_t>(head->data());
    if (size > kMaxLeafBytes) return data_loss("the record of leaf {} is damaged", index);
    const Result<Bytes> leaf = segment->read(offset - start + kHeadBytes, size);
    if (!leaf.ok()) return data_loss("the entries of leaf {} are cut off", index);
    if (crypto::merkle_leaf(*leaf) != HF_TRY(read_subtree(0, index))) {
        return data_loss("leaf {} is not what was logged", index);
    }
    return std::string(as_text(*leaf));
}

Result<MerkleLog::Proved> MerkleLog::prove(std::uint64_t index) const {
    Signed head;
    {
        const MutexLock lock(mutex_);
        head = signed_;
    }
    if (index >= head.head.size) {
        return out_of_range("leaf {} is not among the {} that are signed", index, head.head.size);
    }
    Proved proved;
    proved.leaf = HF_TRY(read_leaf(index).context("log {}", options_.folder));
    proved.proof = HF_TRY(crypto::inclusion_proof(
        index, head.head.size,
        [this](unsigned level, std::uint64_t at) { return read_subtree(level, at); }));
    proved.checkpoint = std::move(head.note);
    return proved;
}

std::uint64_t MerkleLog::size() const {
    const MutexLock lock(mutex_);
    return tree_.size();
}

std::uint64_t MerkleLog::signed_size() const {
    const MutexLock lock(mutex_);
    return signed_.head.size;
}

Status MerkleLog::health() const {
    const MutexLock lock(mutex_);
    return stopped_;
}

Result<std::string> MerkleLog::signed_note() const {
    const MutexLock lock(mutex_);
    if (signed_.note.empty()) return not_found("nothing is signed yet");
    return signed_.note;
}

}  // namespace hf::serve
