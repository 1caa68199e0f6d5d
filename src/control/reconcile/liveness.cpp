#include "control/reconcile/liveness.h"

#include <algorithm>

namespace hf::control {

void Liveness::heard(const std::string& node, Duration now) {
    heard_[node] = now;
}

void Liveness::parted(const std::string& node, Duration now) {
    const auto at = heard_.find(node);
    if (at == heard_.end()) return;
    at->second = std::min(at->second, now - term_ + std::min(term_, kReconnectGrace));
}

std::vector<Liveness::Change> Liveness::update(const std::map<std::string, bool>& known,
                                               Duration now) {
    // Nobody could be heard while this was not running.
    const bool slept = last_update_ < Duration::zero() || now - last_update_ > term_;
    last_update_ = now;
    std::erase_if(heard_, [&](const auto& entry) { return !known.contains(entry.first); });
    std::vector<Change> changes;
    std::size_t silent = 0;
    for (const auto& [node, believed] : known) {
        const auto at = heard_.find(node);
        if (at == heard_.end()) {
            // One believed alive, as by the server before this one, has a term to say so.
            if (believed) heard_[node] = now;
            continue;
        }
        if (slept && believed) at->second = std::max(at->second, now - term_ / 2);
        const bool alive = now - at->second <= term_;
        if (!alive) ++silent;
        if (alive != believed) changes.push_back({node, alive});
    }
    const bool storm = known.size() >= kSilentCountMin &&
                       silent * 100 > known.size() * static_cast<std::size_t>(kSilentPercentMax);
    if (!storm) {
        storm_since_ = Duration{-1};
        return changes;
    }
    if (storm_since_ < Duration::zero()) storm_since_ = now;
    if (now - storm_since_ < kStormPatience) {
        std::erase_if(changes, [](const Change& change) { return !change.alive; });
    }
    return changes;
}

Duration Liveness::next(Duration now) const {
    Duration next = now + term_;
    if (storm_since_ >= Duration::zero()) next = std::min(next, storm_since_ + kStormPatience);
    for (const auto& [node, heard] : heard_) {
        if (heard + term_ >= now) next = std::min(next, heard + term_);
    }
    // At the very end of its term a machine is still alive.
    return std::max(next, now + std::chrono::milliseconds(1));
}

}  // namespace hf::control
