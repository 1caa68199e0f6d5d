#include "media/text/normalizer.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace hf::media::text {
namespace {

constexpr int kMaxNested = 8;

bool is_ideograph(char32_t c) {
    struct Span {
        char32_t first, last;
    };
    constexpr std::array<Span, 8> kSpans{{{0x4E00, 0x9FFF},
                                          {0x3400, 0x4DBF},
                                          {0x20000, 0x2A6DF},
                                          {0x2A700, 0x2B73F},
                                          {0x2B740, 0x2B81F},
                                          {0x2B920, 0x2CEAF},
                                          {0xF900, 0xFAFF},
                                          {0x2F800, 0x2FA1F}}};
    for (const Span& span : kSpans) {
        if (c >= span.first && c <= span.last) return true;
    }
    return false;
}

std::u32string clean(const std::u32string& text) {
    std::u32string out;
    for (const char32_t c : text) {
        const bool space = is_space(c);
        const bool kept_control = c == '\t' || c == '\n' || c == '\r';
        if (c == 0 || c == 0xFFFD || (!kept_control && is_other(c))) continue;
        out.push_back(space ? U' ' : c);
    }
    return out;
}

std::u32string set_apart(const std::u32string& text) {
    std::u32string out;
    for (const char32_t c : text) {
        if (!is_ideograph(c)) {
            out.push_back(c);
            continue;
        }
        out.push_back(U' ');
        out.push_back(c);
        out.push_back(U' ');
    }
    return out;
}

std::u32string without(bool (*one)(char32_t), std::u32string text) {
    std::erase_if(text, one);
    return text;
}

std::u32string nmt(const std::u32string& text) {
    std::u32string out;
    for (const char32_t c : text) {
        const bool control = (c >= 1 && c <= 8) || c == 0xB || (c >= 0xE && c <= 0x1F) ||
                             c == 0x7F || c == 0x8F || c == 0x9F;
        if (control) continue;
        const bool blank = c == 9 || c == 0xA || c == 0xC || c == 0xD || c == 0x1680 ||
                           (c >= 0x200B && c <= 0x200F) || c == 0x2028 || c == 0x2029 ||
                           c == 0x2581 || c == 0xFEFF || c == 0xFFFD;
        out.push_back(blank ? U' ' : c);
    }
    return out;
}

std::u32string with_replaced(std::u32string_view text, std::u32string_view from,
                             std::u32string_view to) {
    std::u32string out;
    std::size_t start = 0;
    for (;;) {
        const std::size_t found = text.find(from, start);
        out += text.substr(start, found - start);
        if (found == std::u32string_view::npos) return out;
        out += to;
        start = found + from.size();
    }
}

std::u32string with_blanks_replaced(std::u32string_view text, std::u32string_view to) {
    std::u32string out;
    for (std::size_t start = 0; start < text.size();) {
        const std::size_t end = std::min(text.find_first_not_of(U' ', start), text.size());
        if (end - start >= 2) out += to;
        if (end - start == 1) out += U' ';
        if (end == start) out += text[start];
        start = std::max(end, start + 1);
    }
    return out;
}

std::u32string without_spaces(const std::u32string& text, bool left) {
    std::size_t first = 0;
    std::size_t last = text.size();
    while (left && first < last && is_space(text[first])) ++first;
    while (!left && last > first && is_space(text[last - 1])) --last;
    return text.substr(first, last - first);
}

Result<std::u32string> parse_points(const json::Value& value, std::string_view key) {
    const std::string text = HF_TRY(json::need_string(value, key));
    if (!is_utf8(text) || text.size() > kMaxReplacementBytes) {
        return invalid_argument("{}: want UTF-8 of at most {} bytes", key, kMaxReplacementBytes);
    }
    return to_points(text);
}

}  // namespace

void Normalizer::add_bert(const json::Value& value) {
    const bool lowercase = json::get_bool(value, "lowercase", true);
    if (json::get_bool(value, "clean_text", true)) steps_.push_back({Kind::kClean});
    if (json::get_bool(value, "handle_chinese_chars", true)) steps_.push_back({Kind::kChinese});
    if (json::get_bool(value, "strip_accents", lowercase)) {
        steps_.push_back({Kind::kNfd});
        steps_.push_back({Kind::kStripAccents});
    }
    if (lowercase) steps_.push_back({Kind::kLowercase});
}

