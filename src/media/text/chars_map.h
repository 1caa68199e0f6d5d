// CharsMap: the rules by which SentencePiece normalises characters, as its models carry them
// (precompiled_charsmap): a double-array trie of what is replaced (Darts: Aoe, 1989; its units of
// 32 bits as darts-clone packs them), and the replacements.
//
//     u32 bytes of the trie | the trie | replacements in UTF-8, each ended by a zero byte
//
// A grapheme below six bytes is replaced as a whole by the rule of its shortest prefix that has
// one; else each character by itself is. This is what the package tokenizers does, and models that
// were made with it know no other.
//
// Immutable once made; from any thread. Pure.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace hf::media::text {

class CharsMap final {
public:
    // `base64`: as the member "precompiled_charsmap" has it. INVALID_ARGUMENT when it is no map,
    // RESOURCE_EXHAUSTED for a replacement of more than 256 bytes.
    static Result<CharsMap> parse(std::string_view base64);

    std::u32string apply(std::u32string_view text) const;

private:
    CharsMap() = default;
    std::optional<std::string_view> find(std::string_view chunk) const;

    std::vector<std::uint32_t> units_;
    std::string replacements_;  // ends with a zero byte
};

}  // namespace hf::media::text
