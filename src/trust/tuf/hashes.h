// Hashes as metadata of The Update Framework lists them: by algorithm, in lower-case hexadecimal.
// Known are sha256 and sha512; others are let pass beside one that is known, and prove nothing.
// Thread-safety: a HashCheck belongs to one thread.

#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "crypto/hash.h"
#include "crypto/sha512.h"

namespace hf::trust::tuf {

using Hashes = std::map<std::string, std::string, std::less<>>;

// Compares bytes that come in pieces.
class HashCheck final {
public:
    explicit HashCheck(Hashes expected);

    void update(ByteView bytes);

    // OK when every hash of a known algorithm is that of the bytes, and there is one. INVALID_
    // ARGUMENT otherwise. REQUIRES: not called before.
    Status finish();

private:
    Hashes expected_;
    std::optional<crypto::Sha256> sha256_;
    std::optional<crypto::Sha512> sha512_;
};

Status check_hashes(const Hashes& expected, std::string_view bytes);

// The hash by which a target's file is named: that of the first known algorithm; empty when none.
std::string_view hash_to_name_by(const Hashes& hashes);

}  // namespace hf::trust::tuf
