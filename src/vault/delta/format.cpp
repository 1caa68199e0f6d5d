#include "vault/delta/format.h"

#include <algorithm>
#include <bit>

#include "base/checksum.h"

namespace hf::vault::delta {
namespace {

constexpr std::array<std::uint8_t, 8> kMagic{'H', 'F', 'D', 'E', 'L', 'T', 0xFF, 0x0A};
constexpr std::size_t kHeaderChecksumAt = kHeaderBytes - sizeof(std::uint32_t);

// An operation's first byte.
constexpr unsigned kKindBits = 2, kWidthBits = 2;
constexpr std::uint8_t kRealFlag = 1U << (kKindBits + kWidthBits);

Digest read_digest(ByteView bytes) {
    std::array<std::uint8_t, Digest::kSize> value;
    std::copy_n(bytes.begin(), value.size(), value.begin());
    return Digest(value);
}

void append(Bytes& out, ByteView bytes) {
    out.insert(out.end(), bytes.begin(), bytes.end());
}

// LEB128.
void append_number(Bytes& out, std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) out.push_back(static_cast<std::uint8_t>(value | 0x80));
    out.push_back(static_cast<std::uint8_t>(value));
}

Result<std::uint64_t> read_number(ByteReader& reader) {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        const std::uint64_t byte = HF_TRY(reader.read<std::uint8_t>());
        if (shift == 63 && byte > 1) break;
        value |= (byte & 0x7F) << shift;
        if (byte < 0x80) return value;
    }
    return invalid_argument("a number of more than 64 bits");
}

std::uint64_t zigzag(std::uint64_t value) {
    return (value << 1) ^ (0 - (value >> 63));
}
std::uint64_t unzigzag(std::uint64_t value) {
    return (value >> 1) ^ (0 - (value & 1));
}

Result<Operation> read_operation(ByteReader& reader, BasePlace& place) {
    const auto tag = HF_TRY(reader.read<std::uint8_t>());
    if (tag >= 2 * kRealFlag) return invalid_argument("unknown operation {}", tag);
    Operation operation;
    operation.kind = static_cast<Kind>(tag & ((1U << kKindBits) - 1));
    operation.element.width =
        static_cast<std::uint8_t>(1U << ((tag >> kKindBits) & ((1U << kWidthBits) - 1)));
    operation.element.real = (tag & kRealFlag) != 0;
    operation.size = HF_TRY(read_number(reader));
    if (operation.size > kMaxChunkBytes) {
        return invalid_argument("{} bytes, more than a chunk has", operation.size);
    }
    if (operation.size == 0 || operation.size % operation.element.width != 0) {
        return invalid_argument("{} bytes in elements of {}", operation.size,
                                operation.element.width);
    }
    if (operation.kind != Kind::kLiteral) {
        const std::uint64_t distance = HF_TRY(read_number(reader));
        operation.base_offset = place.expected + unzigzag(distance);
        place.expected = operation.base_offset + operation.size;
    }
    if (operation.kind == Kind::kSparse) {
        operation.marks = HF_TRY(read_number(reader));
        operation.changed = HF_TRY(read_number(reader));
        const std::uint64_t elements = operation.size / operation.element.width;
        if (operation.marks > elements || operation.changed > operation.marks) {
            return invalid_argument("{} marks for {} changes of {} elements", operation.marks,
                                    operation.changed, elements);
        }
    }
    return operation;
}

}  // namespace

Bytes write_header(const Header& header) {
    Bytes out;
    append(out, kMagic);
    append_le(out, kVersion);
    append_le(out, static_cast<std::uint32_t>(kHeaderBytes));
    for (const std::uint64_t number :
         {header.delta_bytes, header.base_bytes, header.result_bytes, header.chunks}) {
        append_le(out, number);
    }
    append(out, header.base.bytes());
    append(out, header.result.bytes());
    out.resize(kHeaderChecksumAt);
    append_le(out, crc32c(out));
    return out;
}

Result<Header> parse_header(ByteView bytes) {
    const std::size_t magic = std::min(bytes.size(), kMagic.size());
    if (magic == 0 || !std::equal(kMagic.begin(), kMagic.begin() + magic, bytes.begin())) {
        return invalid_argument("not a delta of Holdfast: it starts with other bytes");
    }
    if (bytes.size() < kHeaderBytes) {
        return data_loss("the delta ends within its header: it is truncated, fetch it again");
    }
    ByteReader reader(bytes.first(kHeaderBytes));
    HF_TRY(reader.skip(kMagic.size()));
    const auto version = HF_TRY(reader.read<std::uint32_t>());
    if (version != kVersion) {
        return unimplemented("a delta of version {}; this program knows {}: make it again", version,
                             kVersion);
    }
    const auto checksum = load_le<std::uint32_t>(bytes.data() + kHeaderChecksumAt);
    if (checksum != crc32c(bytes.first(kHeaderChecksumAt))) {
        return data_loss("the header does not fit its checksum: it is damaged, fetch it again");
    }
    if (HF_TRY(reader.read<std::uint32_t>()) != kHeaderBytes) {
        return invalid_argument("the header has another size than {} bytes", kHeaderBytes);
    }
    Header header;
    for (std::uint64_t* number :
         {&header.delta_bytes, &header.base_bytes, &header.result_bytes, &header.chunks}) {
        *number = HF_TRY(reader.read<std::uint64_t>());
    }
    for (Digest* digest : {&header.base, &header.result}) {
        const ByteView value = HF_TRY(reader.take(Digest::kSize));
        *digest = read_digest(value);
    }
    const ByteView rest = HF_TRY(reader.take(kHeaderChecksumAt - reader.offset()));
    if (std::any_of(rest.begin(), rest.end(), [](std::uint8_t byte) { return byte != 0; })) {
        return invalid_argument("the header has bytes set that version {} leaves 0", kVersion);
    }
    return header;
}

