#include "crypto/sha512.h"

#include "crypto/openssl.h"

namespace hf::crypto {

struct Sha512::State {
    openssl::DigestContext context{EVP_MD_CTX_new()};
};

Sha512::Sha512() : state_(std::make_unique<State>()) {
    HF_CHECK(EVP_DigestInit_ex(state_->context.get(), EVP_sha512(), nullptr) == 1);
}
Sha512::~Sha512() = default;
Sha512::Sha512(Sha512&&) noexcept = default;
Sha512& Sha512::operator=(Sha512&&) noexcept = default;

void Sha512::update(ByteView bytes) {
    HF_CHECK(EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()) == 1);
}

Bytes Sha512::finish() {
    Bytes out(64);
    HF_CHECK(EVP_DigestFinal_ex(state_->context.get(), out.data(), nullptr) == 1);
    return out;
}

Bytes sha512(ByteView bytes) {
    Sha512 hash;
    hash.update(bytes);
    return hash.finish();
}

}  // namespace hf::crypto
