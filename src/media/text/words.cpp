#include "media/text/words.h"

#include <array>

namespace hf::media::text {
namespace {

using Points = std::u32string_view;

bool is_bert_punctuation(char32_t c) {
    const bool ascii =
        c > 32 && c < 127 && !(c >= '0' && c <= '9') && !((c | 32) >= 'a' && (c | 32) <= 'z');
    return ascii || is_punctuation(c);
}

std::vector<std::string> split_at_spaces(Points text, bool and_punctuation) {
    std::vector<std::string> words;
    std::string word;
    const auto end_word = [&] {
        if (!word.empty()) words.push_back(std::move(word));
        word.clear();
    };
    for (const char32_t c : text) {
        const bool apart = and_punctuation && is_bert_punctuation(c);
        if (is_space(c) || apart) end_word();
        if (!is_space(c)) append_utf8(word, c);
        if (apart) end_word();
    }
    end_word();
    return words;
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

std::string in_bytes(Points word) {
    std::string out;
    for (const char byte : to_utf8(word)) {
        append_utf8(out, visible(static_cast<unsigned char>(byte)));
    }
    return out;
}

}  // namespace

Result<Words> Words::parse(const json::Value* value) {
    Words words;
    if (!value || value->is_null()) return words;
    const std::string_view type = json::get_string(*value, "type");
    if (type == "BertPreTokenizer") {
        words.kind_ = Kind::kBert;
    } else if (type == "WhitespaceSplit") {
        words.kind_ = Kind::kWhitespaceSplit;
    } else if (type == "ByteLevel") {
        words.kind_ = Kind::kByteLevel;
        words.add_prefix_space_ = json::get_bool(*value, "add_prefix_space", true);
        words.use_regex_ = json::get_bool(*value, "use_regex", true);
    } else {
        return unimplemented("the pre-tokenizer '{}' is not built", type);
    }
    return words;
}

std::vector<std::string> Words::split(const std::u32string& text) const {
    if (text.empty()) return {};
    if (kind_ == Kind::kNone) return {to_utf8(text)};
    if (kind_ != Kind::kByteLevel) return split_at_spaces(text, kind_ == Kind::kBert);
    const bool prefix = add_prefix_space_ && text[0] != U' ';
    const std::u32string whole = prefix ? U' ' + text : text;
    if (!use_regex_) return {in_bytes(whole)};
    std::vector<std::string> words;
    for (Points rest = whole; !rest.empty();) {
        const std::size_t size = next_word(rest);
        words.push_back(in_bytes(rest.substr(0, size)));
        rest.remove_prefix(size);
    }
    return words;
}

}  // namespace hf::media::text
