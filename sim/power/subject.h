// Subject: one part of Holdfast that keeps something on a disk, as the harness (harness.h) tries
// it.
//
// The one idea: a life is the same thing the first time and after every crash: open what the disk
// holds with production code, check it against the history, do what is left of the work, check
// again. So a life on an empty disk is the workload, and a life on what a crash left is the proof.

#pragma once

#include <memory>
#include <string_view>

#include "sim/power/history.h"
#include "testing/disk.h"
#include "testing/memory_files.h"

namespace hf::power {

class Subject {
public:
    virtual ~Subject() = default;
    virtual std::string_view name() const = 0;

    // Called before the first life on a new disk: what lies outside of it begins anew.
    virtual void begin() {}

    // DATA_LOSS: a promise was broken. RESOURCE_EXHAUSTED: the disk is full. Anything else is a bug
    // of a process that was not killed, as is the second without a full disk.
    virtual Status live(const std::shared_ptr<testing::Disk>& disk, History& history) = 0;
};

std::unique_ptr<Subject> outbox_subject();
std::unique_ptr<Subject> memory_subject();
std::unique_ptr<Subject> vault_subject();
std::unique_ptr<Subject> receipts_subject();
std::unique_ptr<Subject> identity_subject();
std::unique_ptr<Subject> store_subject();
std::unique_ptr<Subject> resources_subject();

// A copy of the disk as it is now, to look around in without changing anything.
inline testing::MemoryFiles copy_of(const testing::Disk& disk) {
    return testing::MemoryFiles(std::make_shared<testing::Disk>(disk.image()));
}

// A deed where running out of room is borne: what was promised must still be read (`reads`), then
// room is made and the deed done. Once a life; the other times the life ends there.
template <typename Act, typename Reads>
Status bear_full_disk(testing::Disk& disk, Act act, Reads reads) {
    const Status status = act();
    if (status.code() != Code::kResourceExhausted || !disk.is_full()) return status;
    HF_TRY(Status(reads()).context("while the disk was full"));
    disk.make_room();
    return Status(act()).context("after there was room again");
}

}  // namespace hf::power
