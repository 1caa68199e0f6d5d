// Troubles: which of the troubles that come again and again are worth a line in the log. One is
// news when nothing like it was told for kTroubleAgain; two that differ in numbers only ("is 19 s
// old", "is 20 s old") are alike. Two that alternate are thus told once each.
//
// Pure. Not thread-safe: one owner. Of kTroublesMax kinds the one told longest ago is forgotten.

#pragma once

#include <map>
#include <string>

#include "base/status.h"
#include "base/time.h"

namespace hf::node {

inline constexpr Duration kTroubleAgain = std::chrono::minutes(10);
inline constexpr std::size_t kTroublesMax = 32;

class Troubles final {
public:
    // REQUIRES: !trouble.ok()
    bool is_news(const Status& trouble, Duration now);

private:
    std::map<std::string, Duration> told_;  // without numbers, and when
};

}  // namespace hf::node
