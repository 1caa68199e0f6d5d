// Counts in JSON: numbers that are whole and not negative, however they are written. 7, 7.0 and 7e0
// are one number (RFC 8259, section 6), and a client may write any of them.

#pragma once

#include <cmath>
#include <cstdint>
#include <optional>

#include "base/json.h"

namespace hf::serve {

// Nullopt for what is none, or is 2^64 or more.
inline std::optional<std::uint64_t> count_of(const json::Value& value) {
    if (value.is_uint64()) return value.get_uint64();
    if (value.is_int64()) {
        if (value.get_int64() < 0) return std::nullopt;
        return static_cast<std::uint64_t>(value.get_int64());
    }
    const double* const number = value.if_double();
    if (!number || !(*number >= 0) || *number >= 0x1p64) return std::nullopt;
    if (std::floor(*number) != *number) return std::nullopt;
    return static_cast<std::uint64_t>(*number);
}

}  // namespace hf::serve
