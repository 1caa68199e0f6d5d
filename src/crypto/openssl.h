// What the adapters around OpenSSL in this folder share: owners of its objects, and PEM in memory.
// Used by the .cpp files of crypto/ only. Thread-safety: as OpenSSL's objects: a Key may be read
// from any thread, the others belong to one.

#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <openssl/bio.h>
#include <openssl/evp.h>

namespace hf::crypto::detail {

struct Key {
    explicit Key(EVP_PKEY* taken) : handle(taken) {}
    ~Key() { EVP_PKEY_free(handle); }
    Key(const Key&) = delete;
    Key& operator=(const Key&) = delete;
    EVP_PKEY* handle;
};

template <typename T, void (*Free)(T*)>
struct Freer {
    void operator()(T* p) const { Free(p); }
};
using Bio = std::unique_ptr<BIO, Freer<BIO, BIO_free_all>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Freer<EVP_MD_CTX, EVP_MD_CTX_free>>;

constexpr std::size_t kMaxPemBytes = 64u << 10;

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

}  // namespace hf::crypto::detail
