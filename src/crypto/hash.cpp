#include "crypto/hash.h"

#include <openssl/evp.h>

#include <array>

namespace hf::crypto {

struct Sha256::State {
    std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context{EVP_MD_CTX_new(),
                                                                    EVP_MD_CTX_free};
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
    HF_CHECK(EVP_DigestInit_ex(state_->context.get(), EVP_sha256(), nullptr) == 1);
}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::update(ByteView bytes) {
    HF_CHECK(EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()) == 1);
}

Digest Sha256::finish() {
    std::array<std::uint8_t, Digest::kSize> out{};
    HF_CHECK(EVP_DigestFinal_ex(state_->context.get(), out.data(), nullptr) == 1);
    return Digest(out);
}

Digest sha256(ByteView bytes) {
    Sha256 hash;
    hash.update(bytes);
    return hash.finish();
}

}  // namespace hf::crypto
