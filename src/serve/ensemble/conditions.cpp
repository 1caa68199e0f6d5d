#include "serve/ensemble/conditions.h"

#include <algorithm>
#include <vector>

namespace hf::serve::ensemble {
namespace {

// More than any declaration of eight alternatives that people write comes to.
constexpr std::size_t kResolvedMax = 64;

bool has_all(const Tests& all, const Tests& some) {
    return std::includes(all.begin(), all.end(), some.begin(), some.end());
}

// What `a` and `b` both want, where all else is a test of one and its opposite in the other.
std::optional<Tests> resolve(const Tests& a, const Tests& b) {
    for (const Test& test : a) {
        if (!b.contains(test.opposite())) continue;
        Tests rest = a;
        rest.erase(test);
        Tests other = b;
        other.erase(test.opposite());
        if (rest == other) return rest;
    }
    return std::nullopt;
}

}  // namespace

Test Test::opposite() const {
    Test other = *this;
    other.below = !below;
    return other;
}

std::optional<Tests> first_of(std::span<const Tests> alternatives) {
    std::vector<Tests> known(alternatives.begin(), alternatives.end());
    for (std::size_t i = 0; i < known.size(); ++i) {
        for (std::size_t j = 0; j < i && known.size() < kResolvedMax; ++j) {
            std::optional<Tests> both = resolve(known[i], known[j]);
            if (!both || std::find(known.begin(), known.end(), *both) != known.end()) continue;
            known.push_back(std::move(*both));
        }
    }
    const auto covers = [&](const Tests& one) {
        return std::all_of(alternatives.begin(), alternatives.end(),
                           [&](const Tests& other) { return has_all(other, one); });
    };
    const auto found = std::find_if(known.begin(), known.end(), covers);
    return found == known.end() ? std::nullopt : std::optional<Tests>(*found);
}

}  // namespace hf::serve::ensemble
