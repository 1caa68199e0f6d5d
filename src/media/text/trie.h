// Trie: which entries of a list of strings a text begins with. Children of a node lie beside each
// other, so that a vocabulary of a quarter of a million pieces takes some megabytes.
//
// Immutable once made; from any thread. Pure.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hf::media::text {

class Trie final {
public:
    // Of equal strings the last counts. An empty one is never found. REQUIRES: fewer than 2^31.
    explicit Trie(const std::vector<std::string>& strings);

    // Calls `take` with the number and the length of each that `text` begins with, the shortest
    // first.
    template <typename Take>
    void prefixes(std::string_view text, Take take) const {
        std::size_t node = 0;
        for (std::size_t at = 0; at < text.size() && node < nodes_.size(); ++at) {
            const std::optional<std::size_t> child = child_of(node, text[at]);
            if (!child) return;
            node = *child;
            if (nodes_[node].entry >= 0) {
                take(static_cast<std::size_t>(nodes_[node].entry), at + 1);
            }
        }
    }

private:
    struct Node {
        std::uint32_t children = 0;  // where the first lies
        std::uint16_t count = 0;     // of children, in order of their bytes
        unsigned char byte = 0;
        std::int32_t entry = -1;
    };
    std::optional<std::size_t> child_of(std::size_t node, char byte) const;

    std::vector<Node> nodes_;  // the first is the root
};

}  // namespace hf::media::text
