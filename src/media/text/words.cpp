#include "media/text/words.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace hf::media::text {
namespace {

using Points = std::u32string_view;

constexpr int kMaxNested = 8;
constexpr std::size_t kMaxStages = 4;

bool is_bert_punctuation(char32_t c) {
    const bool ascii =
        c > 32 && c < 127 && !(c >= '0' && c <= '9') && !((c | 32) >= 'a' && (c | 32) <= 'z');
    return ascii || is_punctuation(c);
}

// Calls `take` with each word, and where it begins.
template <typename Take>
void split_at_spaces(Points text, bool and_punctuation, Take take) {
    std::size_t start = 0;
    const auto end_word = [&](std::size_t end) {
        if (end > start) take(text.substr(start, end - start), start);
    };
    for (std::size_t at = 0; at < text.size(); ++at) {
        const bool apart = and_punctuation && is_bert_punctuation(text[at]);
        if (!is_space(text[at]) && !apart) continue;
        end_word(at);
        if (apart) take(text.substr(at, 1), at);
        start = at + 1;
    }
    end_word(text.size());
}

enum class Sort : unsigned char { kLetter, kNumber, kSpace, kRest };
Sort sort_of(char32_t c) {
    if (is_space(c)) return Sort::kSpace;
    if (is_letter(c)) return Sort::kLetter;
    return is_number(c) ? Sort::kNumber : Sort::kRest;
}

// How many points of `text` the next word of GPT-2 has, which are found by
//     's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
std::size_t next_word(Points text) {
    constexpr std::array<Points, 7> kEndings{U"'s", U"'t", U"'re", U"'ve", U"'m", U"'ll", U"'d"};
    for (const Points ending : kEndings) {
        if (text.starts_with(ending)) return ending.size();
    }
    const std::size_t blank = text[0] == U' ' && text.size() > 1 ? 1 : 0;
    const Sort sort = sort_of(text[blank]);
    if (sort != Sort::kSpace) {
        std::size_t end = blank + 1;
        while (end < text.size() && sort_of(text[end]) == sort) ++end;
        return end;
    }
    std::size_t end = 1;
    while (end < text.size() && is_space(text[end])) ++end;
    // The last blank goes with what follows.
    return end < text.size() && end > 1 ? end - 1 : end;
}

// GPT-2's bytes_to_unicode(): visible Latin-1 as it is, the rest from U+0100 on.
char32_t visible(unsigned char byte) {
    static const std::array<char32_t, 256> kAll = [] {
        std::array<char32_t, 256> all{};
        char32_t next = 0x100;
        for (char32_t b = 0; b < 256; ++b) {
            const bool shown = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
            all[b] = shown ? b : next++;
        }
        return all;
    }();
    return kAll[byte];
}

std::u32string in_bytes(Points word) {
    std::u32string out;
    for (const char byte : to_utf8(word)) {
        out.push_back(visible(static_cast<unsigned char>(byte)));
    }
    return out;
}

}  // namespace

Result<Words::Stage> Words::parse_metaspace(const json::Value& value) {
    Stage stage{Kind::kMetaspace};
    const std::string replacement(json::get_string(value, "replacement", "\u2581"));
    const std::u32string points = is_utf8(replacement) ? to_points(replacement) : U"";
    if (points.size() != 1) {
        return invalid_argument("Metaspace: replacement: want one character, in UTF-8");
    }
    stage.replacement = points[0];
    const bool legacy = json::get_bool(value, "add_prefix_space", true);
    const std::string_view scheme =
        json::get_string(value, "prepend_scheme", legacy ? "always" : "never");
    if (scheme != "always" && scheme != "first" && scheme != "never") {
        return unimplemented("Metaspace with the prepend_scheme '{}' is not built", scheme);
    }
    stage.prepend = scheme == "always"  ? Prepend::kAlways
                    : scheme == "first" ? Prepend::kFirst
                                        : Prepend::kNever;
    stage.split = json::get_bool(value, "split", true);
    return stage;
}

Status Words::add(const json::Value& value, int depth) {
    const std::string_view type = json::get_string(value, "type");
    if (type == "Sequence" && depth < kMaxNested) {
        const json::Array* const all = json::find_array(value, "pretokenizers");
        for (std::size_t i = 0; all && i < all->size(); ++i) HF_TRY(add((*all)[i], depth + 1));
        if (stages_.size() > kMaxStages) {
            return resource_exhausted("more than {} pre-tokenizers", kMaxStages);
        }
        return {};
    }
    Stage stage;
    if (type == "BertPreTokenizer") {
        stage.kind = Kind::kBert;
    } else if (type == "WhitespaceSplit") {
        stage.kind = Kind::kWhitespaceSplit;
    } else if (type == "ByteLevel") {
        stage.kind = Kind::kByteLevel;
        stage.add_prefix_space = json::get_bool(value, "add_prefix_space", true);
        stage.use_regex = json::get_bool(value, "use_regex", true);
    } else if (type == "Metaspace") {
        stage = HF_TRY(parse_metaspace(value));
    } else {
        return unimplemented("the pre-tokenizer '{}' is not built", type);
    }
    stages_.push_back(stage);
    return {};
}

Result<Words> Words::parse(const json::Value* value) {
    Words words;
    if (value && !value->is_null()) HF_TRY(words.add(*value, 0));
    return words;
}

void Words::split_piece(const Stage& stage, const Piece& piece, std::vector<Piece>& to) {
    const auto take = [&](Points word, std::size_t at) {
        to.push_back({std::u32string(word), piece.first && at == 0});
    };
    if (stage.kind == Kind::kBert || stage.kind == Kind::kWhitespaceSplit) {
        split_at_spaces(piece.text, stage.kind == Kind::kBert, take);
        return;
    }
    std::u32string whole = piece.text;
    if (stage.kind == Kind::kByteLevel) {
        if (stage.add_prefix_space && whole[0] != U' ') whole.insert(whole.begin(), U' ');
        for (Points rest = whole; !rest.empty();) {
            const std::size_t size = stage.use_regex ? next_word(rest) : rest.size();
            const bool begins = rest.size() == whole.size();
            to.push_back({in_bytes(rest.substr(0, size)), piece.first && begins});
            rest.remove_prefix(size);
        }
        return;
    }
    std::replace(whole.begin(), whole.end(), U' ', stage.replacement);
    const bool wanted =
        stage.prepend == Prepend::kAlways || (stage.prepend == Prepend::kFirst && piece.first);
    if (wanted && whole[0] != stage.replacement) whole.insert(whole.begin(), stage.replacement);
    for (std::size_t start = 0; start < whole.size();) {
        const std::size_t next =
            stage.split ? whole.find(stage.replacement, start + 1) : whole.npos;
        const std::size_t end = std::min(next, whole.size());
        take(Points(whole).substr(start, end - start), start);
        start = end;
    }
}

std::vector<std::string> Words::split(const std::u32string& text, bool first) const {
    std::vector<Piece> pieces;
    if (!text.empty()) pieces.push_back({text, first});
    for (const Stage& stage : stages_) {
        std::vector<Piece> next;
        for (const Piece& piece : pieces) split_piece(stage, piece, next);
        pieces = std::move(next);
    }
    std::vector<std::string> words;
    for (const Piece& piece : pieces) words.push_back(to_utf8(piece.text));
    return words;
}

}  // namespace hf::media::text
