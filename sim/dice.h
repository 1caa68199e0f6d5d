// Dice: every choice of a run, drawn from its seed; among them the faults, which are counted by
// kind and end all at once when the world heals.
//
// Owned by one thread.

#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/rng.h"
#include "base/time.h"

namespace hf::sim {

enum class Fault : unsigned char {
    kMessageLost,
    kMessageTwice,
    kMessageSlow,
    kAnswerLost,
    kOldNews,
    kPartition,
    kNodeKilled,
    kDiskKilled,
    kPowerLost,
    kDiskFull,
    kClockJump,
    kStepFailed,
    kStepSlow,
    kModelCrashed,
    kServerKilled,
    kServerCutShort,
    kLeadLost,
    kBackupRestored,
};
inline constexpr std::size_t kFaults = 18;

inline constexpr std::array<std::string_view, kFaults> kFaultNames{"message lost",
                                                                   "message twice",
                                                                   "message slow",
                                                                   "answer lost",
                                                                   "old news",
                                                                   "partition",
                                                                   "node killed",
                                                                   "killed at a disk change",
                                                                   "power lost",
                                                                   "disk full",
                                                                   "clock jump",
                                                                   "step failed",
                                                                   "step slow",
                                                                   "model crashed",
                                                                   "server killed",
                                                                   "server killed in a round",
                                                                   "lead lost in a round",
                                                                   "backup restored"};

class Dice final {
public:
    explicit Dice(std::uint64_t seed) : rng_(seed) {}

    std::uint64_t below(std::uint64_t bound) { return rng_.below(bound); }
    bool chance(std::uint64_t numerator, std::uint64_t denominator) {
        return rng_.chance(numerator, denominator);
    }
    std::uint64_t next() { return rng_.next(); }

    // Uniform in [least, most].
    Duration between(Duration least, Duration most) {
        const auto span = static_cast<std::uint64_t>((most - least).count());
        return least + Duration(static_cast<Duration::rep>(rng_.below(span + 1)));
    }

    // Whether the fault happens here; never once the world is healed.
    bool strikes(Fault fault, std::uint64_t numerator, std::uint64_t denominator) {
        if (healed_ || !rng_.chance(numerator, denominator)) return false;
        ++counts_[static_cast<std::size_t>(fault)];
        return true;
    }

    void heal() { healed_ = true; }
    bool healed() const { return healed_; }
    const std::array<std::uint64_t, kFaults>& counts() const { return counts_; }

private:
    Rng rng_;
    bool healed_ = false;
    std::array<std::uint64_t, kFaults> counts_{};
};

}  // namespace hf::sim
