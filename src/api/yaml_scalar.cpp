#include "api/yaml_scalar.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/text.h"

namespace hf::api {
namespace {

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> list) {
    return std::find(list.begin(), list.end(), text) != list.end();
}

bool all_digits(std::string_view text) {
    return !text.empty() &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::string_view without_sign(std::string_view text) {
    return text.starts_with('-') || text.starts_with('+') ? text.substr(1) : text;
}

bool is_integer(std::string_view text) {
    if (text.starts_with("0o") || text.starts_with("0x")) return text.size() > 2;
    return all_digits(without_sign(text));
}

// [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?
bool is_float(std::string_view text) {
    text = without_sign(text);
    const std::size_t e = text.find_first_of("eE");
    if (e != std::string_view::npos) {
        if (!all_digits(without_sign(text.substr(e + 1)))) return false;
        text = text.substr(0, e);
    }
    const std::size_t dot = text.find('.');
    if (dot == std::string_view::npos) return all_digits(text);
    const std::string_view whole = text.substr(0, dot), rest = text.substr(dot + 1);
    return (whole.empty() || all_digits(whole)) && (rest.empty() || all_digits(rest)) &&
           !(whole.empty() && rest.empty());
}

// Nothing when the text is not an integer after all ("0xZZ").
Result<std::optional<json::Value>> to_integer(std::string_view text) {
    int base = 10;
    if (text.starts_with("0o")) base = 8;
    if (text.starts_with("0x")) base = 16;
    std::string_view digits = base == 10 ? text : text.substr(2);
    if (base == 10 && digits.starts_with('+')) digits.remove_prefix(1);
    if (base != 10 && digits.starts_with('-')) return std::optional<json::Value>();
    std::int64_t number = 0;
    const char* end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, number, base);
    if (error == std::errc::result_out_of_range)
        return invalid_argument("integer '{}' does not fit 64 bits", text.substr(0, 40));
    if (error != std::errc() || stop != end) return std::optional<json::Value>();
    return std::optional<json::Value>(number);
}

Result<json::Value> to_float(std::string_view text) {
    std::string_view digits = text;
    if (digits.starts_with('+')) digits.remove_prefix(1);
    const Result<double> number = parse_double(digits);
    if (!number.ok()) return invalid_argument("number '{}' is out of range", text.substr(0, 40));
    return json::Value(*number);
}

Result<json::Value> resolve_plain(std::string_view text) {
    if (is_one_of(text, {"", "~", "null", "Null", "NULL"})) return json::Value();
    if (is_one_of(text, {"true", "True", "TRUE"})) return json::Value(true);
    if (is_one_of(text, {"false", "False", "FALSE"})) return json::Value(false);
    if (is_integer(text)) {
        if (std::optional<json::Value> number = HF_TRY(to_integer(text))) return *number;
    } else if (is_float(text)) {
        return to_float(text);
    }
    const std::string_view unsigned_text = without_sign(text);
    if (is_one_of(unsigned_text, {".inf", ".Inf", ".INF"}) ||
        is_one_of(text, {".nan", ".NaN", ".NAN"})) {
        return invalid_argument("'{}' has no place in JSON", text);
    }
    return json::Value(text);
}

}  // namespace

Result<json::Value> resolve_yaml_scalar(std::string_view tag, std::string_view text) {
    constexpr std::string_view kCore = "tag:yaml.org,2002:";
    if (tag == "?" || tag.empty()) return resolve_plain(text);
    if (tag == "!") return json::Value(text);
    if (!tag.starts_with(kCore)) return invalid_argument("tag '{}' is not known here", tag);
    const std::string_view type = tag.substr(kCore.size());
    if (type == "str") return json::Value(text);
    json::Value value = HF_TRY(resolve_plain(text));
    if (type == "float" && value.is_int64())
        return json::Value(static_cast<double>(value.get_int64()));
    const bool fits = (type == "int" && value.is_int64()) || (type == "bool" && value.is_bool()) ||
                      (type == "float" && value.is_double()) || (type == "null" && value.is_null());
    if (!fits) return invalid_argument("'{}' is not a !!{}", text.substr(0, 40), type);
    return value;
}

bool is_plain_yaml_text(std::string_view text) {
    constexpr std::string_view kSafe = "-_./@+";  // and ':' when no space follows
    if (text.empty() || is_one_of(text, {"-", "<<", "."})) return false;
    const auto alphanumeric = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    };
    if (!alphanumeric(text.front()) && text.front() != '/' && text.front() != '_') return false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool inner_colon = text[i] == ':' && i + 1 < text.size() && text[i + 1] != ' ';
        const bool inner_space = text[i] == ' ' && i + 1 < text.size() && alphanumeric(text[i + 1]);
        const bool fine = alphanumeric(text[i]) || kSafe.find(text[i]) != std::string_view::npos;
        if (!fine && !inner_colon && !inner_space) return false;
    }
    // YAML 1.1 readers take these for truths; be kind to them.
    if (is_one_of(to_lower(text), {"yes", "no", "on", "off", "y", "n"})) return false;
    // And dates and sexagesimals for something else.
    if (text.front() >= '0' && text.front() <= '9') return false;
    const Result<json::Value> value = resolve_plain(text);
    return value.ok() && value->is_string();
}

}  // namespace hf::api
