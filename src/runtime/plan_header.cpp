#include "runtime/plan_header.h"

#include "base/checksum.h"
#include "runtime/plan_file.h"

namespace hf::runtime {
namespace {

// The last number of the header is the checksum of what precedes it.
constexpr std::size_t kCheckedBytes = kPlanHeaderBytes - sizeof(std::uint32_t);

Status check_layout(const PlanHeader& header, std::uint64_t size) {
    if (header.file_bytes != size) {
        return data_loss("the plan file has {} bytes and says {}", size, header.file_bytes);
    }
    if (header.list_bytes > size - kPlanHeaderBytes ||
        header.weights_offset < kPlanHeaderBytes + header.list_bytes ||
        header.weights_offset > size || header.weights_offset % kPlanPageBytes != 0 ||
        header.weights_bytes != size - header.weights_offset) {
        return invalid_argument("the parts of the plan file do not fit its {} bytes", size);
    }
    return {};
}

}  // namespace

Bytes encode_plan_header(const PlanHeader& header) {
    Bytes out = to_bytes(kPlanMagic);
    append_le(out, kPlanVersion);
    append_le(out, static_cast<std::uint32_t>(kPlanHeaderBytes));
    for (const std::uint64_t number : {header.file_bytes, header.list_bytes, header.weights_offset,
                                       header.weights_bytes, header.arena_bytes, header.macs}) {
        append_le(out, number);
    }
    out.insert(out.end(), header.content_digest.begin(), header.content_digest.end());
    append_le(out, header.list_checksum);
    out.resize(kCheckedBytes);
    append_le(out, crc32c(out));
    return out;
}

Result<PlanHeader> decode_plan_header(ByteView file) {
    if (!is_plan(file)) return invalid_argument("this is no plan file");
    ByteReader reader(file);
    HF_TRY(reader.skip(kPlanMagic.size()));
    const auto version = HF_TRY(reader.read<std::uint32_t>());
    if (version != kPlanVersion) {
        return unimplemented(
            "plan file version {}; this build reads version {}: compile the model again", version,
            kPlanVersion);
    }
    const auto header_bytes = HF_TRY(reader.read<std::uint32_t>());
    PlanHeader header;
    for (std::uint64_t* field : {&header.file_bytes, &header.list_bytes, &header.weights_offset,
                                 &header.weights_bytes, &header.arena_bytes, &header.macs}) {
        *field = HF_TRY(reader.read<std::uint64_t>());
    }
    header.content_digest = HF_TRY(reader.take(Digest::kSize));
    header.list_checksum = HF_TRY(reader.read<std::uint32_t>());
    HF_TRY(reader.skip(kCheckedBytes - reader.offset()));
    const auto checksum = HF_TRY(reader.read<std::uint32_t>());
    if (header_bytes != kPlanHeaderBytes || checksum != crc32c(file.first(kCheckedBytes))) {
        return data_loss(
            "the header of the plan file changed since it was written; compile the model again");
    }
    HF_TRY(check_layout(header, file.size()));
    return header;
}

}  // namespace hf::runtime
