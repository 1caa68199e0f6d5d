#include "node/disk_room.h"

#include "base/text.h"

namespace hf::node {
namespace {

constexpr std::string_view kDiskFull = "[disk-full]";

}  // namespace

Status check_room(const DiskRoom& room) {
    const bool fits = room.free_bytes >= kDiskReserveBytes &&
                      room.missing_bytes <= room.free_bytes - kDiskReserveBytes;
    if (fits) return {};
    // Sizes from a manifest may be anything: the sum must not wrap.
    const std::uint64_t lacking = room.missing_bytes > room.free_bytes
                                      ? room.missing_bytes - room.free_bytes + kDiskReserveBytes
                                      : room.missing_bytes + kDiskReserveBytes - room.free_bytes;
    return resource_exhausted(
        "{} {} lacks room: {} are to come and {} stay free, {} are free; make {} free there, or "
        "run fewer services on this machine",
        kDiskFull, room.folder, format_bytes(room.missing_bytes), format_bytes(kDiskReserveBytes),
        format_bytes(room.free_bytes), format_bytes(lacking));
}

bool says_disk_full(const Status& status) {
    return status.code() == Code::kResourceExhausted &&
           status.message().find(kDiskFull) != std::string_view::npos;
}

}  // namespace hf::node
