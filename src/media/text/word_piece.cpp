#include "media/text/pieces.h"

namespace hf::media::text {
namespace {

constexpr std::int64_t kMaxWordCharacters = 1000;

class WordPiece final : public Pieces {
public:
    struct Options {
        Vocabulary vocabulary;
        TokenId unknown = 0;
        std::string prefix;  // of all pieces but a word's first
        std::size_t characters_max = 0;
    };
    explicit WordPiece(Options options) : options_(std::move(options)) {}

    void split(std::string_view word, std::vector<TokenId>& to) const override {
        std::size_t characters = 0;
        for (const char c : word) characters += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
        const std::size_t before = to.size();
        std::string piece;
        std::size_t start = 0;
        while (start < word.size() && characters <= options_.characters_max) {
            const std::size_t size = longest(word.substr(start), start > 0, piece);
            if (size == 0) break;
            to.push_back(*find_token(options_.vocabulary, piece));
            start += size;
        }
        if (start == word.size()) return;
        to.resize(before);
        to.push_back(options_.unknown);
    }

private:
    // How many bytes of `rest` the longest piece takes, which `piece` then is.
    std::size_t longest(std::string_view rest, bool inside, std::string& piece) const {
        for (std::size_t size = rest.size(); size > 0; --size) {
            const bool cut =
                size < rest.size() && (static_cast<unsigned char>(rest[size]) & 0xC0) == 0x80;
            if (cut) continue;  // inside of a character
            piece = inside ? options_.prefix : "";
            piece += rest.substr(0, size);
            if (find_token(options_.vocabulary, piece)) return size;
        }
        return 0;
    }

    const Options options_;
};

}  // namespace

Result<std::unique_ptr<const Pieces>> parse_word_piece(const json::Value& model) {
    WordPiece::Options options;
    options.vocabulary = HF_TRY(parse_vocabulary(model));
    const std::string unknown = HF_TRY(json::need_string(model, "unk_token"));
    const std::optional<TokenId> id = find_token(options.vocabulary, unknown);
    if (!id) return invalid_argument("the unknown token '{}' is not in the vocabulary", unknown);
    options.unknown = *id;
    options.prefix = json::get_string(model, "continuing_subword_prefix", "##");
    const std::int64_t most = json::get_int(model, "max_input_chars_per_word", 100);
    if (most < 1 || most > kMaxWordCharacters) {
        return invalid_argument("max_input_chars_per_word: want 1 to {}", kMaxWordCharacters);
    }
    options.characters_max = static_cast<std::size_t>(most);
    return std::unique_ptr<const Pieces>(std::make_unique<const WordPiece>(std::move(options)));
}

}  // namespace hf::media::text
