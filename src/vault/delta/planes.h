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

// A bit for each element, 1 where it changed, the first in the least significant place; then the
// planes of the differences of those. Gives their count.
std::uint64_t append_sparse(ByteView base, ByteView result, Element element, Bytes& data);

// As read_difference. INVALID_ARGUMENT when the bits are not `changed` in number.
// REQUIRES: data has the bits, and `changed` differences.
Status read_sparse(ByteView data, std::uint64_t changed, Element element,
                   std::span<std::uint8_t> values);

}  // namespace hf::vault::delta
