// Files: the file system as Holdfast needs it: whole reads with a bound, durable atomic writes,
// read-only maps, exclusive locks. Real in posix/, in memory (with crashes) in testing/.
//
// Paths are UTF-8, absolute or relative to the working directory. Errors: NOT_FOUND,
// PERMISSION_DENIED, RESOURCE_EXHAUSTED (disk full, or larger than the caller's bound),
// ALREADY_EXISTS, else INTERNAL; each names the path and what the operating system said.
//
// Thread-safety: implementations may be called from any thread.

#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "base/time.h"

namespace hf::env {

// A read-only mapping of a whole regular file; unmapped on destruction.
class MappedFile {
public:
    virtual ~MappedFile() = default;
    virtual ByteView bytes() const = 0;  // page-aligned start
};

// A file that is read in pieces, anywhere in it: for what is larger than memory should hold.
//
// Thread-safety: any thread.
class ReadFile {
public:
    virtual ~ReadFile() = default;
    virtual std::uint64_t size() const = 0;  // when it was opened

    // Fills `out` from `offset` on. OUT_OF_RANGE beyond the end; DATA_LOSS when the file was cut
    // meanwhile.
    virtual Status read(std::uint64_t offset, std::span<std::uint8_t> out) const = 0;
};

// A file being written under a temporary name in the target's folder. Nothing shows under the final
// name until commit(); destruction without commit removes the temporary file.
class FileWriter {
public:
    virtual ~FileWriter() = default;
    virtual Status append(ByteView bytes) = 0;

    // Syncs the data, renames over the target, syncs the folder. After OK the file survives power
    // loss.
    virtual Status commit() = 0;
};

// A file that grows at its end and may be read anywhere. After sync() OK, what was appended before
// survives power loss; without it, a crash of the machine may leave any beginning of the unsynced
// bytes, and a crash of the process alone loses nothing.
//
// One thread at a time appends and truncates; read, size and sync may go on beside it.
class AppendFile {
public:
    virtual ~AppendFile() = default;
    virtual std::uint64_t size() const = 0;

    // All of the bytes or, after an error, none.
    virtual Status append(ByteView bytes) = 0;

    // Exactly `size` bytes from `offset` on; OUT_OF_RANGE beyond the end.
    virtual Result<Bytes> read(std::uint64_t offset, std::size_t size) const = 0;

    virtual Status sync() = 0;

    // Cuts the end off, durably. REQUIRES: size <= this->size().
    virtual Status truncate(std::uint64_t size) = 0;
};

// Held until destroyed.
class FileLock {
public:
    virtual ~FileLock() = default;
};

enum class FileKind : unsigned char { kRegular, kDirectory, kSymlink, kOther };

struct FileInfo {
    FileKind kind = FileKind::kOther;
    std::uint64_t size_bytes = 0;
    std::uint64_t link_count = 0;
};

struct DirectoryEntry {
    std::string name;  // without the folder
    FileKind kind = FileKind::kOther;
};

// Who may read what is written.
enum class Access : unsigned char {
    kShared,      // the process's umask decides
    kPrivate,     // owner only: keys, tokens
    kExecutable,  // as kShared, and it may be started: programs
};

class Files {
public:
    virtual ~Files() = default;

    // The whole file. RESOURCE_EXHAUSTED when larger than max_bytes.
    virtual Result<Bytes> read(std::string_view path, std::uint64_t max_bytes) = 0;

    // Regular files only; a symbolic link at the last component is refused when no_follow.
    virtual Result<std::unique_ptr<MappedFile>> map(std::string_view path, bool no_follow) = 0;

    // Regular files only.
    virtual Result<std::unique_ptr<ReadFile>> open_read(std::string_view path) = 0;

    virtual Result<std::unique_ptr<FileWriter>> create(std::string_view path, Access access) = 0;

    // Opens the file, or makes an empty one; its name survives power loss. Regular files only;
    // symbolic links at the last component are refused.
    virtual Result<std::unique_ptr<AppendFile>> open_append(std::string_view path,
                                                            Access access) = 0;

    // Does not follow a symbolic link at the last component.
    virtual Result<FileInfo> info(std::string_view path) = 0;

    // Sorted by name. Without "." and "..".
    virtual Result<std::vector<DirectoryEntry>> list(std::string_view path) = 0;

    // Their names survive power loss, also when others made them.
    virtual Status create_directories(std::string_view path) = 0;

    // The names that are in the folder now survive power loss. For names that this process did not
    // make itself: one that was killed may have been about to.
    virtual Status sync_folder(std::string_view path) = 0;

    // A file or an empty folder. OK when it was not there.
    virtual Status remove(std::string_view path) = 0;

    // Takes an advisory exclusive lock on path, creating the file; UNAVAILABLE when another process
    // holds it.
    virtual Result<std::unique_ptr<FileLock>> lock(std::string_view path) = 0;

    // As lock(), but waits while another holds it. UNAVAILABLE when that lasts longer than
    // `patience`. Worlds in which nobody else runs need not wait: that is what this one does.
    virtual Result<std::unique_ptr<FileLock>> lock_within(std::string_view path, Duration patience);

    // create + append + commit.
    Status write(std::string_view path, ByteView bytes, Access access = Access::kShared);

    bool exists(std::string_view path) { return info(path).ok(); }
};

}  // namespace hf::env
