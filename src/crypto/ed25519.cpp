#include "crypto/ed25519.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include "crypto/openssl.h"

namespace hf::crypto {
namespace {

using openssl::Bio;
using openssl::DigestContext;

Result<std::shared_ptr<const detail::Key>> checked(EVP_PKEY* key, std::string_view what) {
    ERR_clear_error();
    if (!key) return invalid_argument("not a PEM {} key", what);
    auto owned = std::make_shared<const detail::Key>(key);
    if (EVP_PKEY_get_base_id(key) != EVP_PKEY_ED25519) {
        return invalid_argument("want an Ed25519 {} key", what);
    }
    return owned;
}

}  // namespace

Result<Ed25519PublicKey> Ed25519PublicKey::from_pem(std::string_view pem) {
    if (pem.size() > openssl::kMaxPemBytes)
        return invalid_argument("a key of {} bytes", pem.size());
    const Bio bio = openssl::view_of(pem);
    return Ed25519PublicKey(
        HF_TRY(checked(PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr), "public")));
}

Result<Ed25519PublicKey> Ed25519PublicKey::from_raw(ByteView raw) {
    if (raw.size() != kRawBytes) {
        return invalid_argument("an Ed25519 public key has {} bytes, not {}", kRawBytes,
                                raw.size());
    }
    EVP_PKEY* key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, raw.data(), raw.size());
    return Ed25519PublicKey(HF_TRY(checked(key, "public")));
}

std::string Ed25519PublicKey::pem() const {
    const Bio bio(BIO_new(BIO_s_mem()));
    HF_CHECK(PEM_write_bio_PUBKEY(bio.get(), key_->handle) == 1);
    return openssl::text_of(bio);
}

Bytes Ed25519PublicKey::raw() const {
    Bytes raw(kRawBytes);
    std::size_t size = raw.size();
    HF_CHECK(EVP_PKEY_get_raw_public_key(key_->handle, raw.data(), &size) == 1);
    return raw;
}

bool Ed25519PublicKey::verify(ByteView message, ByteView signature) const {
    const DigestContext context(EVP_MD_CTX_new());
    const bool good =
        EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key_->handle) == 1 &&
        EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(),
                         message.size()) == 1;
    ERR_clear_error();
    return good;
}

Ed25519PrivateKey Ed25519PrivateKey::generate() {
    EVP_PKEY* key = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
    HF_CHECK(key != nullptr, "OpenSSL cannot generate a key");
    return Ed25519PrivateKey(std::make_shared<const detail::Key>(key));
}

Result<Ed25519PrivateKey> Ed25519PrivateKey::from_pem(std::string_view pem) {
    if (pem.size() > openssl::kMaxPemBytes)
        return invalid_argument("a key of {} bytes", pem.size());
    const Bio bio = openssl::view_of(pem);
    return Ed25519PrivateKey(HF_TRY(checked(
        PEM_read_bio_PrivateKey(bio.get(), nullptr, openssl::no_password, nullptr), "private")));
}

Result<Ed25519PrivateKey> Ed25519PrivateKey::from_seed(ByteView seed) {
    if (seed.size() != kSeedBytes) {
        return invalid_argument("an Ed25519 seed has {} bytes, not {}", kSeedBytes, seed.size());
    }
    EVP_PKEY* key =
        EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.data(), seed.size());
    return Ed25519PrivateKey(HF_TRY(checked(key, "private")));
}

std::string Ed25519PrivateKey::pem() const {
    const Bio bio(BIO_new(BIO_s_secmem()));
    HF_CHECK(PEM_write_bio_PKCS8PrivateKey(bio.get(), key_->handle, nullptr, nullptr, 0, nullptr,
                                           nullptr) == 1);
    return openssl::text_of(bio);
}

Ed25519PublicKey Ed25519PrivateKey::public_key() const {
    return Ed25519PublicKey(key_);
}

Bytes Ed25519PrivateKey::sign(ByteView message) const {
    const DigestContext context(EVP_MD_CTX_new());
    HF_CHECK(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_->handle) == 1);
    Bytes signature(kSignatureBytes);
    std::size_t size = signature.size();
    HF_CHECK(EVP_DigestSign(context.get(), signature.data(), &size, message.data(),
                            message.size()) == 1 &&
             size == kSignatureBytes);
    return signature;
}

}  // namespace hf::crypto
