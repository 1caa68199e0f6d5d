// CRC-32C (Castagnoli; RFC 3720, appendix B.4): notices accidents, such as a changed or lost byte,
// at some gigabytes a second. No defence against anyone who means it: that takes a Digest and a
// signature.
//
// Pure. Thread-safe.

#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace hf {

std::uint32_t crc32c(ByteView bytes);

}  // namespace hf
