// The header of a plan file, version 2: sizes, a digest and two checksums, 128 bytes.
// docs/reference/plan-file.md has the table. Shared by plan_file.cpp, which opens plans, and
// plan_write.cpp, which writes them and checks their digest: only the latter needs the crypto
// module, which the small runners leave out. Internal to runtime.
//
// Pure. Thread-safe.

#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/status.h"

namespace hf::runtime {

// "HFPLAN", a byte that no text has, and a line end that a text transfer would change.
inline constexpr std::string_view kPlanMagic("HFPLAN\xff\n", 8);
inline constexpr std::uint32_t kPlanVersion = 2;
inline constexpr std::size_t kPlanHeaderBytes = 128;

struct PlanHeader {
    std::uint64_t file_bytes = 0;
    std::uint64_t list_bytes = 0;  // the list follows the header
    std::uint64_t weights_offset = 0;
    std::uint64_t weights_bytes = 0;
    std::uint64_t arena_bytes = 0;
    std::uint64_t macs = 0;
    ByteView content_digest;  // SHA-256 of all that follows the header; borrowed
    std::uint32_t list_checksum = 0;

    ByteView list(ByteView file) const { return file.subspan(kPlanHeaderBytes, list_bytes); }
    ByteView weights(ByteView file) const { return file.subspan(weights_offset, weights_bytes); }
};

Bytes encode_plan_header(const PlanHeader& header);

// Checks the header's checksum and that the parts fit the file; not what they hold. DATA_LOSS,
// UNIMPLEMENTED for another version, INVALID_ARGUMENT for no plan or parts that do not fit.
Result<PlanHeader> decode_plan_header(ByteView file);

}  // namespace hf::runtime
