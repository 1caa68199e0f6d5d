#include "node/residency.h"

#include <algorithm>

#include <fmt/ranges.h>

namespace hf::node {

Status check_residency(const Wish& wish, const std::string& here) {
    const auto names = [&](const std::vector<std::string>& list) {
        return std::find(list.begin(), list.end(), here) != list.end();
    };
    if (wish.jurisdictions.empty() && wish.forbidden.empty()) return {};
    if (here.empty()) {
        return permission_denied(
            "[residency] {} may lie in some jurisdictions only, and this machine does not know its "
            "own; tell it with --jurisdiction",
            wish.service);
    }
    if (names(wish.forbidden)) {
        return permission_denied("[residency] {} may not lie in {}, where this machine stands",
                                 wish.service, here);
    }
    if (!wish.jurisdictions.empty() && !names(wish.jurisdictions)) {
        return permission_denied("[residency] {} may lie in {} only; this machine stands in {}",
                                 wish.service, fmt::join(wish.jurisdictions, ", "), here);
    }
    return {};
}

}  // namespace hf::node
