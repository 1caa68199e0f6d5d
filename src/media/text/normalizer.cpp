#include "media/text/normalizer.h"

#include <array>

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

std::u32string without_accents(std::u32string text) {
    std::erase_if(text, is_accent);
    return text;
}

}  // namespace

void Normalizer::add_bert(const json::Value& value) {
    const bool lowercase = json::get_bool(value, "lowercase", true);
    if (json::get_bool(value, "clean_text", true)) steps_.push_back(Step::kClean);
    if (json::get_bool(value, "handle_chinese_chars", true)) steps_.push_back(Step::kChinese);
    if (json::get_bool(value, "strip_accents", lowercase)) {
        steps_.push_back(Step::kNfd);
        steps_.push_back(Step::kStripAccents);
    }
    if (lowercase) steps_.push_back(Step::kLowercase);
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
    constexpr std::array<std::pair<std::string_view, Step>, 6> kSimple{
        {{"Lowercase", Step::kLowercase},
         {"StripAccents", Step::kStripAccents},
         {"NFC", Step::kNfc},
         {"NFD", Step::kNfd},
         {"NFKC", Step::kNfkc},
         {"NFKD", Step::kNfkd}}};
    for (const auto& [name, step] : kSimple) {
        if (name != type) continue;
        steps_.push_back(step);
        return {};
    }
    return unimplemented("the normalizer '{}' is not built", type);
}

Result<Normalizer> Normalizer::parse(const json::Value* value) {
    Normalizer normalizer;
    if (value && !value->is_null()) HF_TRY(normalizer.add(*value, 0));
    return normalizer;
}

std::u32string Normalizer::apply(std::u32string text) const {
    for (const Step step : steps_) {
        switch (step) {
            case Step::kClean: text = clean(text); break;
            case Step::kChinese: text = set_apart(text); break;
            case Step::kStripAccents: text = without_accents(std::move(text)); break;
            case Step::kLowercase: text = lower(text); break;
            case Step::kNfc: text = normalized(text, Form::kNfc); break;
            case Step::kNfd: text = normalized(text, Form::kNfd); break;
            case Step::kNfkc: text = normalized(text, Form::kNfkc); break;
            case Step::kNfkd: text = normalized(text, Form::kNfkd); break;
        }
    }
    return text;
}

}  // namespace hf::media::text
