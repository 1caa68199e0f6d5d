// Pre-tokenizers of a tokenizer.json: how a text is split into words. BertPreTokenizer,
// WhitespaceSplit, Metaspace (SentencePiece's: blanks become visible, a word begins with one),
// ByteLevel, whose words are in GPT-2's alphabet: a visible character for each byte, and a Sequence
// of them, each of which splits the words of the one before.
//
// A value; immutable once made. Pure. UNIMPLEMENTED names a component that is not built.

#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "base/status.h"
#include "media/text/unicode.h"

namespace hf::media::text {

class Words final {
public:
    // `value`: the member "pre_tokenizer", which may be null: one word then.
    static Result<Words> parse(const json::Value* value);

    // `first`: whether the text is the beginning of what was sent.
    std::vector<std::string> split(const std::u32string& text, bool first) const;

private:
    enum class Kind : unsigned char { kBert, kWhitespaceSplit, kByteLevel, kMetaspace };
    enum class Prepend : unsigned char { kAlways, kFirst, kNever };
    struct Stage {
        Kind kind = Kind::kBert;
        bool add_prefix_space = true;  // of kByteLevel, as use_regex
        bool use_regex = true;
        char32_t replacement = 0;  // of kMetaspace, as what follows
        Prepend prepend = Prepend::kAlways;
        bool split = true;
    };
    struct Piece {
        std::u32string text;
        bool first = false;  // likewise
    };

    Status add(const json::Value& value, int depth);
    static Result<Stage> parse_metaspace(const json::Value& value);
    static void split_piece(const Stage& stage, const Piece& piece, std::vector<Piece>& to);

    std::vector<Stage> stages_;
};

}  // namespace hf::media::text
