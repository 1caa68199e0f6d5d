// Disk room: whether what a pull would bring has room on this machine's disk, asked before its
// first byte is fetched: a disk that fills in the middle of a pull takes the log of predictions and
// the machine's memory of its orders with it. Pure.
//
// The refusal passes: the agent asks again, at most a minute apart, and pulls once there is room.

#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"

namespace hf::node {

// Stays free whatever is pulled: for the outbox, the receipts and what is being replaced.
inline constexpr std::uint64_t kDiskReserveBytes = 32u << 20;

struct DiskRoom {
    std::string folder;  // where it is to go
    std::uint64_t missing_bytes = 0;
    std::uint64_t free_bytes = 0;
};

// RESOURCE_EXHAUSTED "[disk-full] ..." with the sizes and what to do.
Status check_room(const DiskRoom& room);

// Whether check_room() said it, whatever context was added since.
bool says_disk_full(const Status& status);

}  // namespace hf::node
