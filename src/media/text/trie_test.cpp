#include "media/text/trie.h"

#include <gtest/gtest.h>

#include "base/rng.h"

namespace hf::media::text {
namespace {

using Found = std::vector<std::pair<std::size_t, std::size_t>>;

Found found(const Trie& trie, std::string_view text) {
    Found all;
    trie.prefixes(text,
                  [&](std::size_t entry, std::size_t size) { all.emplace_back(entry, size); });
    return all;
}

TEST(Trie, FindsWhatATextBeginsWithTheShortestFirst) {
    const Trie trie({"ab", "", "a", "abcd", "b", "ab"});
    EXPECT_EQ(found(trie, "abcx"), (Found{{2, 1}, {5, 2}}));
    EXPECT_EQ(found(trie, "abcd"), (Found{{2, 1}, {5, 2}, {3, 4}}));
    EXPECT_EQ(found(trie, "c"), Found());
    EXPECT_EQ(found(trie, ""), Found());
    EXPECT_EQ(found(Trie(std::vector<std::string>()), "a"), Found());
}

TEST(Trie, FindsWhatAListWalkedThroughHas) {
    Rng rng(3);
    const auto word = [&](std::size_t longest) {
        std::string text;
        for (std::size_t left = rng.below(longest + 1); left > 0; --left) {
            text.push_back(static_cast<char>(rng.below(3) == 0 ? 0xC3 : 'a' + rng.below(2)));
        }
        return text;
    };
    for (int round = 0; round < 200; ++round) {
        std::vector<std::string> strings;
        for (std::size_t i = 0; i < 30; ++i) strings.push_back(word(6));
        const Trie trie(strings);
        const std::string text = word(9);
        Found want;
        for (std::size_t size = 1; size <= text.size(); ++size) {
            for (std::size_t i = strings.size(); i-- > 0;) {  // the last of equals
                if (strings[i] != std::string_view(text).substr(0, size)) continue;
                want.emplace_back(i, size);
                break;
            }
        }
        EXPECT_EQ(found(trie, text), want) << text;
    }
}

}  // namespace
}  // namespace hf::media::text
