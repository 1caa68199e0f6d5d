// SqliteDisk: SQLite's file layer (sqlite3_vfs) over a testing::Disk, so that the real store runs
// on a disk whose every write, sync and removal is recorded, fails and is lost as all others are.
//
// It asks of the disk what SQLite's own layer asks of a real machine: a new journal's or log's name
// is synced with its first sync, a removal where SQLite wants it, and a write that is torn hurts
// nothing beside it ("powersafe overwrite", the default). There is no shared memory: the store
// holds its file exclusively, so that the index of its log is in its own memory, and a second
// connection is refused.
//
// Owned by one thread, as SQLite's list of layers is.

#pragma once

#include <memory>
#include <string>

#include "base/status.h"
#include "testing/disk.h"

namespace hf::power {

class SqliteDisk final {
public:
    explicit SqliteDisk(std::string name);
    ~SqliteDisk();

    // What is opened from now on lies there. REQUIRES: nothing that was opened before still is.
    void use(std::shared_ptr<testing::Disk> disk);

    // DATA_LOSS unless SQLite finds the database whole, down to its indexes.
    Status check_whole(const std::string& path);

private:
    struct Layer;
    std::unique_ptr<Layer> layer_;
};

}  // namespace hf::power
