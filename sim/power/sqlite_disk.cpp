#include "sim/power/sqlite_disk.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>

namespace hf::power {

using testing::Disk;

namespace {

// What all files of a layer share.
struct World {
    std::shared_ptr<Disk> disk;
    int error = 0;  // of the last call that failed, as the operating system would say it
};

struct State {
    std::shared_ptr<Disk> disk;
    Disk::FilePtr file;
    std::string path;  // empty: a temporary file, of which the disk knows nothing
    bool name_unsafe = false;
    bool locked = false;
    bool remove_at_close = false;
    int* error = nullptr;
};

struct OpenFile {
    sqlite3_file base;
    State* state;
};

State& of(sqlite3_file* file) {
    return *reinterpret_cast<OpenFile*>(file)->state;
}

// SQLite's code for a change that failed.
int failed(State& state, const Status& status, int code) {
    const bool full = status.code() == Code::kResourceExhausted;
    *state.error = full ? ENOSPC : EIO;
    return code;
}

int close_file(sqlite3_file* file) {
    const std::unique_ptr<State> state(&of(file));
    reinterpret_cast<OpenFile*>(file)->state = nullptr;
    const MutexLock lock(state->disk->mutex);
    if (state->locked) state->disk->locks.erase(state->path);
    if (state->remove_at_close && !state->path.empty()) state->disk->unlink(state->path);
    return SQLITE_OK;
}

int read_file(sqlite3_file* file, void* out, int size, sqlite3_int64 offset) {
    const State& state = of(file);
    const MutexLock lock(state.disk->mutex);
    const Bytes& bytes = state.file->bytes;
    const auto begin = std::min(static_cast<std::size_t>(offset), bytes.size());
    const std::size_t there = std::min(static_cast<std::size_t>(size), bytes.size() - begin);
    std::memset(out, 0, static_cast<std::size_t>(size));
    if (there > 0) std::memcpy(out, bytes.data() + begin, there);
    return there < static_cast<std::size_t>(size) ? SQLITE_IOERR_SHORT_READ : SQLITE_OK;
}

int write_file(sqlite3_file* file, const void* from, int size, sqlite3_int64 offset) {
    State& state = of(file);
    ByteView bytes(static_cast<const std::uint8_t*>(from), static_cast<std::size_t>(size));
    const auto at = static_cast<std::size_t>(offset);
    const MutexLock lock(state.disk->mutex);
    if (state.path.empty()) {
        Bytes& to = state.file->bytes;
        to.resize(std::max(to.size(), at + bytes.size()));
        std::copy(bytes.begin(), bytes.end(), to.begin() + static_cast<std::ptrdiff_t>(at));
        return SQLITE_OK;
    }
    bool last = false;
    const Status status = state.disk->change(Disk::Needs::kRoom, &last);
    const bool full = status.code() == Code::kResourceExhausted;
    // A disk that fills up takes some of a write.
    if (last || full) bytes = bytes.first(bytes.size() / 2);
    if (status.ok() || last || full) state.disk->write(*state.file, at, bytes);
    if (!status.ok()) return failed(state, status, full ? SQLITE_FULL : SQLITE_IOERR_WRITE);
    return state.disk->is_dead() ? failed(state, {}, SQLITE_IOERR_WRITE) : SQLITE_OK;
}

int truncate_file(sqlite3_file* file, sqlite3_int64 size) {
    State& state = of(file);
    const MutexLock lock(state.disk->mutex);
    if (state.path.empty()) {
        state.file->bytes.resize(static_cast<std::size_t>(size));
        return SQLITE_OK;
    }
    const Status status = state.disk->change(Disk::Needs::kNothing);
    if (!status.ok()) return failed(state, status, SQLITE_IOERR_TRUNCATE);
    state.disk->truncate(*state.file, static_cast<std::uint64_t>(size));
    return state.disk->is_dead() ? failed(state, {}, SQLITE_IOERR_TRUNCATE) : SQLITE_OK;
}

int sync_file(sqlite3_file* file, int) {
    State& state = of(file);
    if (state.path.empty()) return SQLITE_OK;
    const MutexLock lock(state.disk->mutex);
    // Room was taken when it was written.
    const Status status = state.disk->change(Disk::Needs::kNothing);
    if (!state.disk->is_dead()) state.disk->sync(*state.file, !status.ok());
    if (!status.ok()) return failed(state, status, SQLITE_IOERR_FSYNC);
    if (state.name_unsafe) {
        state.disk->sync_folder(testing::folder_of(state.path));
        state.name_unsafe = false;
    }
    return state.disk->is_dead() ? failed(state, {}, SQLITE_IOERR_FSYNC) : SQLITE_OK;
}

int size_of_file(sqlite3_file* file, sqlite3_int64* size) {
    const State& state = of(file);
    const MutexLock lock(state.disk->mutex);
    *size = static_cast<sqlite3_int64>(state.file->bytes.size());
    return SQLITE_OK;
}

int lock_file(sqlite3_file* file, int level) {
    State& state = of(file);
    if (level == SQLITE_LOCK_NONE || state.locked || state.path.empty()) return SQLITE_OK;
    const MutexLock lock(state.disk->mutex);
    state.locked = state.disk->locks.insert(state.path).second;
    return state.locked ? SQLITE_OK : SQLITE_BUSY;
}

int unlock_file(sqlite3_file* file, int level) {
    State& state = of(file);
    if (level != SQLITE_LOCK_NONE || !state.locked) return SQLITE_OK;
    const MutexLock lock(state.disk->mutex);
    state.disk->locks.erase(state.path);
    state.locked = false;
    return SQLITE_OK;
}

int check_lock(sqlite3_file*, int* reserved) {
    *reserved = 0;
    return SQLITE_OK;
}

int control_file(sqlite3_file*, int, void*) {
    return SQLITE_NOTFOUND;
}

int sector_size(sqlite3_file*) {
    return 4096;
}

int characteristics(sqlite3_file*) {
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

const sqlite3_io_methods& methods() {
    static const sqlite3_io_methods table = [] {
        sqlite3_io_methods made{};
        made.iVersion = 1;  // without shared memory
        made.xClose = close_file;
        made.xRead = read_file;
        made.xWrite = write_file;
        made.xTruncate = truncate_file;
        made.xSync = sync_file;
        made.xFileSize = size_of_file;
        made.xLock = lock_file;
        made.xUnlock = unlock_file;
        made.xCheckReservedLock = check_lock;
        made.xFileControl = control_file;
        made.xSectorSize = sector_size;
        made.xDeviceCharacteristics = characteristics;
        return made;
    }();
    return table;
}

World& world_of(sqlite3_vfs* vfs) {
    return *static_cast<World*>(vfs->pAppData);
}

// What SQLite hands over to open a file.
struct Opening {
    const char* name;  // null: a temporary one
    sqlite3_file* file;
    int flags;
    int* out_flags;  // may be null
};

int open_file(World& world, const Opening& opening) {
    const auto& [name, file, flags, out_flags] = opening;
    auto state = std::make_unique<State>();
    state->disk = world.disk;
    state->error = &world.error;
    state->path = name ? name : "";
    state->remove_at_close = (flags & SQLITE_OPEN_DELETEONCLOSE) != 0;
    file->pMethods = nullptr;
    if (state->path.empty()) {
        state->file = std::make_shared<Disk::File>();
    } else {
        const MutexLock lock(state->disk->mutex);
        const Result<Disk::FilePtr> there = state->disk->find(state->path);
        if (there.ok()) {
            state->file = *there;
        } else {
            const bool make = (flags & SQLITE_OPEN_CREATE) != 0;
            if (!make || !state->disk->has_folder_of(state->path)) return SQLITE_CANTOPEN;
            const Status status = state->disk->change();
            if (!status.ok()) return failed(*state, status, SQLITE_CANTOPEN);
            state->file = state->disk->link(state->path);
            if (state->disk->is_dead()) return failed(*state, {}, SQLITE_CANTOPEN);
            constexpr int kJournals =
                SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_WAL;
            state->name_unsafe = (flags & kJournals) != 0;
        }
    }
    file->pMethods = &methods();
    reinterpret_cast<OpenFile*>(file)->state = state.release();
    if (out_flags) *out_flags = flags;
    return SQLITE_OK;
}

int delete_file(sqlite3_vfs* vfs, const char* name, int sync_folder) {
    World& world = world_of(vfs);
    Disk& disk = *world.disk;
    const MutexLock lock(disk.mutex);
    if (!disk.find(name).ok()) return SQLITE_IOERR_DELETE_NOENT;
    if (!disk.change(Disk::Needs::kNothing).ok()) {
        world.error = EIO;
        return SQLITE_IOERR_DELETE;
    }
    disk.unlink(name);
    if (sync_folder) disk.sync_folder(testing::folder_of(name));
    return disk.is_dead() ? SQLITE_IOERR_DELETE : SQLITE_OK;
}

int access_file(sqlite3_vfs* vfs, const char* name, int flags, int* out) {
    Disk& disk = *world_of(vfs).disk;
    const MutexLock lock(disk.mutex);
    const Result<Disk::FilePtr> file = disk.find(name);
    // As SQLite's own layer: an empty journal is none.
    *out = file.ok() && (flags != SQLITE_ACCESS_EXISTS || !(*file)->bytes.empty());
    return SQLITE_OK;
}

int full_name(sqlite3_vfs*, const char* name, int size, char* out) {
    sqlite3_snprintf(size, out, "%s", name);
    return SQLITE_OK;
}

int randomness(sqlite3_vfs*, int size, char* out) {
    // Begins a sequence of SQLite's own, of which salts of the log are made.
    for (int i = 0; i < size; ++i) out[i] = static_cast<char>(i * 37 + 11);
    return size;
}

int wait_a_while(sqlite3_vfs*, int) {
    return 0;
}

int current_time(sqlite3_vfs*, double* out) {
    *out = 2461000.5;  // a Julian day
    return SQLITE_OK;
}

int last_error(sqlite3_vfs* vfs, int, char*) {
    return world_of(vfs).error;
}

}  // namespace

struct SqliteDisk::Layer {
    std::string name;
    World world;
    sqlite3_vfs vfs{};
};

SqliteDisk::SqliteDisk(std::string name) : layer_(std::make_unique<Layer>()) {
    constexpr int kNameMax = 512;
    layer_->name = std::move(name);
    sqlite3_vfs& vfs = layer_->vfs;
    vfs.iVersion = 1;
    vfs.szOsFile = sizeof(OpenFile);
    vfs.mxPathname = kNameMax;
    vfs.zName = layer_->name.c_str();
    vfs.pAppData = &layer_->world;
    vfs.xOpen = [](sqlite3_vfs* own, const char* file_name, sqlite3_file* file, int flags,
                   int* out) {
        return open_file(world_of(own), {file_name, file, flags, out});
    };
    vfs.xDelete = delete_file;
    vfs.xAccess = access_file;
    vfs.xFullPathname = full_name;
    vfs.xRandomness = randomness;
    vfs.xSleep = wait_a_while;
    vfs.xCurrentTime = current_time;
    vfs.xGetLastError = last_error;
}

SqliteDisk::~SqliteDisk() {
    sqlite3_vfs_unregister(&layer_->vfs);
}

void SqliteDisk::use(std::shared_ptr<Disk> disk) {
    layer_->world = {std::move(disk), 0};
    const int code = sqlite3_vfs_register(&layer_->vfs, 1);
    HF_CHECK(code == SQLITE_OK, "register: {}", code);
}

Status SqliteDisk::check_whole(const std::string& path) {
    sqlite3* raw = nullptr;
    const int opened = sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READWRITE, nullptr);
    const std::unique_ptr<sqlite3, int (*)(sqlite3*)> connection(raw, sqlite3_close);
    if (opened != SQLITE_OK) return data_loss("open: {}", sqlite3_errstr(opened));
    std::string said;
    const auto take = [](void* to, int, char** columns, char**) {
        static_cast<std::string*>(to)->append(columns[0]).append(";");
        return 0;
    };
    const int code = sqlite3_exec(raw, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA integrity_check;",
                                  take, &said, nullptr);
    if (code == SQLITE_OK && said == "exclusive;ok;") return {};
    return data_loss("integrity check: {} {}", sqlite3_errstr(code), said);
}

}  // namespace hf::power
