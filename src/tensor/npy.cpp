#include "tensor/npy.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace hf {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";

struct Row {
    std::string_view descr;
    DType dtype;
};
constexpr std::array<Row, 14> kRows{{{"<f4", DType::kF32},
                                     {"<f8", DType::kF64},
                                     {"<f2", DType::kF16},
                                     {"|i1", DType::kI8},
                                     {"<i2", DType::kI16},
                                     {"<i4", DType::kI32},
                                     {"<i8", DType::kI64},
                                     {"|u1", DType::kU8},
                                     {"<u2", DType::kU16},
                                     {"<u4", DType::kU32},
                                     {"<u8", DType::kU64},
                                     {"|b1", DType::kBool},
                                     {"<c8", DType::kC64},
                                     {"<c16", DType::kC128}}};

struct Header {
    std::string descr;
    bool fortran = false;
    Shape shape;
};

// The text after "'key':" in the header's dictionary, up to `stop`.
Result<std::string_view> field(std::string_view header, std::string_view key,
                               std::string_view stop) {
    const std::size_t at = header.find(fmt::format("'{}':", key));
    if (at == std::string_view::npos) return invalid_argument("npy header has no '{}'", key);
    std::string_view rest = header.substr(at + key.size() + 3);
    const std::size_t end = rest.find_first_of(stop);
    if (end == std::string_view::npos)
        return invalid_argument("npy header: '{}' does not end", key);
    return trim(rest.substr(0, end));
}

Result<Header> parse_header(std::string_view text) {
    Header header;
    std::string_view descr = HF_TRY(field(text, "descr", ",}"));
    if (descr.size() < 3 || descr.front() != '\'' || descr.back() != '\'') {
        return unimplemented("npy element type {}: want a plain one such as '<f4'", descr);
    }
    header.descr = descr.substr(1, descr.size() - 2);
    header.fortran = HF_TRY(field(text, "fortran_order", ",}")) == "True";
    const std::string_view tuple = HF_TRY(field(text, "shape", ")"));
    std::vector<std::int64_t> extents;
    for (std::string_view part : split(tuple.substr(tuple.starts_with('(') ? 1 : 0), ',')) {
        part = trim(part);
        if (!part.empty()) extents.push_back(HF_TRY(parse_int(part).context("npy shape")));
    }
    header.shape = Shape(std::move(extents));
    HF_TRY(header.shape.check().context("npy"));
    return header;
}

Tensor from_fortran(const Tensor& tensor, const Shape& shape) {
    std::vector<std::int64_t> strides(shape.rank(), 1);
    for (std::size_t i = 1; i < shape.rank(); ++i) strides[i] = strides[i - 1] * shape[i - 1];
    Tensor out(tensor.dtype(), shape);
    const std::size_t size = dtype_size(tensor.dtype());
    const std::vector<std::int64_t> own = shape.strides();
    for (std::int64_t i = 0; i < shape.elements(); ++i) {
        std::int64_t from = 0;
        for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
            from += i / own[axis] % shape[axis] * strides[axis];
        }
        std::memcpy(out.mutable_bytes().data() + static_cast<std::size_t>(i) * size,
                    tensor.bytes().data() + static_cast<std::size_t>(from) * size, size);
    }
    return out;
}

void append_utf8(std::string& out, std::uint32_t c) {
    if (c < 0x80) {
        out.push_back(static_cast<char>(c));
    } else if (c < 0x800) {
        out.push_back(static_cast<char>(0xC0 | c >> 6));
        out.push_back(static_cast<char>(0x80 | (c & 0x3F)));
    } else if (c < 0x10000) {
        out.push_back(static_cast<char>(0xE0 | c >> 12));
        out.push_back(static_cast<char>(0x80 | (c >> 6 & 0x3F)));
        out.push_back(static_cast<char>(0x80 | (c & 0x3F)));
    } else {
        out.push_back(static_cast<char>(0xF0 | (c >> 18 & 7)));
        out.push_back(static_cast<char>(0x80 | (c >> 12 & 0x3F)));
        out.push_back(static_cast<char>(0x80 | (c >> 6 & 0x3F)));
        out.push_back(static_cast<char>(0x80 | (c & 0x3F)));
    }
}

