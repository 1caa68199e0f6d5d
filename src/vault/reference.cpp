#include "vault/reference.h"

#include <algorithm>

#include "base/text.h"

namespace hf::vault {
namespace {

constexpr std::size_t kMaxNameBytes = 255;
constexpr std::size_t kMaxTagBytes = 128;
constexpr std::string_view kScheme = "oci://";

bool is_lower_or_digit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool is_word(char c) {
    return is_lower_or_digit(lower(c)) || c == '_';
}

// [a-z0-9]+ separated by ".", "_", "__" or any number of "-".
bool is_name_part(std::string_view part) {
    if (part.empty() || !is_lower_or_digit(part.front()) || !is_lower_or_digit(part.back())) {
        return false;
    }
    for (std::size_t at = 0; at < part.size();) {
        std::size_t end = at;
        while (end < part.size() && !is_lower_or_digit(part[end])) ++end;
        const std::string_view between = part.substr(at, end - at);
        const bool dashes = between.find_first_not_of('-') == std::string_view::npos;
        if (!dashes && between != "." && between != "_" && between != "__") return false;
        at = std::max(end, at) + 1;
    }
    return true;
}

Status check_name(std::string_view name) {
    if (is_repository_name(name)) return {};
    return invalid_argument(
        "'{}' is not a model name: want lower-case letters, digits, and single '.', '_', '-' or "
        "'/' "
        "between them, as in pumps/pump-7",
        name);
}

Status check_tag(std::string_view tag) {
    if (is_tag(tag)) return {};
    return invalid_argument(
        "'{}' is not a tag: want at most {} letters, digits, '_', '.' or '-', as in 1.0", tag,
        kMaxTagBytes);
}

Status check_registry(std::string_view registry) {
    const auto allowed = [](char c) {
        return is_word(c) || c == '.' || c == '-' || c == ':' || c == '[' || c == ']';
    };
    const bool good = !registry.empty() && std::all_of(registry.begin(), registry.end(), allowed) &&
                      (registry.front() == '[' || is_lower_or_digit(lower(registry.front())));
    if (good) return {};
    return invalid_argument("'{}' is not a registry: want host or host:port", registry);
}

// Takes the registry off the front of `rest`, when there is one.
Result<std::string> take_registry(std::string_view& rest) {
    const bool scheme = rest.starts_with(kScheme);
    if (scheme) rest.remove_prefix(kScheme.size());
    const std::size_t slash = rest.find('/');
    if (slash == std::string_view::npos) {
        if (!scheme) return std::string();
        return invalid_argument("want oci://HOST/NAME:TAG");
    }
    const std::string_view first = rest.substr(0, slash);
    const bool host = first == "localhost" || first.find_first_of(".:[") != std::string_view::npos;
    if (!scheme && !host) return std::string();
    HF_TRY(check_registry(first));
    rest.remove_prefix(slash + 1);
    return std::string(first);
}

}  // namespace

bool is_repository_name(std::string_view name) {
    bool good = name.size() <= kMaxNameBytes;
    for (std::string_view part : split(name, '/')) good = good && is_name_part(part);
    return good;
}

bool is_tag(std::string_view tag) {
    bool good = !tag.empty() && tag.size() <= kMaxTagBytes && is_word(tag.front());
    for (char c : tag) good = good && (is_word(c) || c == '.' || c == '-');
    return good;
}

std::string Reference::local() const {
    if (digest) return name.empty() ? digest->to_string() : name + "@" + digest->to_string();
    return name + ":" + tag;
}

std::string Reference::to_string() const {
    return registry.empty() ? local() : registry + "/" + local();
}

Result<Reference> parse_reference(std::string_view text) {
    Reference reference;
    std::string_view rest = text;
    reference.registry = HF_TRY(take_registry(rest).context("reference '{}'", text));
    if (reference.registry.empty() && rest.starts_with("sha256:")) {
        reference.digest = HF_TRY(Digest::parse(rest));
        return reference;
    }
    const std::size_t at = rest.find('@');
    if (at != std::string_view::npos) {
        reference.digest =
            HF_TRY(Digest::parse(rest.substr(at + 1)).context("reference '{}'", text));
        rest = rest.substr(0, at);
    }
    const std::size_t colon = rest.rfind(':');
    if (colon != std::string_view::npos) {
        reference.tag = rest.substr(colon + 1);
        HF_TRY(check_tag(reference.tag).context("reference '{}'", text));
        rest = rest.substr(0, colon);
    } else if (!reference.digest) {
        return invalid_argument(
            "reference '{}' has neither tag nor digest: want {}:TAG, as in {}:1", text, text, text);
    }
    reference.name = rest;
    HF_TRY(check_name(reference.name).context("reference '{}'", text));
    return reference;
}

}  // namespace hf::vault
