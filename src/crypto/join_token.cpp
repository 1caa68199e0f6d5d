#include "crypto/join_token.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "crypto/hash.h"

namespace hf::crypto {
namespace {

constexpr std::string_view kName = "hfj";
constexpr std::size_t kTextBytes =
    kName.size() + 3 + 2 * (JoinToken::kIdBytes + JoinToken::kSecretBytes + Digest::kSize);

bool is_hex(std::string_view text, std::size_t bytes) {
    return text.size() == 2 * bytes && std::all_of(text.begin(), text.end(), [](char c) {
               return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
           });
}

}  // namespace

Result<JoinToken> JoinToken::parse(std::string_view text) {
    const std::vector<std::string_view> parts = split(text.substr(0, kTextBytes + 1), '.');
    const bool formed = text.size() == kTextBytes && parts.size() == 4 && parts[0] == kName &&
                        is_hex(parts[1], kIdBytes) && is_hex(parts[2], kSecretBytes);
    const Result<Digest> root =
        Digest::parse(formed ? fmt::format("sha256:{}", parts[3]) : std::string());
    if (!formed || !root.ok()) {
        return invalid_argument(
            "that is no join token: want hfj.ID.SECRET.AUTHORITY, {} characters in lower case, "
            "whole, as the server gave it",
            kTextBytes);
    }
    return JoinToken{std::string(parts[1]), std::string(parts[2]), *root};
}

std::string JoinToken::text() const {
    return fmt::format("{}.{}.{}.{}", kName, id, secret, root.hex());
}

Digest JoinToken::digest() const {
    return sha256(as_bytes(text()));
}

}  // namespace hf::crypto