Result<Tensor> parse_strings(const Header& header, ByteReader& reader) {
    const bool wide = header.descr.starts_with("<U");
    const std::int64_t width = HF_TRY(parse_int(header.descr.substr(2)).context("npy strings"));
    if (width < 0 || width > (1 << 24)) return invalid_argument("npy strings of width {}", width);
    const std::size_t size = static_cast<std::size_t>(width) * (wide ? 4 : 1);
    const auto count = static_cast<std::size_t>(header.shape.elements());
    if (size > 0 && count > reader.remaining() / size) return data_loss("npy data is truncated");
    if (size == 0 && count > (1u << 24)) return resource_exhausted("npy: {} empty strings", count);
    std::vector<std::string> strings;
    for (std::size_t i = 0; i < count; ++i) {
        const ByteView cell = HF_TRY(reader.take(size));
        std::string text;
        if (wide) {
            for (std::size_t at = 0; at < size; at += 4) {
                const auto c = load_le<std::uint32_t>(cell.data() + at);
                if (c != 0) append_utf8(text, c);
            }
        } else {
            text = as_text(cell);
            text.erase(std::find_if(text.rbegin(), text.rend(), [](char c) { return c; }).base(),
                       text.end());
        }
        strings.push_back(std::move(text));
    }
    return Tensor::of_strings(header.shape, std::move(strings));
}

}  // namespace

Result<Tensor> parse_npy(ByteView bytes) {
    ByteReader reader(bytes);
    const ByteView magic = HF_TRY(reader.take(kMagic.size()).context("npy"));
    if (as_text(magic) != kMagic) return invalid_argument("not an .npy file: wrong magic");
    const auto version = HF_TRY(reader.read<std::uint8_t>());
    HF_TRY(reader.skip(1));
    if (version < 1 || version > 3) return unimplemented(".npy version {}", version);
    std::size_t length = 0;
    if (version == 1) {
        length = HF_TRY(reader.read<std::uint16_t>());
    } else {
        length = HF_TRY(reader.read<std::uint32_t>());
    }
    const Header header = HF_TRY(parse_header(as_text(HF_TRY(reader.take(length)))));
    if (header.descr.starts_with("<U") || header.descr.starts_with("|S")) {
        return parse_strings(header, reader);
    }
    for (const Row& row : kRows) {
        if (row.descr != header.descr) continue;
        const std::size_t size =
            static_cast<std::size_t>(header.shape.elements()) * dtype_size(row.dtype);
        const ByteView data = HF_TRY(reader.take(size).context(".npy data"));
        Tensor tensor(row.dtype, header.shape);
        if (size > 0) std::memcpy(tensor.mutable_bytes().data(), data.data(), size);
        return header.fortran && header.shape.rank() > 1 ? from_fortran(tensor, header.shape)
                                                         : tensor;
    }
    return unimplemented(".npy element type '{}': save little-endian numbers, bools or strings",
                         header.descr);
}

Result<Bytes> write_npy(const Tensor& tensor) {
    std::string descr;
    std::size_t width = 1;
    for (const Row& row : kRows) {
        if (row.dtype == tensor.dtype()) descr = row.descr;
    }
    if (tensor.dtype() == DType::kString) {
        for (const std::string& text : tensor.strings()) width = std::max(width, text.size());
        descr = fmt::format("|S{}", width);
    }
    if (descr.empty()) {
        return unimplemented("NumPy has no {}; cast the output first", dtype_name(tensor.dtype()));
    }
    std::string shape;
    for (std::int64_t extent : tensor.shape()) shape += fmt::format("{}, ", extent);
    std::string header = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}",
                                     descr, trim(shape));
    header.append((64 - (kMagic.size() + 4 + header.size() + 1) % 64) % 64, ' ');
    header += '\n';
    Bytes out = to_bytes(kMagic);
    out.push_back(1);
    out.push_back(0);
    append_le(out, static_cast<std::uint16_t>(header.size()));
    out.insert(out.end(), header.begin(), header.end());
    if (tensor.dtype() != DType::kString) {
        out.insert(out.end(), tensor.bytes().begin(), tensor.bytes().end());
        return out;
    }
    for (std::string text : tensor.strings()) {
        text.resize(width);
        out.insert(out.end(), text.begin(), text.end());
    }
    return out;
}

}  // namespace hf
