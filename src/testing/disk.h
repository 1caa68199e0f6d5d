// Disk: a file system in memory that remembers what was asked of it. MemoryFiles and the file layer
// that sim/power puts under SQLite are two ways to one Disk; crash_states.h builds from its record
// what a machine may find there after its power was lost.
//
// What survives is what POSIX promises and no more: the bytes of a file once it was synced, a name
// (made, moved or removed) once its folder was.
//
// Faults: a process that is killed at a change, a disk that is full, and one that answers syncs
// without doing them. A change is what a caller counts; one may be several operations.
//
// Thread-safety: its users hold `mutex`, which guards the files' bytes too; fault settings lock it.

#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/mutex.h"
#include "base/status.h"

namespace hf::testing {

// One thing that was done to a disk.
struct DiskOperation {
    enum class Kind : unsigned char {
        kWrite,       // of a file's bytes at an offset
        kTruncate,    // of a file, to `offset` bytes
        kSync,        // of a file's bytes
        kSyncFailed,  // what was written before may never reach the disk, whatever comes later
        kLink,        // a new file's name
        kRename,      // from `path` to `to`
        kUnlink,      // of a name, of a file or an empty folder
        kFolder,      // a new folder
        kSyncFolder,  // of the names in a folder
    };
    Kind kind = Kind::kSync;
    std::uint64_t file = 0;    // which, also for kLink and kRename
    std::uint64_t offset = 0;  // of kWrite; the new size of kTruncate
    Bytes bytes = {};          // of kWrite
    std::string path = {};
    std::string to = {};
};

// All that a disk holds.
struct DiskImage {
    std::map<std::string, std::uint64_t, std::less<>> names;
    std::map<std::uint64_t, Bytes> files;
    std::set<std::string, std::less<>> folders;
};

// "" for a name without one.
std::string_view folder_of(std::string_view path);

class Disk final {
public:
    struct File {
        std::uint64_t id = 0;
        Bytes bytes;
        std::size_t synced = 0;  // so many of the first are safe
    };
    using FilePtr = std::shared_ptr<File>;

    Disk() = default;
    explicit Disk(const DiskImage& image);

    // From here on operations are kept, and what is there now is what they begin with.
    void record();
    std::vector<DiskOperation> operations() const;
    std::size_t operation_count() const;
    DiskImage base() const;   // what the record begins with
    DiskImage image() const;  // what is there now, as running processes see it

    // `changes` more succeed. The next one fails with UNAVAILABLE, an append after half of its
    // bytes, and all after it fail without effect.
    void die_after(std::uint64_t changes);

    // `operations` more happen. The process is killed there, in the middle of a change too.
    void die_after_operations(std::uint64_t operations);

    // `changes` more succeed. The next one fails with RESOURCE_EXHAUSTED; those after it succeed.
    void fill_after(std::uint64_t changes);

    // As fill_after(), but all that need room fail until make_room(). Removing needs none.
    void stay_full_after(std::uint64_t changes);
    void make_room();
    bool is_full() const;        // something failed for want of room, and there is none yet
    bool was_ever_full() const;  // something failed for want of room since the disk was made

    // The process starts again: changes succeed, locks are free.
    void restart();

    // What the disk answers as done and does not do.
    enum class Lie : unsigned char { kNone, kSync, kSyncFolder };
    void lie(Lie lie);

    // From here on for users that hold the lock.
    mutable Mutex mutex;

    // Counts a change. `last`: the one that the process dies in.
    enum class Needs : unsigned char { kRoom, kNothing };
    Status change(Needs needs = Needs::kRoom, bool* last = nullptr) HF_REQUIRES(mutex);
    bool is_dead() const HF_REQUIRES(mutex) {
        return changes > dies_at_ || operations_done_ > dies_at_operation_;
    }
    Status alive() const HF_REQUIRES(mutex);  // UNAVAILABLE once the process was killed

    Result<FilePtr> find(std::string_view path) const HF_REQUIRES(mutex);
    bool has_folder_of(std::string_view path) const HF_REQUIRES(mutex);

    FilePtr link(std::string_view path) HF_REQUIRES(mutex);
    void write(File& file, std::uint64_t offset, ByteView bytes) HF_REQUIRES(mutex);
    void truncate(File& file, std::uint64_t size) HF_REQUIRES(mutex);
    void sync(File& file, bool failed = false) HF_REQUIRES(mutex);
    void rename(std::string_view from, std::string_view to) HF_REQUIRES(mutex);
    void unlink(std::string_view path) HF_REQUIRES(mutex);
    void make_folder(std::string_view path) HF_REQUIRES(mutex);
    void sync_folder(std::string_view path) HF_REQUIRES(mutex);

    std::map<std::string, FilePtr, std::less<>> files HF_GUARDED_BY(mutex);
    std::set<std::string, std::less<>> folders HF_GUARDED_BY(mutex);
    // Folders whose names this life of the process knows to be safe.
    std::set<std::string, std::less<>> safe_folders HF_GUARDED_BY(mutex);
    std::set<std::string, std::less<>> locks HF_GUARDED_BY(mutex);
    std::uint64_t changes HF_GUARDED_BY(mutex) = 0;
    std::uint64_t lives HF_GUARDED_BY(mutex) = 0;  // how often the process started again
    std::uint64_t temporaries HF_GUARDED_BY(mutex) = 0;

private:
    static constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();

    bool stopped() HF_REQUIRES(mutex);
    void note(DiskOperation operation) HF_REQUIRES(mutex);
    DiskImage image_locked() const HF_REQUIRES(mutex);

    std::uint64_t operations_done_ HF_GUARDED_BY(mutex) = 0;
    std::uint64_t dies_at_operation_ HF_GUARDED_BY(mutex) = kNever;
    std::uint64_t dies_at_ HF_GUARDED_BY(mutex) = kNever;
    std::uint64_t full_at_ HF_GUARDED_BY(mutex) = kNever;
    bool full_stays_ HF_GUARDED_BY(mutex) = false;
    bool was_ever_full_ HF_GUARDED_BY(mutex) = false;
    bool was_full_ HF_GUARDED_BY(mutex) = false;
    Lie lie_ HF_GUARDED_BY(mutex) = Lie::kNone;
    std::uint64_t last_id_ HF_GUARDED_BY(mutex) = 0;
    bool recording_ HF_GUARDED_BY(mutex) = false;
    DiskImage base_ HF_GUARDED_BY(mutex);
    std::vector<DiskOperation> operations_ HF_GUARDED_BY(mutex);
};

}  // namespace hf::testing
