#include "crypto/spiffe.h"

#include <algorithm>

#include "base/text.h"

namespace hf::crypto {
namespace {

constexpr std::string_view kScheme = "spiffe://";
constexpr std::size_t kMaxBytes = 2048, kMaxDomainBytes = 255;

bool is_plain(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
}

bool is_domain(std::string_view text) {
    return !text.empty() && text.size() <= kMaxDomainBytes &&
           std::all_of(text.begin(), text.end(), is_plain);
}

bool is_segment(std::string_view text) {
    return !text.empty() && text != "." && text != ".." &&
           std::all_of(text.begin(), text.end(),
                       [](char c) { return is_plain(c) || (c >= 'A' && c <= 'Z'); });
}

}  // namespace

Result<SpiffeId> SpiffeId::parse(std::string_view text) {
    if (text.size() > kMaxBytes) {
        return invalid_argument("a SPIFFE ID of {} bytes; the limit is {}", text.size(), kMaxBytes);
    }
    if (!text.starts_with(kScheme)) {
        return invalid_argument("'{}' is no SPIFFE ID: want spiffe://TRUST-DOMAIN/PATH", text);
    }
    const SpiffeId id(text);
    HF_TRY(check_trust_domain(id.trust_domain()));
    if (id.path().empty()) return id;
    for (const std::string_view segment : split(id.path().substr(1), '/')) {
        if (is_segment(segment)) continue;
        return invalid_argument("'{}' cannot be part of a SPIFFE ID's path", segment);
    }
    return id;
}

Status SpiffeId::check_trust_domain(std::string_view text) {
    if (is_domain(text)) return {};
    return invalid_argument("'{}' is no trust domain: want lower-case letters, digits, . - _",
                            text);
}

std::string_view SpiffeId::trust_domain() const {
    const std::string_view rest = std::string_view(text_).substr(kScheme.size());
    return rest.substr(0, rest.find('/'));
}

std::string_view SpiffeId::path() const {
    return std::string_view(text_).substr(kScheme.size() + trust_domain().size());
}

}  // namespace hf::crypto