Status Normalizer::add_replace(const json::Value& value) {
    const json::Value* const pattern = json::find(value, "pattern");
    if (!pattern) return invalid_argument("Replace has no pattern");
    Step step{Kind::kReplace};
    step.to = HF_TRY(parse_points(value, "content").context("Replace"));
    if (json::find(*pattern, "Regex")) {
        const std::string_view regex = json::get_string(*pattern, "Regex");
        if (regex != " {2,}") {
            return unimplemented(
                "the normalizer 'Replace' of the regular expression '{}' is not built", regex);
        }
        step.kind = Kind::kReplaceBlanks;
    } else {
        step.from = HF_TRY(parse_points(*pattern, "String").context("Replace"));
        if (step.from.empty()) return invalid_argument("Replace has an empty pattern");
    }
    steps_.push_back(std::move(step));
    return {};
}

Status Normalizer::add(const json::Value& value, int depth) {
    const std::string_view type = json::get_string(value, "type");
    if (type == "BertNormalizer") {
        add_bert(value);
        return {};
    }
    if (type == "Sequence" && depth < kMaxNested) {
        const json::Array* const all = json::find_array(value, "normalizers");
        for (std::size_t i = 0; all && i < all->size(); ++i) HF_TRY(add((*all)[i], depth + 1));
        return {};
    }
    if (type == "Precompiled") {
        CharsMap map = HF_TRY(CharsMap::parse(json::get_string(value, "precompiled_charsmap"))
                                  .context("precompiled_charsmap"));
        steps_.push_back({Kind::kPrecompiled, {}, {}, std::make_shared<CharsMap>(std::move(map))});
        return {};
    }
    if (type == "Replace") return add_replace(value);
    if (type == "Prepend") {
        std::u32string prepended = HF_TRY(parse_points(value, "prepend"));
        steps_.push_back({Kind::kPrepend, {}, std::move(prepended)});
        return {};
    }
    if (type == "Strip") {
        if (json::get_bool(value, "strip_left", true)) steps_.push_back({Kind::kStripLeft});
        if (json::get_bool(value, "strip_right", true)) steps_.push_back({Kind::kStripRight});
        return {};
    }
    constexpr std::array<std::pair<std::string_view, Kind>, 7> kSimple{
        {{"Lowercase", Kind::kLowercase},
         {"StripAccents", Kind::kStripMarks},
         {"NFC", Kind::kNfc},
         {"NFD", Kind::kNfd},
         {"NFKC", Kind::kNfkc},
         {"NFKD", Kind::kNfkd},
         {"Nmt", Kind::kNmt}}};
    for (const auto& [name, kind] : kSimple) {
        if (name != type) continue;
        steps_.push_back({kind});
        return {};
    }
    return unimplemented("the normalizer '{}' is not built", type);
}

Result<Normalizer> Normalizer::parse(const json::Value* value) {
    Normalizer normalizer;
    if (value && !value->is_null()) HF_TRY(normalizer.add(*value, 0));
    return normalizer;
}

std::u32string Normalizer::apply_step(const Step& step, std::u32string text) {
    switch (step.kind) {
        case Kind::kClean: return clean(text);
        case Kind::kChinese: return set_apart(text);
        case Kind::kStripAccents: return without(is_accent, std::move(text));
        case Kind::kStripMarks: return without(is_mark, std::move(text));
        case Kind::kLowercase: return lower(text);
        case Kind::kNfc: return normalized(text, Form::kNfc);
        case Kind::kNfd: return normalized(text, Form::kNfd);
        case Kind::kNfkc: return normalized(text, Form::kNfkc);
        case Kind::kNfkd: return normalized(text, Form::kNfkd);
        case Kind::kNmt: return nmt(text);
        case Kind::kPrecompiled: return step.map->apply(text);
        case Kind::kPrepend: return text.empty() ? text : step.to + text;
        case Kind::kReplace: return with_replaced(text, step.from, step.to);
        case Kind::kReplaceBlanks: return with_blanks_replaced(text, step.to);
        case Kind::kStripLeft: return without_spaces(text, true);
        case Kind::kStripRight: return without_spaces(text, false);
    }
    return text;
}

Result<std::u32string> Normalizer::apply(std::u32string text) const {
    for (const Step& step : steps_) {
        text = apply_step(step, std::move(text));
        if (text.size() > kMaxNormalPoints) {
            return resource_exhausted("a text has {} characters once it is normalised; at most {}",
                                      text.size(), kMaxNormalPoints);
        }
    }
    return text;
}

}  // namespace hf::media::text
