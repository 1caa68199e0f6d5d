#include "tensor/npz.h"

#include <algorithm>

#include <zlib.h>

#include "tensor/npy.h"

namespace hf {
namespace {

constexpr std::uint32_t kLocalHeader = 0x04034b50;
constexpr std::uint32_t kCentralHeader = 0x02014b50;
constexpr std::uint32_t kEndOfDirectory = 0x06054b50;
constexpr std::size_t kEndSize = 22;
constexpr std::size_t kMaxComment = 65535;

struct Entry {
    std::string name;
    std::uint16_t flags = 0, method = 0;
    std::uint32_t crc = 0, packed_size = 0, size = 0, local_offset = 0;
};

struct Directory {
    std::size_t count = 0, offset = 0;
};

// The end record stands last, before a comment of any length: searched from the back.
Result<Directory> find_directory(ByteView bytes) {
    if (bytes.size() < kEndSize) return data_loss("an archive of {} bytes", bytes.size());
    const std::size_t last = bytes.size() - kEndSize;
    const std::size_t first = last > kMaxComment ? last - kMaxComment : 0;
    for (std::size_t at = last + 1; at-- > first;) {
        if (load_le<std::uint32_t>(bytes.data() + at) != kEndOfDirectory) continue;
        return Directory{load_le<std::uint16_t>(bytes.data() + at + 10),
                         load_le<std::uint32_t>(bytes.data() + at + 16)};
    }
    return invalid_argument("not a ZIP archive, or a truncated one: it has no end record");
}

Result<Entry> read_entry(ByteReader& reader) {
    if (HF_TRY(reader.read<std::uint32_t>()) != kCentralHeader) {
        return data_loss("the directory is damaged at offset {}", reader.offset());
    }
    HF_TRY(reader.skip(4));
    Entry entry;
    entry.flags = HF_TRY(reader.read<std::uint16_t>());
    entry.method = HF_TRY(reader.read<std::uint16_t>());
    HF_TRY(reader.skip(4));
    entry.crc = HF_TRY(reader.read<std::uint32_t>());
    entry.packed_size = HF_TRY(reader.read<std::uint32_t>());
    entry.size = HF_TRY(reader.read<std::uint32_t>());
    const std::size_t name = HF_TRY(reader.read<std::uint16_t>());
    const std::size_t extra = HF_TRY(reader.read<std::uint16_t>());
    const std::size_t comment = HF_TRY(reader.read<std::uint16_t>());
    HF_TRY(reader.skip(8));
    entry.local_offset = HF_TRY(reader.read<std::uint32_t>());
    entry.name = as_text(HF_TRY(reader.take(name)));
    HF_TRY(reader.skip(extra + comment));
    return entry;
}

Result<ByteView> packed_bytes(ByteView bytes, const Entry& entry) {
    if (entry.local_offset > bytes.size()) return data_loss("it starts outside the archive");
    ByteReader reader(bytes.subspan(entry.local_offset));
    if (HF_TRY(reader.read<std::uint32_t>()) != kLocalHeader) return data_loss("no local header");
    HF_TRY(reader.skip(22));
    const std::size_t name = HF_TRY(reader.read<std::uint16_t>());
    const std::size_t extra = HF_TRY(reader.read<std::uint16_t>());
    HF_TRY(reader.skip(name + extra));
    return reader.take(entry.packed_size);
}

// Deflate cannot pack better than this ("zlib: Maximum compression factor").
constexpr std::size_t kMaxRatio = 1032;

Result<Bytes> inflate_bytes(ByteView packed, std::size_t size) {
    if (size / kMaxRatio > packed.size()) {
        return data_loss("{} bytes cannot come from {} deflated ones", size, packed.size());
    }
    // One byte more than promised, so that longer data is seen.
    Bytes out(size + 1);
    z_stream stream{};
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) return internal_error("zlib did not start");
    stream.next_in = const_cast<Bytef*>(packed.data());
    stream.avail_in = static_cast<uInt>(packed.size());
    stream.next_out = out.data();
    stream.avail_out = static_cast<uInt>(out.size());
    const int result = inflate(&stream, Z_FINISH);
    const std::size_t made = stream.total_out;
    inflateEnd(&stream);
    if (result != Z_STREAM_END || made != size) {
        return data_loss("the deflated data is damaged: {} bytes of {}", made, size);
    }
    out.resize(size);
    return out;
}

Result<Tensor> unpack(ByteView bytes, const Entry& entry) {
    if ((entry.flags & 1) != 0) return unimplemented("it is encrypted");
    const ByteView packed = HF_TRY(packed_bytes(bytes, entry));
    Bytes inflated;
    ByteView data = packed;
    if (entry.method == 8) {
        inflated = HF_TRY(inflate_bytes(packed, entry.size));
        data = inflated;
    } else if (entry.method != 0) {
        return unimplemented("compression method {}; save with numpy.savez", entry.method);
    }
    if (data.size() != entry.size) return data_loss("{} bytes of {}", data.size(), entry.size);
    const auto crc = static_cast<std::uint32_t>(crc32_z(0, data.data(), data.size()));
    if (crc != entry.crc) return data_loss("its checksum is wrong");
    return parse_npy(data);
}

}  // namespace

Result<std::vector<NamedArray>> parse_npz(ByteView bytes) {
    const Directory directory = HF_TRY(find_directory(bytes));
    if (directory.count > kMaxNpzArrays) {
        return resource_exhausted("{} arrays; the most is {}", directory.count, kMaxNpzArrays);
    }
    if (directory.offset > bytes.size()) return data_loss("the directory lies outside the archive");
    ByteReader reader(bytes.subspan(directory.offset));
    std::vector<NamedArray> arrays;
    std::uint64_t total = 0;
    for (std::size_t i = 0; i < directory.count; ++i) {
        Entry entry = HF_TRY(read_entry(reader));
        if (!entry.name.ends_with(".npy")) {
            return invalid_argument("entry '{}' is not an array", entry.name);
        }
        total += entry.size;
        if (total > kMaxNpzBytes) {
            return resource_exhausted("the arrays unpack to more than {} bytes", kMaxNpzBytes);
        }
        Tensor tensor = HF_TRY(unpack(bytes, entry).context("entry '{}'", entry.name));
        entry.name.resize(entry.name.size() - 4);
        const auto same = [&](const NamedArray& array) { return array.name == entry.name; };
        if (std::any_of(arrays.begin(), arrays.end(), same)) {
            return invalid_argument("the name '{}' occurs twice", entry.name);
        }
        arrays.push_back({std::move(entry.name), std::move(tensor)});
    }
    return arrays;
}

}  // namespace hf
