#include "media/text/unicode.h"

#include <vector>

#include <utf8proc.h>

#include "base/check.h"

namespace hf::media::text {
namespace {

utf8proc_category_t category(char32_t point) {
    return utf8proc_category(static_cast<utf8proc_int32_t>(point));
}

int options_of(Form form) {
    const bool compose = form == Form::kNfc || form == Form::kNfkc;
    const bool compatible = form == Form::kNfkc || form == Form::kNfkd;
    return UTF8PROC_STABLE | (compose ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE) |
           (compatible ? UTF8PROC_COMPAT : 0);
}

}  // namespace

std::u32string to_points(std::string_view text) {
    std::u32string points;
    const auto* at = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
    auto left = static_cast<utf8proc_ssize_t>(text.size());
    while (left > 0) {
        utf8proc_int32_t point = 0;
        const utf8proc_ssize_t size = utf8proc_iterate(at, left, &point);
        HF_CHECK(size > 0, "to_points() of what is not UTF-8");
        points.push_back(static_cast<char32_t>(point));
        at += size;
        left -= size;
    }
    return points;
}

void append_utf8(std::string& text, char32_t point) {
    utf8proc_uint8_t bytes[4];
    const auto size = utf8proc_encode_char(static_cast<utf8proc_int32_t>(point), bytes);
    text.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
}

std::string to_utf8(std::u32string_view points) {
    std::string text;
    for (const char32_t point : points) append_utf8(text, point);
    return text;
}

bool is_letter(char32_t point) {
    const auto of = category(point);
    return of >= UTF8PROC_CATEGORY_LU && of <= UTF8PROC_CATEGORY_LO;
}

bool is_number(char32_t point) {
    const auto of = category(point);
    return of >= UTF8PROC_CATEGORY_ND && of <= UTF8PROC_CATEGORY_NO;
}

bool is_punctuation(char32_t point) {
    const auto of = category(point);
    return of >= UTF8PROC_CATEGORY_PC && of <= UTF8PROC_CATEGORY_PO;
}

bool is_space(char32_t point) {
    return (point >= 9 && point <= 13) || point == 0x20 || point == 0x85 || point == 0xA0 ||
           point == 0x1680 || (point >= 0x2000 && point <= 0x200A) || point == 0x2028 ||
           point == 0x2029 || point == 0x202F || point == 0x205F || point == 0x3000;
}

bool is_other(char32_t point) {
    const auto of = category(point);
    return of == UTF8PROC_CATEGORY_CN || of >= UTF8PROC_CATEGORY_CC;
}

bool is_mark(char32_t point) {
    const auto of = category(point);
    return of >= UTF8PROC_CATEGORY_MN && of <= UTF8PROC_CATEGORY_ME;
}

bool is_accent(char32_t point) {
    return category(point) == UTF8PROC_CATEGORY_MN;
}

std::u32string normalized(std::u32string_view points, Form form) {
    const std::string text = to_utf8(points);
    const auto options = static_cast<utf8proc_option_t>(options_of(form));
    const auto* const from = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
    const auto size = static_cast<utf8proc_ssize_t>(text.size());
    const utf8proc_ssize_t wanted = utf8proc_decompose(from, size, nullptr, 0, options);
    HF_CHECK(wanted >= 0, "normalized(): {}", utf8proc_errmsg(wanted));
    std::vector<utf8proc_int32_t> buffer(static_cast<std::size_t>(wanted) + 1);
    utf8proc_decompose(from, size, buffer.data(), wanted, options);
    const auto count = utf8proc_normalize_utf32(buffer.data(), wanted, options);
    HF_CHECK(count >= 0, "normalized(): {}", utf8proc_errmsg(count));
    return {buffer.begin(), buffer.begin() + count};
}

bool GraphemeBreaks::between(char32_t before, char32_t after) {
    return utf8proc_grapheme_break_stateful(static_cast<utf8proc_int32_t>(before),
                                            static_cast<utf8proc_int32_t>(after), &state_);
}

std::u32string lower(std::u32string_view points) {
    constexpr char32_t kDottedI = 0x130;
    std::u32string out;
    for (const char32_t point : points) {
        if (point == kDottedI) {
            out += U"i\u0307";
        } else {
            out.push_back(
                static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(point))));
        }
    }
    return out;
}

}  // namespace hf::media::text
