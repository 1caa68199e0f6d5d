// SHA-512 (FIPS 180-4), over OpenSSL: for formats of others that ask for it. What Holdfast itself
// names is named by SHA-256 (crypto/hash.h). Thread-safety: a Sha512 belongs to one thread.

#pragma once

#include <memory>

#include "base/bytes.h"

namespace hf::crypto {

Bytes sha512(ByteView bytes);  // 64 bytes

// In pieces; finish() ends it.
class Sha512 final {
public:
    Sha512();
    ~Sha512();
    Sha512(Sha512&&) noexcept;
    Sha512& operator=(Sha512&&) noexcept;

    void update(ByteView bytes);

    // REQUIRES: not called before.
    Bytes finish();

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace hf::crypto