std::uint64_t data_bytes(const Operation& operation) {
    switch (operation.kind) {
        case Kind::kCopy: return 0;
        case Kind::kSparse:
            return operation.marks + sign_bytes(operation.element, operation.changed) +
                   operation.changed * operation.element.width;
        case Kind::kLiteral:
        case Kind::kDifference: break;
    }
    return operation.size;
}

void append_chunk(const ChunkHead& head, ByteView packed, Bytes& out) {
    const std::size_t start = out.size();
    append_le(out, std::uint32_t{0});
    for (const std::uint32_t number :
         {head.result_bytes, head.list_bytes, head.data_bytes, head.packed_bytes}) {
        append_le(out, number);
    }
    append(out, packed);
    const std::uint32_t checksum = crc32c(ByteView(out).subspan(start + sizeof(std::uint32_t)));
    std::memcpy(out.data() + start, &checksum, sizeof checksum);
}

Result<ChunkHead> parse_chunk_head(ByteView bytes) {
    ByteReader reader(bytes);
    HF_TRY(reader.skip(sizeof(std::uint32_t)));
    ChunkHead head;
    for (std::uint32_t* number :
         {&head.result_bytes, &head.list_bytes, &head.data_bytes, &head.packed_bytes}) {
        *number = HF_TRY(reader.read<std::uint32_t>());
    }
    if (head.result_bytes == 0 || head.result_bytes > kMaxChunkBytes ||
        head.list_bytes > kMaxListBytes || head.data_bytes > kMaxDataBytes ||
        head.packed_bytes > head.unpacked_bytes()) {
        return invalid_argument(
            "a chunk of {} bytes from {} packed, {} of list and {} of data is outside the bounds",
            head.result_bytes, head.packed_bytes, head.list_bytes, head.data_bytes);
    }
    return head;
}

Status check_chunk(ByteView chunk) {
    if (crc32c(chunk.subspan(sizeof(std::uint32_t))) != load_le<std::uint32_t>(chunk.data())) {
        return data_loss("it does not fit its checksum: the delta is damaged, fetch it again");
    }
    return {};
}

void append_operation(const Operation& operation, BasePlace& place, Bytes& list) {
    const auto width_log2 = static_cast<unsigned>(std::countr_zero(operation.element.width));
    const unsigned tag = static_cast<unsigned>(operation.kind) | width_log2 << kKindBits |
                         (operation.element.real ? kRealFlag : 0U);
    list.push_back(static_cast<std::uint8_t>(tag));
    append_number(list, operation.size);
    if (operation.kind != Kind::kLiteral) {
        append_number(list, zigzag(operation.base_offset - place.expected));
        place.expected = operation.base_offset + operation.size;
    }
    if (operation.kind != Kind::kSparse) return;
    append_number(list, operation.marks);
    append_number(list, operation.changed);
}

Result<std::vector<Operation>> parse_list(ByteView list, const ChunkHead& head,
                                          std::uint64_t base_bytes) {
    std::vector<Operation> operations;
    ByteReader reader(list);
    BasePlace place;
    std::uint64_t result = 0, data = 0;
    while (reader.remaining() > 0) {
        const Operation operation =
            HF_TRY(read_operation(reader, place).context("operation {}", operations.size()));
        const bool outside = operation.base_offset > base_bytes ||
                             operation.size > base_bytes - operation.base_offset;
        if (operation.kind != Kind::kLiteral && outside) {
            return invalid_argument("operation {}: {} bytes at {} lie outside the base of {}",
                                    operations.size(), operation.size, operation.base_offset,
                                    base_bytes);
        }
        result += operation.size;
        data += data_bytes(operation);
        operations.push_back(operation);
    }
    if (result != head.result_bytes || data != head.data_bytes) {
        return invalid_argument(
            "the operations make {} bytes from {} of data; the chunk says {} from {}", result, data,
            head.result_bytes, head.data_bytes);
    }
    return operations;
}

}  // namespace hf::vault::delta
