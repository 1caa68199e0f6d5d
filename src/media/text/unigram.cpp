// Unigram (Kudo, "Subword Regularization", 2018): of all ways to make a word of pieces the one
// whose scores, logarithms of probabilities, have the largest sum (Viterbi). A character that no
// piece has costs ten more than the rarest piece; several in a row are one unknown token, or their
// bytes, where the vocabulary has these (byte_fallback).

#include <algorithm>

#include "media/text/pieces.h"
#include "media/text/trie.h"

namespace hf::media::text {
namespace {

constexpr double kUnknownPenalty = 10;
constexpr std::size_t kNowhere = static_cast<std::size_t>(-1);

class Unigram final : public Pieces {
public:
    struct Options {
        std::vector<std::string> pieces;
        std::vector<double> scores;
        std::size_t unknown = 0;
        bool bytes = false;  // byte_fallback
    };
    explicit Unigram(Options options)
        : options_(std::move(options)),
          trie_(options_.pieces),
          unknown_score_(*std::min_element(options_.scores.begin(), options_.scores.end()) -
                         kUnknownPenalty) {
        for (std::size_t i = 0; i < options_.pieces.size(); ++i) {
            numbers_.insert_or_assign(options_.pieces[i], static_cast<TokenId>(i));
        }
        if (options_.bytes) bytes_ = find_byte_tokens(numbers_);
    }

    void split(std::string_view word, std::vector<TokenId>& to) const override {
        const std::vector<Node> best = find_best(word);
        std::vector<std::string_view> parts;
        std::size_t unknown_end = kNowhere;  // of unknown pieces in a row
        for (std::size_t end = word.size(); end > 0; end = best[end].start) {
            const std::size_t start = best[end].start;
            if (best[end].piece == options_.unknown) {
                if (unknown_end == kNowhere) unknown_end = end;
                if (start > 0 && best[start].piece == options_.unknown) continue;
                parts.push_back(word.substr(start, unknown_end - start));
                unknown_end = kNowhere;
                continue;
            }
            parts.push_back(word.substr(start, end - start));
        }
        std::for_each(parts.rbegin(), parts.rend(), [&](std::string_view part) { add(part, to); });
    }

private:
    struct Node {  // the best way to the place: the piece that ends there
        double score = 0;
        std::size_t start = kNowhere;
        std::size_t piece = 0;
    };

    std::vector<Node> find_best(std::string_view word) const {
        std::vector<Node> best(word.size() + 1);
        for (std::size_t start = 0; start < word.size();) {
            const double score = best[start].score;
            const std::size_t size = character_bytes(word.substr(start));
            bool has_character = false;
            const auto consider = [&](Node way, std::size_t end) {
                Node& node = best[end];
                if (node.start == kNowhere || way.score > node.score) node = way;
            };
            trie_.prefixes(word.substr(start), [&](std::size_t piece, std::size_t length) {
                consider({options_.scores[piece] + score, start, piece}, start + length);
                has_character = has_character || length == size;
            });
            if (!has_character) {
                consider({unknown_score_ + score, start, options_.unknown}, start + size);
            }
            start += size;
        }
        return best;
    }

    void add(std::string_view part, std::vector<TokenId>& to) const {
        if (const std::optional<TokenId> id = find_token(numbers_, part)) {
            to.push_back(*id);
        } else if (!add_bytes(bytes_, part, to)) {
            to.push_back(static_cast<TokenId>(options_.unknown));
        }
    }

    const Options options_;
    const Trie trie_;
    const double unknown_score_;
    Vocabulary numbers_;
    ByteTokens bytes_;
};

Status add_piece(const json::Value& value, Unigram::Options& options) {
    const bool pair = value.is_array() && value.get_array().size() == 2;
    if (!pair || !value.get_array()[0].is_string() || !value.get_array()[1].is_number()) {
        return invalid_argument("want a piece and its score");
    }
    options.pieces.emplace_back(json::as_view(value.get_array()[0].get_string()));
    options.scores.push_back(value.get_array()[1].to_number<double>());
    return {};
}

}  // namespace

Result<std::unique_ptr<const Pieces>> parse_unigram(const json::Value& model) {
    const json::Array* const vocab = json::find_array(model, "vocab");
    if (!vocab || vocab->empty()) {
        return invalid_argument("vocab: want an array of pieces and their scores");
    }
    if (vocab->size() > static_cast<std::size_t>(kMaxTokenId)) {
        return resource_exhausted("vocab: above {}", kMaxTokenId);
    }
    Unigram::Options options;
    for (std::size_t i = 0; i < vocab->size(); ++i) {
        HF_TRY(add_piece((*vocab)[i], options).context("vocab/{}", i));
    }
    const json::Value* const unknown = json::find(model, "unk_id");
    if (!unknown || unknown->is_null()) {
        return unimplemented("Unigram without 'unk_id' is not built");
    }
    if (!unknown->is_int64() || unknown->get_int64() < 0 ||
        static_cast<std::size_t>(unknown->get_int64()) >= vocab->size()) {
        return invalid_argument("unk_id: want a number of the vocabulary");
    }
    options.unknown = static_cast<std::size_t>(unknown->get_int64());
    options.bytes = json::get_bool(model, "byte_fallback");
    return std::unique_ptr<const Pieces>(std::make_unique<const Unigram>(std::move(options)));
}

}  // namespace hf::media::text
