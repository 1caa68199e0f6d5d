// Bugs that can be planted in a world, to see that the checks catch them. Each changes one decision
// on its way between the real parts; nothing in src/ knows of them.

#pragma once

#include <array>
#include <string_view>

namespace hf::sim {

enum class Plant : unsigned char {
    kNone,
    kEpoch,
    kResidency,
    kVerify,
    kOutbox,
    kScale,
    kBudget,
    kAbort,
    kForget
};

inline constexpr std::array<std::string_view, 9> kPlantNames{
    "none", "epoch", "residency", "verify", "outbox", "scale", "budget", "abort", "forget"};

}  // namespace hf::sim
