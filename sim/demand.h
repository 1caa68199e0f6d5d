// Demand: what callers ask of services that scale: so many requests are there at a time, spread
// evenly over the machines that answer. It changes every so often while the world storms, and stays
// as it is once that is over. It draws no dice: whatever else happens does so without it, too.
//
// Owned by one thread.

#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "base/rng.h"
#include "base/time.h"

namespace hf::sim {

inline constexpr Duration kDemandLasts = std::chrono::seconds(25);
inline constexpr std::uint64_t kDemandMost = 12;  // requests at a time, of one service

class Demand final {
public:
    explicit Demand(std::uint64_t seed) : seed_(seed) {}

    void begins(const std::string& service, const std::string& machine) {
        if (!gone_.contains(machine)) answering_[service].insert(machine);
    }
    void ends(const std::string& service, const std::string& machine) {
        answering_[service].erase(machine);
    }
    void ends(const std::string& machine) {
        for (auto& [service, machines] : answering_) machines.erase(machine);
    }
    // Nobody asks this machine any more, whatever it answers.
    void leaves(const std::string& machine) {
        gone_.insert(machine);
        ends(machine);
    }
    void heal(Duration now) { healed_ = now; }

    // Of that machine, in thousandths of a request.
    std::int64_t share_milli(const std::string& service, const std::string& machine,
                             Duration now) const {
        const auto at = answering_.find(service);
        if (at == answering_.end() || !at->second.contains(machine)) return 0;
        return all_milli(service, now) / static_cast<std::int64_t>(at->second.size());
    }

private:
    std::int64_t all_milli(const std::string& service, Duration now) const {
        std::uint64_t seed =
            seed_ + static_cast<std::uint64_t>(healed_.value_or(now) / kDemandLasts);
        for (const char c : service) seed = seed * 31 + static_cast<unsigned char>(c);
        return static_cast<std::int64_t>(Rng(seed).below(1000 * kDemandMost));
    }

    const std::uint64_t seed_;
    std::optional<Duration> healed_;
    std::map<std::string, std::set<std::string>> answering_;  // machines, by service
    std::set<std::string> gone_;
};

}  // namespace hf::sim
