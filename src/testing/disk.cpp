#include "testing/disk.h"

#include <algorithm>

namespace hf::testing {

using Kind = DiskOperation::Kind;

std::string_view folder_of(std::string_view path) {
    const std::size_t slash = path.rfind('/');
    return slash == path.npos ? std::string_view() : path.substr(0, slash);
}

Disk::Disk(const DiskImage& image) {
    const MutexLock lock(mutex);
    std::map<std::uint64_t, FilePtr> by_id;
    for (const auto& [id, bytes] : image.files) {
        by_id[id] = std::make_shared<File>(File{id, bytes, bytes.size()});
        last_id_ = std::max(last_id_, id);
    }
    for (const auto& [name, id] : image.names) files[name] = by_id.at(id);
    folders = image.folders;
}

void Disk::record() {
    const MutexLock lock(mutex);
    recording_ = true;
    base_ = image_locked();
    operations_.clear();
}

std::vector<DiskOperation> Disk::operations() const {
    const MutexLock lock(mutex);
    return operations_;
}

std::size_t Disk::operation_count() const {
    const MutexLock lock(mutex);
    return operations_.size();
}

DiskImage Disk::base() const {
    const MutexLock lock(mutex);
    return base_;
}

DiskImage Disk::image() const {
    const MutexLock lock(mutex);
    return image_locked();
}

DiskImage Disk::image_locked() const {
    DiskImage image;
    image.folders = folders;
    for (const auto& [name, file] : files) {
        image.names[name] = file->id;
        image.files[file->id] = file->bytes;
    }
    return image;
}

void Disk::die_after(std::uint64_t more) {
    const MutexLock lock(mutex);
    dies_at_ = changes + more;
}

void Disk::die_after_operations(std::uint64_t more) {
    const MutexLock lock(mutex);
    dies_at_operation_ = operations_done_ + more;
}

void Disk::fill_after(std::uint64_t more) {
    const MutexLock lock(mutex);
    full_at_ = changes + more;
}

void Disk::stay_full_after(std::uint64_t more) {
    const MutexLock lock(mutex);
    full_at_ = changes + more;
    full_stays_ = true;
    was_full_ = false;
}

void Disk::make_room() {
    const MutexLock lock(mutex);
    full_at_ = kNever;
    full_stays_ = was_full_ = false;
}

bool Disk::is_full() const {
    const MutexLock lock(mutex);
    return was_full_;
}

bool Disk::was_ever_full() const {
    const MutexLock lock(mutex);
    return was_ever_full_;
}

void Disk::restart() {
    const MutexLock lock(mutex);
    dies_at_ = dies_at_operation_ = full_at_ = kNever;
    full_stays_ = was_full_ = false;
    ++lives;
    locks.clear();
    safe_folders.clear();
}

void Disk::lie(Lie lie) {
    const MutexLock lock(mutex);
    lie_ = lie;
}

Status Disk::alive() const {
    return is_dead() ? unavailable("the process was killed here") : Status();
}

// One more operation is asked for; whether it comes too late.
bool Disk::stopped() {
    return operations_done_ > dies_at_operation_ || operations_done_++ >= dies_at_operation_;
}

Status Disk::change(Needs needs, bool* last) {
    if (last) *last = changes == dies_at_;
    const std::uint64_t now = changes++;
    HF_TRY(alive());
    if (now >= dies_at_) return unavailable("the process was killed here");
    const bool full = full_stays_ ? now >= full_at_ && needs == Needs::kRoom : now == full_at_;
    if (!full) return {};
    was_full_ = was_ever_full_ = true;
    return resource_exhausted("no space left on the device");
}

Result<Disk::FilePtr> Disk::find(std::string_view path) const {
    const auto found = files.find(path);
    if (found == files.end()) return not_found("open {}: no such file", path);
    return found->second;
}

bool Disk::has_folder_of(std::string_view path) const {
    const std::string_view folder = folder_of(path);
    return folder.empty() || folders.contains(folder);
}

void Disk::note(DiskOperation operation) {
    if (recording_) operations_.push_back(std::move(operation));
}

Disk::FilePtr Disk::link(std::string_view path) {
    auto file = std::make_shared<File>(File{++last_id_, {}, 0});
    if (stopped()) return file;
    files[std::string(path)] = file;
    note({.kind = Kind::kLink, .file = file->id, .path = std::string(path)});
    return file;
}

void Disk::write(File& file, std::uint64_t offset, ByteView bytes) {
    if (stopped()) return;
    if (file.bytes.size() < offset + bytes.size()) file.bytes.resize(offset + bytes.size());
    std::copy(bytes.begin(), bytes.end(), file.bytes.begin() + static_cast<std::ptrdiff_t>(offset));
    file.synced = std::min(file.synced, static_cast<std::size_t>(offset));
    if (!recording_) return;
    note({.kind = Kind::kWrite,
          .file = file.id,
          .offset = offset,
          .bytes = Bytes(bytes.begin(), bytes.end())});
}

void Disk::truncate(File& file, std::uint64_t size) {
    if (stopped()) return;
    file.bytes.resize(size);
    file.synced = std::min(file.synced, static_cast<std::size_t>(size));
    note({.kind = Kind::kTruncate, .file = file.id, .offset = size});
}

void Disk::sync(File& file, bool failed) {
    if (stopped()) return;
    if (failed) return note({.kind = Kind::kSyncFailed, .file = file.id});
    if (lie_ == Lie::kSync) return;
    file.synced = file.bytes.size();
    note({.kind = Kind::kSync, .file = file.id});
}

void Disk::rename(std::string_view from, std::string_view to) {
    if (stopped()) return;
    const auto file = files.find(from);
    HF_CHECK(file != files.end(), "rename {}: no such file", from);
    files[std::string(to)] = file->second;
    note({.kind = Kind::kRename,
          .file = file->second->id,
          .path = std::string(from),
          .to = std::string(to)});
    files.erase(file);
}

void Disk::unlink(std::string_view path) {
    if (stopped()) return;
    const auto file = files.find(path);
    if (file != files.end()) files.erase(file);
    const auto folder = folders.find(path);
    if (folder != folders.end()) {
        safe_folders.erase(*folder);
        folders.erase(folder);
    }
    note({.kind = Kind::kUnlink, .path = std::string(path)});
}

void Disk::make_folder(std::string_view path) {
    if (stopped() || !folders.emplace(path).second) return;
    note({.kind = Kind::kFolder, .path = std::string(path)});
}

void Disk::sync_folder(std::string_view path) {
    if (stopped()) return;
    if (lie_ == Lie::kSyncFolder) return;
    note({.kind = Kind::kSyncFolder, .path = std::string(path)});
}

}  // namespace hf::testing
