// Digest: the SHA-256 name of a sequence of bytes, written "sha256:<64 lower-case hex digits>" as
// OCI does. A value; ordered, hashable. Computing one is crypto/hash.h's job.

#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/status.h"

namespace hf {

class Digest final {
public:
    static constexpr std::size_t kSize = 32;

    Digest() = default;  // all zero: the digest of nothing anyone knows
    explicit Digest(const std::array<std::uint8_t, kSize>& bytes) : bytes_(bytes) {}

    // Strict: the prefix "sha256:", then 64 lower-case hexadecimal digits.
    static Result<Digest> parse(std::string_view text);

    ByteView bytes() const { return bytes_; }
    std::string hex() const { return to_hex(bytes_); }
    std::string to_string() const { return "sha256:" + hex(); }

    friend auto operator<=>(const Digest&, const Digest&) = default;

private:
    std::array<std::uint8_t, kSize> bytes_{};
};

}  // namespace hf

template <>
struct std::hash<hf::Digest> {
    std::size_t operator()(const hf::Digest& digest) const {
        return hf::load_le<std::size_t>(digest.bytes().data());
    }
};
