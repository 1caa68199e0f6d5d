#include "node/load.h"

#include <algorithm>
#include <limits>

namespace hf::node {
namespace {

constexpr std::int64_t kConcurrencyFloor = 100;  // thousandths: less is no news
constexpr Duration kQueueFloor = std::chrono::milliseconds(1);

bool differs(std::int64_t now, std::int64_t told, std::int64_t least) {
    return std::abs(now - told) > least;
}

}  // namespace

void LoadMeter::add(const Traffic& traffic, Instant now) {
    if (!readings_.empty()) {
        const Reading& last = readings_.back();
        const bool another = traffic.requests < last.traffic.requests ||
                             traffic.there < last.traffic.there;  // version
        const bool jumped = now < last.at || now - last.at > 2 * kLoadWindow;
        if (another || jumped) {
            readings_.clear();
            told_at_ = std::min(told_at_, now);
        } else if (now - last.at < kReadingsApart) {
            return;
        }
    }
    readings_.push_back({now, traffic});
    while (readings_.size() > 2 && now - readings_[1].at >= kLoadWindow) readings_.pop_front();
}

std::optional<Load> LoadMeter::load() const {
    if (readings_.empty()) return std::nullopt;
    const Reading& first = readings_.front();
    const Reading& last = readings_.back();
    const Duration span = last.at - first.at;
    if (span < kLoadFirst) return std::nullopt;
    const double seconds = std::chrono::duration<double>(span).count();
    const Duration there = last.traffic.there - first.traffic.there;
    std::uint64_t always = std::numeric_limits<std::uint64_t>::max();
    for (const Reading& each : readings_) always = std::min(always, each.traffic.present);
    Load load;
    load.concurrency_milli =
        std::max(static_cast<std::int64_t>(
                     1000 * std::chrono::duration<double>(there).count() / seconds + 0.5),
                 static_cast<std::int64_t>(1000 * always));
    const std::uint64_t queued = last.traffic.queued - first.traffic.queued;
    if (queued > 0) {
        load.queue = (last.traffic.queue - first.traffic.queue) / static_cast<std::int64_t>(queued);
    }
    const auto requests = static_cast<double>(last.traffic.requests - first.traffic.requests);
    load.requests_per_minute = static_cast<std::int64_t>(60 * requests / seconds + 0.5);
    return load;
}

bool LoadMeter::is_news(Duration pace, Instant now) const {
    const std::optional<Load> present = load();
    if (!present) return false;
    if (!told_) return true;
    if (now - told_at_ < std::max(pace, kLoadEvery)) return false;
    return differs(present->concurrency_milli, told_->concurrency_milli,
                   std::max(kConcurrencyFloor, told_->concurrency_milli / 5)) ||
           differs(present->queue.count(), told_->queue.count(),
                   std::max(kQueueFloor.count(), told_->queue.count() / 2));
}

void LoadMeter::told(Instant now) {
    told_ = load();
    told_at_ = now;
}

}  // namespace hf::node
