// What a machine may find on its disk after the power went, from the record of a Disk.
//
// A state is a beginning of the operations with some of those undone that nothing had made safe: a
// write that no sync of its file followed is whole, missing, torn at a sector (512 B) or a page
// (4 KiB), or has left the file its new size and zeros; a name that no sync of its folder followed
// is there or is not. Any choice of them is possible, in any order: disks and file systems reorder.
// What was written before a sync that failed stays unsafe for ever.
//
// Pure; values.

#pragma once

#include <cstdint>
#include <vector>

#include "base/rng.h"
#include "testing/disk.h"

namespace hf::testing {

struct Damage {
    enum class Kind : unsigned char {
        kMissing,
        kTorn,   // the first `kept` bytes of a write are there
        kZeros,  // as kTorn, and the rest of the write is zeros
    };
    std::size_t operation = 0;
    Kind kind = Kind::kMissing;
    std::size_t kept = 0;
};

struct CrashState {
    std::size_t operations = 0;  // so many had been asked for
    std::vector<Damage> damage;  // of some of these, ascending
};

class CrashStates final {
public:
    explicit CrashStates(const Disk& disk);

    std::size_t operations() const { return operations_.size(); }

    // Of the first `operations`, those that nothing has made safe; ascending.
    std::vector<std::size_t> unsafe(std::size_t operations) const;

    // What is always tried at this point: nothing lost, everything unsafe lost, only bytes, only
    // names, the last write torn at every border (a bounded choice of them), and every choice of
    // what is lost where at most kExactly operations are unsafe.
    static constexpr std::size_t kExactly = 4;
    std::vector<CrashState> usual(std::size_t operations) const;

    // One of all that are possible at this point.
    CrashState draw(std::size_t operations, Rng& rng) const;

    DiskImage build(const CrashState& state) const;

    // "after 12 operations, without 3 (rename /v/index.json), 5 torn at 512": for messages.
    std::string describe(const CrashState& state) const;

private:
    std::vector<Damage> tears(std::size_t operation) const;

    DiskImage base_;
    std::vector<DiskOperation> operations_;
};

}  // namespace hf::testing
