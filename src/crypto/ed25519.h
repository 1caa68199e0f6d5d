// Ed25519 signatures (RFC 8032), over OpenSSL: for logs and identities, where the signature must be
// small, fast to make and the same for the same message. Models are signed with crypto/ecdsa.h,
// which their standard asks for.
//
// Keys are immutable and may be shared between threads; private keys are wiped by OpenSSL when the
// last copy goes.

#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/status.h"

namespace hf::crypto {

namespace detail {
struct Key;
}

class Ed25519PublicKey final {
public:
    static constexpr std::size_t kRawBytes = 32;

    // A PEM SubjectPublicKeyInfo. INVALID_ARGUMENT for any other kind of key.
    static Result<Ed25519PublicKey> from_pem(std::string_view pem);

    // INVALID_ARGUMENT unless there are kRawBytes.
    static Result<Ed25519PublicKey> from_raw(ByteView raw);

    std::string pem() const;
    Bytes raw() const;

    bool verify(ByteView message, ByteView signature) const;

    friend bool operator==(const Ed25519PublicKey& a, const Ed25519PublicKey& b) {
        return a.raw() == b.raw();
    }

private:
    friend class Ed25519PrivateKey;
    explicit Ed25519PublicKey(std::shared_ptr<const detail::Key> key) : key_(std::move(key)) {}
    std::shared_ptr<const detail::Key> key_;
};

class Ed25519PrivateKey final {
public:
    static constexpr std::size_t kSeedBytes = 32;
    static constexpr std::size_t kSignatureBytes = 64;

    static Ed25519PrivateKey generate();  // from OpenSSL's generator

    // PKCS#8 PEM without a password.
    static Result<Ed25519PrivateKey> from_pem(std::string_view pem);

    // The 32 secret bytes of RFC 8032. INVALID_ARGUMENT for another number of them.
    static Result<Ed25519PrivateKey> from_seed(ByteView seed);

    std::string pem() const;  // PKCS#8
    Ed25519PublicKey public_key() const;
    Bytes sign(ByteView message) const;  // kSignatureBytes

private:
    explicit Ed25519PrivateKey(std::shared_ptr<const detail::Key> key) : key_(std::move(key)) {}
    std::shared_ptr<const detail::Key> key_;
};

}  // namespace hf::crypto
