#include "crypto/scheme_key.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "crypto/hash.h"
#include "crypto/openssl.h"

namespace hf::crypto {
namespace {

constexpr int kRsaBitsLeast = 2048;
constexpr int kRsaBitsMost = 8192;

using SharedKey = std::shared_ptr<const detail::Key>;

Result<SharedKey> read_pem(std::string_view text) {
    if (text.size() > openssl::kMaxPemBytes) {
        return invalid_argument("a key of {} bytes", text.size());
    }
    const openssl::Bio bio = openssl::view_of(text);
    EVP_PKEY* key = PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr);
    ERR_clear_error();
    if (!key) return invalid_argument("not a PEM public key");
    return SharedKey(std::make_shared<const detail::Key>(key));
}

Result<SharedKey> read_ed25519(std::string_view text) {
    const Bytes raw = HF_TRY(from_hex(text));
    EVP_PKEY* key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, raw.data(), raw.size());
    ERR_clear_error();
    if (!key) return invalid_argument("not an Ed25519 key: want 32 bytes in hexadecimal");
    return SharedKey(std::make_shared<const detail::Key>(key));
}

bool is_for(Scheme scheme, EVP_PKEY* key) {
    const int bits = EVP_PKEY_get_bits(key);
    switch (scheme) {
        case Scheme::kRsaPssSha256:
            return EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA && bits >= kRsaBitsLeast &&
                   bits <= kRsaBitsMost;
        case Scheme::kEcdsaP256Sha256: {
            char curve[64] = {};
            std::size_t size = 0;
            return EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
                   EVP_PKEY_get_group_name(key, curve, sizeof curve, &size) == 1 &&
                   std::string_view(curve, size) == "prime256v1";
        }
        case Scheme::kEd25519: return EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519;
    }
    return false;
}

}  // namespace

Result<Scheme> scheme_named(std::string_view name) {
    if (name == "rsassa-pss-sha256") return Scheme::kRsaPssSha256;
    if (name == "ecdsa-sha2-nistp256") return Scheme::kEcdsaP256Sha256;
    if (name == "ed25519") return Scheme::kEd25519;
    return unimplemented("no scheme '{}' for signatures", name);
}

Result<SchemeKey> SchemeKey::create(Scheme scheme, std::string_view text) {
    SharedKey key = HF_TRY(scheme == Scheme::kEd25519 ? read_ed25519(text) : read_pem(text));
    if (!is_for(scheme, key->handle)) {
        return invalid_argument("the key is not of the kind that its scheme is for");
    }
    return SchemeKey(scheme, std::move(key));
}

bool SchemeKey::verify(ByteView message, ByteView signature) const {
    const openssl::DigestContext context(EVP_MD_CTX_new());
    const EVP_MD* hash = scheme_ == Scheme::kEd25519 ? nullptr : EVP_sha256();
    EVP_PKEY_CTX* parameters = nullptr;  // owned by the context
    bool good = EVP_DigestVerifyInit(context.get(), &parameters, hash, nullptr, key_->handle) == 1;
    if (good && scheme_ == Scheme::kRsaPssSha256) {
        good = EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) == 1 &&
               EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, RSA_PSS_SALTLEN_AUTO) == 1;
    }
    good = good && EVP_DigestVerify(context.get(), signature.data(), signature.size(),
                                    message.data(), message.size()) == 1;
    ERR_clear_error();
    return good;
}

Digest SchemeKey::fingerprint() const {
    unsigned char* der = nullptr;
    const int size = i2d_PUBKEY(key_->handle, &der);
    HF_CHECK(size > 0, "a key that was read cannot be written");
    const Digest digest = sha256({der, static_cast<std::size_t>(size)});
    OPENSSL_free(der);
    return digest;
}

}  // namespace hf::crypto
