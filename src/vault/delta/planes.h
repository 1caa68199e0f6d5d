// Weights as bytes that compress: the difference of each element to that of the base, small
// numbers first whatever their sign, and the bytes of all elements sorted by significance into
// planes, so that those that hardly vary lie together.
//
// Differences wrap around, so that every pair of elements has one and nothing is lost. Reals are
// taken in the order of their values (IEEE 754 sign and magnitude made two's complement; as in
// FM-Delta, NeurIPS 2024), integers as they are; then zigzag: 0, -1, 1, -2, ... become 0, 1, 2, 3.
//
// Pure; thread-safe. Sizes are in bytes and multiples of the element's width.

#pragma once

#include <span>

#include "base/bytes.h"
#include "base/status.h"
#include "vault/delta/format.h"

namespace hf::vault::delta {

// Planes, the most significant last.
void append_literal(ByteView result, Element element, Bytes& data);
void read_literal(ByteView data, Element element, std::span<std::uint8_t> result);

// Planes of the differences. REQUIRES: base.size() == result.size().
void append_difference(ByteView base, ByteView result, Element element, Bytes& data);

// `values` holds the base, and then the result.
void read_difference(ByteView data, Element element, std::span<std::uint8_t> values);

// Marks, then of the elements that changed the signs (see sign_bytes) and the planes of the
// differences, less one since 0 does not occur. A sign is a bit, 1 where the element became less,
// the first in the least significant place; the planes are those of the magnitudes then. A mark
// below kLongRun is the number of unchanged elements before the next changed one; kLongRun stands
// for as many unchanged elements.
inline constexpr std::uint8_t kLongRun = 255;
struct SparseCounts {
    std::uint64_t marks = 0;    // bytes; at most one an element
    std::uint64_t changed = 0;  // elements
};
SparseCounts append_sparse(ByteView base, ByteView result, Element element, Bytes& data);

// As read_difference. INVALID_ARGUMENT when the marks lead outside or to another number of changes.
// REQUIRES: data has the marks, and the differences.
Status read_sparse(ByteView data, const SparseCounts& counts, Element element,
                   std::span<std::uint8_t> values);

}  // namespace hf::vault::delta
