// A public key with the one scheme that it is for, under the names of The Update Framework:
//
//     rsassa-pss-sha256     RSA of 2048 to 8192 bits, PEM; any length of salt
//     ecdsa-sha2-nistp256   P-256, PEM; signatures in DER
//     ed25519               32 bytes in hexadecimal
//
// For formats in which each key says what it is. Immutable; copies share the key and may be used
// from any thread.

#pragma once

#include <memory>
#include <string_view>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/status.h"

namespace hf::crypto {

namespace detail {
struct Key;
}

enum class Scheme : unsigned char { kRsaPssSha256, kEcdsaP256Sha256, kEd25519 };

// UNIMPLEMENTED for names of other schemes.
Result<Scheme> scheme_named(std::string_view name);

class SchemeKey final {
public:
    // INVALID_ARGUMENT when the text is no public key, or one of another kind.
    static Result<SchemeKey> create(Scheme scheme, std::string_view text);

    bool verify(ByteView message, ByteView signature) const;

    // SHA-256 of the key itself (its SubjectPublicKeyInfo in DER): two texts of one key agree.
    Digest fingerprint() const;

private:
    SchemeKey(Scheme scheme, std::shared_ptr<const detail::Key> key)
        : scheme_(scheme), key_(std::move(key)) {}

    Scheme scheme_;
    std::shared_ptr<const detail::Key> key_;
};

}  // namespace hf::crypto
