// ECDSA keys on P-256, P-384 and P-521, over OpenSSL. The hash follows the curve (SHA-256, SHA-384,
// SHA-512); signatures are DER. Keys are immutable and may be shared between threads; private keys
// are wiped by OpenSSL when the last copy goes.

#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/status.h"
#include "base/time.h"

namespace hf::crypto {

namespace detail {
struct Key;
}

class PublicKey final {
public:
    // A PEM SubjectPublicKeyInfo. INVALID_ARGUMENT for anything but an EC key on one of the three
    // curves.
    static Result<PublicKey> from_pem(std::string_view pem);

    // The leaf's key, after the chain (leaf first, DER) was verified up to one of `ca_pems` at
    // `now`, for signing. UNAUTHENTICATED says which certificate is wrong and why.
    static Result<PublicKey> from_chain(const std::vector<Bytes>& chain,
                                        const std::vector<std::string>& ca_pems, Instant now);

    // SubjectPublicKeyInfo in PEM as OpenSSL writes it: 64 columns, a newline at the end.
    std::string pem() const;

    // SHA-256 of pem(): how OpenSSF Model Signing names a key.
    Digest fingerprint() const;

    bool verify(ByteView message, ByteView signature) const;

private:
    friend class PrivateKey;
    explicit PublicKey(std::shared_ptr<const detail::Key> key) : key_(std::move(key)) {}
    std::shared_ptr<const detail::Key> key_;
};

class PrivateKey final {
public:
    static PrivateKey generate();  // P-256, from OpenSSL's generator

    // PKCS#8 or SEC1 PEM without a password.
    static Result<PrivateKey> from_pem(std::string_view pem);

    std::string pem() const;  // PKCS#8
    PublicKey public_key() const;
    Bytes sign(ByteView message) const;

private:
    explicit PrivateKey(std::shared_ptr<const detail::Key> key) : key_(std::move(key)) {}
    std::shared_ptr<const detail::Key> key_;
};

// A certificate (DER) that names extended purposes is for those only (RFC 5280, section 4.2.1.12):
// UNAUTHENTICATED when it names some and code signing is none of them, as with one for TLS.
Status check_signs_code(const Bytes& certificate);

}  // namespace hf::crypto
