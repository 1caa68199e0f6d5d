// Models of a tokenizer.json: which pieces of a vocabulary a word is made of.
//
// WordPiece: the longest piece that the word begins with, again and again; a word that does not
// work out, or is too long, is the unknown token.
// BPE: single characters, of which the pair that stands first among the merges becomes one, until
// none does. What is not in the vocabulary is its bytes (byte_fallback), or the unknown token, or
// nothing where there is none.
// Unigram: the pieces of the largest sum of scores (unigram.cpp).
//
// Immutable once made; from any thread. Pure. UNIMPLEMENTED names what is not built.

#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/json.h"
#include "base/status.h"

namespace hf::media::text {

using TokenId = std::int64_t;

inline constexpr TokenId kMaxTokenId = 10'000'000;

// Found by a view, without a copy.
struct ViewHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
        return std::hash<std::string_view>()(text);
    }
};
using Vocabulary = std::unordered_map<std::string, TokenId, ViewHash, std::equal_to<>>;

class Pieces {
public:
    virtual ~Pieces() = default;

    // `value`: the member "model".
    static Result<std::unique_ptr<const Pieces>> parse(const json::Value& value);

    // Appends the pieces of a word, which is not empty.
    virtual void split(std::string_view word, std::vector<TokenId>& to) const = 0;
};

// Of the member "vocab".
Result<Vocabulary> parse_vocabulary(const json::Value& model);

std::optional<TokenId> find_token(const Vocabulary& vocabulary, std::string_view token);

// The tokens "<0x00>" to "<0xFF>", by which bytes are told that no piece has.
using ByteTokens = std::array<std::optional<TokenId>, 256>;
ByteTokens find_byte_tokens(const Vocabulary& vocabulary);

// Appends the tokens of all bytes; false, and nothing, when one is missing.
bool add_bytes(const ByteTokens& tokens, std::string_view text, std::vector<TokenId>& to);

// How many bytes the character at the start of UTF-8 has.
std::size_t character_bytes(std::string_view text);

Result<std::unique_ptr<const Pieces>> parse_word_piece(const json::Value& model);
Result<std::unique_ptr<const Pieces>> parse_bpe(const json::Value& model);
Result<std::unique_ptr<const Pieces>> parse_unigram(const json::Value& model);

}  // namespace hf::media::text
