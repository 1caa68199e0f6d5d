#include "node/troubles.h"

#include <algorithm>

#include "base/check.h"

namespace hf::node {

bool Troubles::is_news(const Status& trouble, Duration now) {
    HF_CHECK(!trouble.ok(), "no trouble");
    std::string kind = trouble.to_string();
    std::erase_if(kind, [](char c) { return c >= '0' && c <= '9'; });
    const auto at = told_.find(kind);
    if (at != told_.end() && now - at->second < kTroubleAgain) return false;
    if (at == told_.end() && told_.size() == kTroublesMax) {
        const auto earlier = [](const auto& a, const auto& b) { return a.second < b.second; };
        told_.erase(std::min_element(told_.begin(), told_.end(), earlier));
    }
    told_[kind] = now;
    return true;
}

}  // namespace hf::node
