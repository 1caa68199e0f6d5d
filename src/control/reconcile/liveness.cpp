#include "control/reconcile/liveness.h"

#include <algorithm>

namespace hf::control {

void Liveness::heard(const std::string& node, Duration now) {
    heard_[node] = now;
    if (silent_.erase(node) > 0) returned_ = now;
}

void Liveness::parted(const std::string& node, Duration now) {
    const auto at = heard_.find(node);
    if (at == heard_.end()) return;
    at->second = std::min(at->second, now - term_ + std::min(term_, kReconnectGrace));
}

void Liveness::silent(const std::string& node, Duration now) {
    const auto at = heard_.find(node);
    if (at != heard_.end()) at->second = std::min(at->second, now - term_ - Duration{1});
}

std::vector<Liveness::Change> Liveness::update(const std::map<std::string, bool>& known,
                                               Duration now) {
    // Nobody could be heard while this was not running.
    const bool slept = last_update_ < Duration::zero() || now - last_update_ > term_;
    last_update_ = now;
    std::erase_if(heard_, [&](const auto& entry) { return !known.contains(entry.first); });
    std::erase_if(silent_, [&](const std::string& node) { return !known.contains(node); });
    std::vector<Change> changes;
    for (const auto& [node, believed] : known) {
        const auto at = heard_.find(node);
        if (at == heard_.end()) {
            // One believed alive, as by the server before this one, has a term to say so.
            if (!believed) continue;
            heard_[node] = now;
            silent_.insert(node);
            continue;
        }
        if (slept && believed && at->second < now - term_ / 2) {
            at->second = now - term_ / 2;
            silent_.insert(node);
        }
        const bool alive = now - at->second <= term_;
        if (!alive) silent_.insert(node);
        if (alive != believed) changes.push_back({node, alive});
    }
    if (is_storm(known.size(), now)) {
        std::erase_if(changes, [](const Change& change) { return !change.alive; });
    }
    return changes;
}

// Whether those who are silent now are still waited for.
bool Liveness::is_storm(std::size_t known, Duration now) {
    const bool most = known >= kSilentCountMin &&
                      silent_.size() * 100 > known * static_cast<std::size_t>(kSilentPercentMax);
    const bool begun = storm_since_ >= Duration::zero();
    const bool returning = begun && !silent_.empty() && returned_ >= storm_since_ &&
                           now - returned_ <= term_ && now - storm_since_ < kStormLongest;
    if (!most && !returning) {
        storm_since_ = Duration{-1};
        return false;
    }
    if (!begun) storm_since_ = now;
    return returning || now - storm_since_ < kStormPatience;
}

Duration Liveness::next(Duration now) const {
    Duration next = now + term_;
    if (storm_since_ >= Duration::zero()) {
        for (const Duration end : {storm_since_ + kStormPatience, returned_ + term_}) {
            if (end >= now) next = std::min(next, end);
        }
    }
    for (const auto& [node, heard] : heard_) {
        if (heard + term_ >= now) next = std::min(next, heard + term_);
    }
    // At the very end of its term a machine is still alive.
    return std::max(next, now + std::chrono::milliseconds(1));
}

}  // namespace hf::control
