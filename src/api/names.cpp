#include "api/names.h"

#include <algorithm>

#include "base/text.h"

namespace hf::api {
namespace {

bool is_lower_or_digit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool is_alphanumeric(char c) {
    return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z');
}

// Non-empty, ends alphanumeric on both sides, and has only `inner` characters besides.
template <typename IsEnd>
bool is_framed(std::string_view text, IsEnd is_end, std::string_view inner) {
    if (text.empty() || !is_end(text.front()) || !is_end(text.back())) return false;
    return std::all_of(text.begin(), text.end(), [&](char c) {
        return is_end(c) || inner.find(c) != std::string_view::npos;
    });
}

bool is_rfc1123_label(std::string_view text) {
    return text.size() <= kMaxLabelBytes && is_framed(text, is_lower_or_digit, "-");
}

// The name for a message: short, whatever was sent.
std::string_view shown(std::string_view text) {
    return text.substr(0, 80);
}

bool is_tag(std::string_view text) {
    constexpr std::size_t kMaxTagBytes = 128;  // OCI distribution specification 1.1
    if (text.empty() || text.size() > kMaxTagBytes || text[0] == '.' || text[0] == '-')
        return false;
    return std::all_of(text.begin(), text.end(), [](char c) {
        return is_alphanumeric(c) || c == '_' || c == '.' || c == '-';
    });
}

}  // namespace

Status check_name(std::string_view name) {
    bool good = !name.empty() && name.size() <= kMaxNameBytes;
    for (std::string_view part : split(name, '.')) {
        good = good && is_framed(part, is_lower_or_digit, "-");
    }
    if (good) return {};
    return invalid_argument(
        "'{}' is not a name: a lowercase RFC 1123 subdomain must consist of lower case "
        "alphanumeric characters, '-' or '.', and must start and end with an alphanumeric "
        "character, at most {} in all (for example 'pump-7.line-2')",
        shown(name), kMaxNameBytes);
}

Status check_namespace(std::string_view name) {
    if (is_rfc1123_label(name)) return {};
    return invalid_argument(
        "'{}' is not a namespace's name: a lowercase RFC 1123 label has lower case alphanumeric "
        "characters or '-', and starts and ends with an alphanumeric character, at most {} in all",
        shown(name), kMaxLabelBytes);
}

Status check_qualified_name(std::string_view name) {
    const std::size_t slash = name.find('/');
    const bool prefixed = slash != std::string_view::npos;
    if (prefixed) {
        HF_TRY(check_name(name.substr(0, slash)).context("prefix of '{}'", shown(name)));
    }
    const std::string_view last = prefixed ? name.substr(slash + 1) : name;
    if (last.size() <= kMaxLabelBytes && is_framed(last, is_alphanumeric, "-_.")) return {};
    return invalid_argument(
        "'{}' is not a key: after an optional 'prefix/' want alphanumeric characters, '-', '_' or "
        "'.', starting and ending with an alphanumeric character, at most {}",
        shown(name), kMaxLabelBytes);
}

Status check_label_value(std::string_view value) {
    const bool good = value.size() <= kMaxLabelBytes && is_framed(value, is_alphanumeric, "-_.");
    if (value.empty() || good) return {};
    return invalid_argument(
        "'{}' is not a label's value: want alphanumeric characters, '-', '_' or '.', starting and "
        "ending with an alphanumeric character, at most {}",
        shown(value), kMaxLabelBytes);
}

Result<ModelReference> parse_model_reference(std::string_view text) {
    constexpr std::string_view kWanted = "want NAME:TAG or NAME@sha256:DIGEST, for example pump:v1";
    ModelReference reference;
    const std::size_t at = text.find('@');
    const std::size_t colon = text.find(':');
    if (at != std::string_view::npos) {
        reference.name = std::string(text.substr(0, at));
        reference.digest =
            HF_TRY(Digest::parse(text.substr(at + 1)).context("model reference '{}'", shown(text)));
    } else if (colon != std::string_view::npos && is_tag(text.substr(colon + 1))) {
        reference.name = std::string(text.substr(0, colon));
        reference.tag = std::string(text.substr(colon + 1));
    } else {
        return invalid_argument("model reference '{}' names no version: {}", shown(text), kWanted);
    }
    HF_TRY(check_name(reference.name).context("model reference '{}'", shown(text)));
    return reference;
}

}  // namespace hf::api
