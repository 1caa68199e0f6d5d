#include "crypto/ecdsa.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "crypto/hash.h"
#include "crypto/openssl.h"

namespace hf::crypto {

namespace {

using openssl::Bio;
using openssl::Certificate;
using openssl::DigestContext;
using openssl::kMaxPemBytes;
using openssl::Store;
using openssl::StoreContext;
using openssl::text_of;
using openssl::view_of;

// The hash that goes with the key's curve, or nullptr for keys of other kinds.
const EVP_MD* hash_for(EVP_PKEY* key) {
    if (EVP_PKEY_get_base_id(key) != EVP_PKEY_EC) return nullptr;
    switch (EVP_PKEY_get_bits(key)) {
        case 256: return EVP_sha256();
        case 384: return EVP_sha384();
        case 521: return EVP_sha512();
        default: return nullptr;
    }
}

Result<std::shared_ptr<const detail::Key>> checked(EVP_PKEY* key, std::string_view what) {
    ERR_clear_error();
    if (!key) return invalid_argument("not a PEM {} key", what);
    auto owned = std::make_shared<const detail::Key>(key);
    if (!hash_for(key)) {
        return invalid_argument("want an EC {} key on P-256, P-384 or P-521", what);
    }
    return owned;
}

constexpr std::size_t kMaxChain = 10;

Status add_roots(X509_STORE* store, const std::vector<std::string>& pems) {
    for (const std::string& pem : pems) {
        const Bio bio = view_of(pem);
        const Certificate root(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
        if (!root) return invalid_argument("a trusted certificate is not PEM");
        X509_STORE_add_cert(store, root.get());
    }
    return {};
}

Result<std::vector<Certificate>> parse_chain(const std::vector<Bytes>& chain) {
    if (chain.empty() || chain.size() > kMaxChain) {
        return invalid_argument("a chain of {} certificates; want 1 to {}", chain.size(),
                                kMaxChain);
    }
    std::vector<Certificate> parsed;
    for (const Bytes& der : chain) {
        const unsigned char* at = der.data();
        parsed.emplace_back(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
        if (!parsed.back() || at != der.data() + der.size()) {
            ERR_clear_error();
            return invalid_argument("certificate {} of the chain is not DER", parsed.size() - 1);
        }
    }
    return parsed;
}

}  // namespace

Result<PublicKey> PublicKey::from_pem(std::string_view pem) {
    if (pem.size() > kMaxPemBytes) return invalid_argument("a key of {} bytes", pem.size());
    const Bio bio = view_of(pem);
    return PublicKey(
        HF_TRY(checked(PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr), "public")));
}

Result<PublicKey> PublicKey::from_chain(const std::vector<Bytes>& chain,
                                        const std::vector<std::string>& ca_pems, Instant now) {
    const std::vector<Certificate> certificates = HF_TRY(parse_chain(chain));
    const Store store(X509_STORE_new());
    HF_TRY(add_roots(store.get(), ca_pems));
    STACK_OF(X509)* others = sk_X509_new_null();
    for (std::size_t i = 1; i < certificates.size(); ++i)
        sk_X509_push(others, certificates[i].get());
    const StoreContext context(X509_STORE_CTX_new());
    X509_STORE_CTX_init(context.get(), store.get(), certificates[0].get(), others);
    X509_VERIFY_PARAM* parameters = X509_STORE_CTX_get0_param(context.get());
    X509_VERIFY_PARAM_set_time(
        parameters,
        std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count());
    X509_VERIFY_PARAM_set_purpose(parameters, X509_PURPOSE_ANY);
    // A given root that is an intermediate is trusted as it stands.
    X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_PARTIAL_CHAIN);
    const bool good = X509_verify_cert(context.get()) == 1;
    const int error = X509_STORE_CTX_get_error(context.get());
    const int depth = X509_STORE_CTX_get_error_depth(context.get());
    sk_X509_free(others);
    ERR_clear_error();
    if (!good) {
        return unauthenticated("certificate {} of the chain: {}", depth,
                               X509_verify_cert_error_string(error));
    }
    const std::uint32_t usage = X509_get_key_usage(certificates[0].get());
    if ((usage & KU_DIGITAL_SIGNATURE) == 0) {
        return unauthenticated("the leaf certificate is not for digital signatures");
    }
    return PublicKey(HF_TRY(checked(X509_get_pubkey(certificates[0].get()), "certificate")));
}

Status check_signs_code(const Bytes& certificate) {
    const std::vector<Certificate> parsed = HF_TRY(parse_chain({certificate}));
    // All bits are set when the certificate names no purpose; then it is for any.
    const std::uint32_t purposes = X509_get_extended_key_usage(parsed[0].get());
    if ((purposes & (XKU_CODE_SIGN | XKU_ANYEKU)) != 0) return {};
    return unauthenticated(
        "the leaf certificate names the purposes that it is for, and signing of code is none of "
        "them");
}

std::string PublicKey::pem() const {
    const Bio bio(BIO_new(BIO_s_mem()));
    HF_CHECK(PEM_write_bio_PUBKEY(bio.get(), key_->handle) == 1);
    return text_of(bio);
}

Digest PublicKey::fingerprint() const {
    return sha256(as_bytes(pem()));
}

bool PublicKey::verify(ByteView message, ByteView signature) const {
    const DigestContext context(EVP_MD_CTX_new());
    const bool good = EVP_DigestVerifyInit(context.get(), nullptr, hash_for(key_->handle), nullptr,
                                           key_->handle) == 1 &&
                      EVP_DigestVerify(context.get(), signature.data(), signature.size(),
                                       message.data(), message.size()) == 1;
    ERR_clear_error();
    return good;
}

PrivateKey PrivateKey::generate() {
    EVP_PKEY* key = EVP_EC_gen("P-256");
    HF_CHECK(key != nullptr, "OpenSSL cannot generate a key");
    return PrivateKey(std::make_shared<const detail::Key>(key));
}

Result<PrivateKey> PrivateKey::from_pem(std::string_view pem) {
    if (pem.size() > kMaxPemBytes) return invalid_argument("a key of {} bytes", pem.size());
    const Bio bio = view_of(pem);
    return PrivateKey(HF_TRY(checked(
        PEM_read_bio_PrivateKey(bio.get(), nullptr, openssl::no_password, nullptr), "private")));
}

std::string PrivateKey::pem() const {
    const Bio bio(BIO_new(BIO_s_secmem()));
    HF_CHECK(PEM_write_bio_PKCS8PrivateKey(bio.get(), key_->handle, nullptr, nullptr, 0, nullptr,
                                           nullptr) == 1);
    return text_of(bio);
}

PublicKey PrivateKey::public_key() const {
    return PublicKey(key_);
}

Bytes PrivateKey::sign(ByteView message) const {
    const DigestContext context(EVP_MD_CTX_new());
    HF_CHECK(EVP_DigestSignInit(context.get(), nullptr, hash_for(key_->handle), nullptr,
                                key_->handle) == 1);
    std::size_t size = 0;
    HF_CHECK(EVP_DigestSign(context.get(), nullptr, &size, message.data(), message.size()) == 1);
    Bytes signature(size);
    HF_CHECK(EVP_DigestSign(context.get(), signature.data(), &size, message.data(),
                            message.size()) == 1);
    signature.resize(size);
    return signature;
}

}  // namespace hf::crypto
