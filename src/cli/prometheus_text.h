// Prometheus' text exposition format 0.0.4, read: the samples, in their order. Comments, types and
// time stamps are skipped. Pure.

#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace hf::cli {

inline constexpr std::size_t kSamplesMax = 1'000'000;

struct Sample {
    std::string name;
    std::map<std::string, std::string, std::less<>> labels;
    double value = 0;

    std::string_view label(std::string_view key) const;  // "" when it has none of that name
};

// INVALID_ARGUMENT names the line; RESOURCE_EXHAUSTED beyond kSamplesMax.
Result<std::vector<Sample>> parse_prometheus(std::string_view text);

}  // namespace hf::cli
