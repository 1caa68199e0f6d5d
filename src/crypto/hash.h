// SHA-256 (FIPS 180-4), over OpenSSL.

#pragma once

#include <memory>

#include "base/bytes.h"
#include "base/digest.h"

namespace hf::crypto {

Digest sha256(ByteView bytes);

// Whether they are equal, in a time that does not depend on where they differ: for secrets.
bool same_digest(const Digest& a, const Digest& b);

// In pieces. Not thread-safe; finish() ends it.
class Sha256 final {
public:
    Sha256();
    ~Sha256();
    Sha256(Sha256&&) noexcept;
    Sha256& operator=(Sha256&&) noexcept;

    void update(ByteView bytes);

    // REQUIRES: not called before.
    Digest finish();

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace hf::crypto
