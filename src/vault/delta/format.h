// The layout of a delta, version 1 (docs/reference/delta.md): a header, then chunks. A chunk makes
// the next stretch of the result, at most kMaxChunkBytes of it, from the base and from what it
// carries: a list of operations, and their data, both in zstd frames. Chunks do not depend on
// one another.
//
// The one idea: whoever reads a delta trusts no number in it. Each is compared with a bound or with
// the bytes that are there before memory is taken or the base is read.
//
// Values; pure; thread-safe. Errors: DATA_LOSS for truncated or changed bytes, INVALID_ARGUMENT for
// numbers that do not fit each other behind checksums that do, UNIMPLEMENTED for another version.

#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/status.h"

namespace hf::vault::delta {

inline constexpr std::uint32_t kVersion = 1;
inline constexpr std::size_t kHeaderBytes = 128;
inline constexpr std::size_t kChunkHeadBytes = 20;
inline constexpr std::size_t kMaxChunkBytes = std::size_t{1} << 20;  // of the result
inline constexpr std::size_t kMaxListBytes = std::size_t{1} << 16;   // of operations in a chunk

// Of a chunk's data: a sparse operation has at most a mark and a sign more for each element.
inline constexpr std::size_t kMaxDataBytes = kMaxChunkBytes / 8 * 17;

// How an element of a tensor is stored. Its bytes are little-endian.
struct Element {
    std::uint8_t width = 1;  // 1, 2, 4 or 8 bytes
    bool real = false;       // IEEE 754: sign and magnitude; else two's complement or unsigned

    friend bool operator==(const Element&, const Element&) = default;
};

struct Header {
    std::uint64_t delta_bytes = 0;  // all of the file
    std::uint64_t base_bytes = 0;
    std::uint64_t result_bytes = 0;
    std::uint64_t chunks = 0;
    Digest base;
    Digest result;

    friend bool operator==(const Header&, const Header&) = default;
};

Bytes write_header(const Header& header);

// `bytes`: the first kHeaderBytes of the file, or all of a shorter one.
Result<Header> parse_header(ByteView bytes);

enum class Kind : std::uint8_t {
    kLiteral = 0,     // the bytes, by planes
    kCopy = 1,        // those of the base
    kDifference = 2,  // element by element from the base, by planes
    kSparse = 3,      // the same: how far apart the changed elements are, and their differences
};
inline constexpr std::size_t kKinds = 4;

struct Operation {
    Kind kind = Kind::kLiteral;
    Element element;
    std::uint64_t size = 0;         // bytes of the result; a multiple of the element's width
    std::uint64_t base_offset = 0;  // of all but literals
    std::uint64_t marks = 0;        // of kSparse: bytes that say where elements changed
    std::uint64_t changed = 0;      // of kSparse: how many did

    friend bool operator==(const Operation&, const Operation&) = default;
};

// Bytes of signs that changed elements of kSparse have apart: those of one byte have, since most of
// their changes are one step up or down, and a code of whole bits for two frequent values and some
// rare ones takes half a bit too much.
constexpr std::uint64_t sign_bytes(Element element, std::uint64_t changed) {
    return element.width == 1 ? (changed + 7) / 8 : 0;
}

// Bytes that the operation takes from the chunk's data.
std::uint64_t data_bytes(const Operation& operation);

struct ChunkHead {
    std::uint32_t result_bytes = 0;
    std::uint32_t list_bytes = 0;
    std::uint32_t data_bytes = 0;
    std::uint32_t packed_bytes = 0;  // what follows the head: list and data, compressed if smaller

    std::size_t unpacked_bytes() const { return std::size_t{list_bytes} + data_bytes; }
    bool compressed() const { return packed_bytes < unpacked_bytes(); }
};

// Appends head, its checksum included, and packed bytes. REQUIRES: packed.size() is what head says.
void append_chunk(const ChunkHead& head, ByteView packed, Bytes& out);

// Checks the bounds. REQUIRES: bytes.size() == kChunkHeadBytes.
Result<ChunkHead> parse_chunk_head(ByteView bytes);

// Compares the checksum of a whole chunk: head and packed bytes.
Status check_chunk(ByteView chunk);

// Where an operation reads the base when it says no more than that: behind the one before.
struct BasePlace {
    std::uint64_t expected = 0;
};

void append_operation(const Operation& operation, BasePlace& place, Bytes& list);

// All operations of a chunk, checked against its head and the size of the base.
Result<std::vector<Operation>> parse_list(ByteView list, const ChunkHead& head,
                                          std::uint64_t base_bytes);

}  // namespace hf::vault::delta
