#include "node/time_floor.h"

#include <algorithm>

#include "base/text.h"

namespace hf::node {
namespace {

constexpr std::uint64_t kMaxFileBytes = 256;

}  // namespace

TimeFloor::TimeFloor(env::Files& files, const env::Clock& clock, std::string path)
    : files_(files), clock_(clock), path_(std::move(path)) {
    const Result<Bytes> bytes = files_.read(path_, kMaxFileBytes);
    if (!bytes.ok()) return;
    const Result<Instant> kept = parse_rfc3339(trim(as_text(*bytes)));
    if (!kept.ok()) return;
    const MutexLock lock(mutex_);
    kept_ = *kept;
    floor_ = std::max(floor_, kept_);
}

Instant TimeFloor::now() const {
    const MutexLock lock(mutex_);
    return std::max(clock_.now(), floor_);
}

Status TimeFloor::saw(Instant moment) {
    const MutexLock lock(mutex_);
    floor_ = std::max(floor_, moment);
    if (floor_ - kept_ < kTimeFloorStep) return {};
    const std::string text = format_rfc3339(floor_) + "\n";
    HF_TRY(files_.write(path_, as_bytes(text)).context("the floor of the clock"));
    kept_ = floor_;
    return {};
}

}  // namespace hf::node
