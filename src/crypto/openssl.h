// Owning pointers for what OpenSSL hands out, and its memory streams as text. For the .cpp files of
// this module only: no other header includes it, so no OpenSSL type shows outside. Thread-safety:
// as OpenSSL's objects: a key may be read from any thread, the others belong to one.

#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

namespace hf::crypto::detail {

// What the classes PublicKey, PrivateKey and their Ed25519 kin share between copies.
struct Key {
    explicit Key(EVP_PKEY* taken) : handle(taken) {}
    ~Key() { EVP_PKEY_free(handle); }
    Key(const Key&) = delete;
    Key& operator=(const Key&) = delete;
    EVP_PKEY* handle;
};

}  // namespace hf::crypto::detail

namespace hf::crypto::openssl {

constexpr std::size_t kMaxPemBytes = 64u << 10;

template <typename T, void (*Free)(T*)>
struct Freer {
    void operator()(T* p) const { Free(p); }
};

using Bio = std::unique_ptr<BIO, Freer<BIO, BIO_free_all>>;
using BigNumber = std::unique_ptr<BIGNUM, Freer<BIGNUM, BN_free>>;
using Certificate = std::unique_ptr<X509, Freer<X509, X509_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Freer<EVP_MD_CTX, EVP_MD_CTX_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Freer<X509_EXTENSION, X509_EXTENSION_free>>;
using GeneralName = std::unique_ptr<GENERAL_NAME, Freer<GENERAL_NAME, GENERAL_NAME_free>>;
using GeneralNames = std::unique_ptr<GENERAL_NAMES, Freer<GENERAL_NAMES, GENERAL_NAMES_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY, EVP_PKEY_free>>;
using Store = std::unique_ptr<X509_STORE, Freer<X509_STORE, X509_STORE_free>>;
using StoreContext = std::unique_ptr<X509_STORE_CTX, Freer<X509_STORE_CTX, X509_STORE_CTX_free>>;

// Reads `text` in place, which must outlive it.
inline Bio view_of(std::string_view text) {
    return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

inline std::string text_of(const Bio& bio) {
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &data);
    return std::string(data, static_cast<std::size_t>(size));
}

// For OpenSSL's password callback: an empty password instead of a prompt on the terminal.
inline int no_password(char*, int, int, void*) {
    return 0;
}

}  // namespace hf::crypto::openssl
