// Tokenizer: from a text to the numbers that a language model takes, as a tokenizer.json says (the
// format of Hugging Face's tokenizers, version 1.0): added tokens are found, the rest is normalised
// (normalizer.h), split into words (words.h) and these into pieces (pieces.h), and what the model
// wants around a text is put there (BertProcessing, RobertaProcessing, TemplateProcessing).
//
// Immutable once made; from any thread. Pure. Components that are not built are refused by name
// when the file is read (UNIMPLEMENTED), so that no text is split in another way than it was in
// training.

#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "media/text/normalizer.h"
#include "media/text/pieces.h"
#include "media/text/words.h"

namespace hf::media::text {

inline constexpr std::size_t kMaxTokenizerBytes = 32u << 20;
inline constexpr std::size_t kMaxTextBytes = 256u << 10;
inline constexpr std::size_t kMaxAddedTokens = 10'000;

class Tokenizer final {
public:
    static Result<Tokenizer> parse(std::string_view json_text);

    // At most `tokens_max` of them: what is too long loses its end, but not what stands around.
    // INVALID_ARGUMENT for what is not UTF-8, RESOURCE_EXHAUSTED above kMaxTextBytes.
    Result<std::vector<TokenId>> encode(std::string_view text, std::size_t tokens_max) const;

    // What stands around every text.
    std::size_t around() const { return before_.size() + after_.size(); }

    TokenId pad_id() const { return pad_id_; }  // as the file says; else 0

private:
    struct Added {
        std::u32string content;
        TokenId id = 0;
        bool strip_left = false;
        bool strip_right = false;
    };
    using AllAdded = std::vector<Added>;

    Tokenizer() = default;
    Status add_tokens(const json::Value& file);
    Status read_around(const json::Value* value, int depth);
    Status read_template(const json::Value& value);
    static const Added* find_added(const AllAdded& added, std::u32string_view text);

    // Calls `rest` for what lies between added tokens, with whether it is the beginning, and
    // appends these.
    template <typename Rest>
    void between(const AllAdded& added, std::u32string_view text, std::vector<TokenId>& to,
                 Rest rest) const;

    Normalizer normalizer_;
    Words words_;
    std::shared_ptr<const Pieces> pieces_;
    AllAdded raw_;         // found in the text as it is
    AllAdded normalized_;  // found in what it has become
    std::vector<TokenId> before_;
    std::vector<TokenId> after_;
    TokenId pad_id_ = 0;
};

}  // namespace hf::media::text
