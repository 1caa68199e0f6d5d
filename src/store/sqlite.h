// The store of one machine: a SQLite database in write-ahead-log mode.
//
// One connection does everything, under one mutex: it writes, reads and checkpoints, so that no two
// connections ever checkpoint at once (Debian 12's SQLite 3.40 has the WAL-reset bug), and it holds
// the file exclusively, so that a second process is refused. Nothing is mapped into memory. A
// commit is acknowledged once it is synced (synchronous=FULL).
//
// Leases are counted by the clock's monotonic time; after a restart each has its whole time to live
// again, since nobody could renew it meanwhile.

#pragma once

#include <memory>
#include <string>

#include "env/clock.h"
#include "store/store.h"

namespace hf::store {

// Opens or creates the database file. UNAVAILABLE when another process has it, DATA_LOSS when it is
// damaged, FAILED_PRECONDITION when a newer Holdfast wrote it. REQUIRES: clock outlives the store.
Result<std::unique_ptr<Store>> open_sqlite_store(const std::string& path, env::Clock& clock);

}  // namespace hf::store
