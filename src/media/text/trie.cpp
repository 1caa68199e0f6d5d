#include "media/text/trie.h"

#include <algorithm>
#include <numeric>

namespace hf::media::text {

Trie::Trie(const std::vector<std::string>& strings) {
    std::vector<std::int32_t> order(strings.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
        return strings[static_cast<std::size_t>(a)] < strings[static_cast<std::size_t>(b)];
    });
    const auto entry = [&](std::size_t i) -> std::string_view {
        return strings[static_cast<std::size_t>(order[i])];
    };
    struct Range {  // of entries that begin with the same `depth` bytes; node i has ranges[i]
        std::size_t first = 0;
        std::size_t last = 0;
        std::size_t depth = 0;
    };
    std::vector<Range> ranges{{0, order.size(), 0}};
    nodes_.emplace_back();
    for (std::size_t node = 0; node < nodes_.size(); ++node) {
        auto [at, last, depth] = ranges[node];
        for (; at < last && entry(at).size() == depth; ++at) {
            if (depth > 0) nodes_[node].entry = order[at];
        }
        nodes_[node].children = static_cast<std::uint32_t>(nodes_.size());
        while (at < last) {
            const char byte = entry(at)[depth];
            std::size_t end = at + 1;
            while (end < last && entry(end)[depth] == byte) ++end;
            ++nodes_[node].count;
            nodes_.push_back({0, 0, static_cast<unsigned char>(byte), -1});
            ranges.push_back({at, end, depth + 1});
            at = end;
        }
    }
}

std::optional<std::size_t> Trie::child_of(std::size_t node, char byte) const {
    const auto wanted = static_cast<unsigned char>(byte);
    const auto first = nodes_.begin() + nodes_[node].children;
    const auto last = first + nodes_[node].count;
    const auto found = std::lower_bound(
        first, last, wanted, [](const Node& one, unsigned char other) { return one.byte < other; });
    if (found == last || found->byte != wanted) return std::nullopt;
    return static_cast<std::size_t>(found - nodes_.begin());
}

}  // namespace hf::media::text
