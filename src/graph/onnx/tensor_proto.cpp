#include "graph/onnx/tensor_proto.h"

#include <algorithm>
#include <array>
#include <bit>

#include "base/protobuf.h"
#include "base/text.h"

namespace hf::graph::onnx {
namespace {

// The fields of one TensorProto, still undecoded.
struct Fields {
    std::string name;
    std::vector<std::int64_t> dims;
    std::int64_t element_type = 0;
    std::vector<std::uint32_t> floats;  // bit patterns
    std::vector<std::int32_t> int32s;
    std::vector<std::int64_t> int64s;
    std::vector<std::uint64_t> doubles;  // bit patterns
    std::vector<std::uint64_t> uint64s;
    std::vector<std::string> strings;
    std::optional<ByteView> raw;
    bool external = false;
    std::string location;
    std::string offset;
    std::string length;
};

ByteView to_view(protozero::data_view view) {
    return {reinterpret_cast<const std::uint8_t*>(view.data()), view.size()};
}

// Packed or single occurrences of a numeric field.
template <typename T, typename Packed, typename Single>
void read_numbers(protozero::pbf_reader& message, std::vector<T>& out, Packed packed,
                  Single single) {
    if (message.wire_type() == protozero::pbf_wire_type::length_delimited) {
        for (auto value : packed()) out.push_back(std::bit_cast<T>(value));
    } else {
        out.push_back(std::bit_cast<T>(single()));
    }
}

void read_external_entry(protozero::pbf_reader entry, Fields& fields) {
    std::string key;
    std::string value;
    while (entry.next()) {
        if (entry.tag() == 1) {
            key = entry.get_string();
        } else if (entry.tag() == 2) {
            value = entry.get_string();
        } else {
            entry.skip();
        }
    }
    if (key == "location") fields.location = value;
    if (key == "offset") fields.offset = value;
    if (key == "length") fields.length = value;
}

Fields read_fields(ByteView bytes) {
    Fields f;
    protozero::pbf_reader m(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    while (m.next()) {
        switch (m.tag()) {
            case 1:
                read_numbers(
                    m, f.dims, [&] { return m.get_packed_int64(); }, [&] { return m.get_int64(); });
                break;
            case 2: f.element_type = m.get_int32(); break;
            case 4:
                read_numbers(
                    m, f.floats, [&] { return m.get_packed_float(); },
                    [&] { return m.get_float(); });
                break;
            case 5:
                read_numbers(
                    m, f.int32s, [&] { return m.get_packed_int32(); },
                    [&] { return m.get_int32(); });
                break;
            case 6: f.strings.push_back(m.get_string()); break;
            case 7:
                read_numbers(
                    m, f.int64s, [&] { return m.get_packed_int64(); },
                    [&] { return m.get_int64(); });
                break;
            case 8: f.name = m.get_string(); break;
            case 9: f.raw = to_view(m.get_view()); break;
            case 10:
                read_numbers(
                    m, f.doubles, [&] { return m.get_packed_double(); },
                    [&] { return m.get_double(); });
                break;
            case 11:
                read_numbers(
                    m, f.uint64s, [&] { return m.get_packed_uint64(); },
                    [&] { return m.get_uint64(); });
                break;
            case 13: read_external_entry(m.get_message(), f); break;
            case 14: f.external = m.get_int32() == 1; break;
            default: m.skip();
        }
    }
    return f;
}

Status wrong_count(const Fields& fields, const Shape& shape, std::size_t count) {
    return invalid_argument("tensor '{}' has {} values where shape {} needs {}", fields.name, count,
                            shape.to_string(), shape.elements());
}

template <typename Out, typename In>
Result<Tensor> convert(const Fields& fields, const Shape& shape, const std::vector<In>& values) {
    const DType dtype = *dtype_of(fields.element_type);
    const bool complex = dtype == DType::kC64 || dtype == DType::kC128;
    const auto wanted = static_cast<std::size_t>(shape.elements()) * (complex ? 2 : 1);
    if (values.size() != wanted) return wrong_count(fields, shape, values.size());
    Tensor tensor(dtype, shape);
    std::uint8_t* out = tensor.mutable_bytes().data();
    for (std::size_t i = 0; i < values.size(); ++i) {
        const Out value = static_cast<Out>(values[i]);
        std::memcpy(out + i * sizeof(Out), &value, sizeof(Out));
    }
    return tensor;
}

Result<Tensor> from_typed_fields(const Fields& fields, const Shape& shape) {
    switch (*dtype_of(fields.element_type)) {
        case DType::kF32:
        case DType::kC64: return convert<std::uint32_t>(fields, shape, fields.floats);
        case DType::kF64:
        case DType::kC128: return convert<std::uint64_t>(fields, shape, fields.doubles);
        case DType::kI64: return convert<std::int64_t>(fields, shape, fields.int64s);
        case DType::kU32: return convert<std::uint32_t>(fields, shape, fields.uint64s);
        case DType::kU64: return convert<std::uint64_t>(fields, shape, fields.uint64s);
        case DType::kI32: return convert<std::int32_t>(fields, shape, fields.int32s);
        case DType::kBool:
        case DType::kI8:
        case DType::kU8: return convert<std::uint8_t>(fields, shape, fields.int32s);
        case DType::kI16:
        case DType::kU16:
        case DType::kF16:
        case DType::kBF16: return convert<std::uint16_t>(fields, shape, fields.int32s);
        case DType::kString: break;
    }
    if (fields.strings.size() != static_cast<std::size_t>(shape.elements())) {
        return wrong_count(fields, shape, fields.strings.size());
    }
    return Tensor::of_strings(shape, fields.strings);
}

// `lasting`: keeps the bytes as they are; null: they are copied.
Result<Tensor> from_bytes(const Fields& fields, const Shape& shape, ByteView raw,
                          const std::shared_ptr<const void>& lasting) {
    const DType dtype = *dtype_of(fields.element_type);
    if (dtype == DType::kString) {
        return invalid_argument("tensor '{}' of strings may not have raw data", fields.name);
    }
    const std::size_t wanted = static_cast<std::size_t>(shape.elements()) * dtype_size(dtype);
    if (raw.size() != wanted) {
        return invalid_argument("tensor '{}' of shape {} and type {} needs {} bytes and has {}",
                                fields.name, shape.to_string(), dtype_name(dtype), wanted,
                                raw.size());
    }
    const bool aligned = reinterpret_cast<std::uintptr_t>(raw.data()) % dtype_size(dtype) == 0;
    if (lasting && aligned) return Tensor::borrowed(dtype, shape, raw, lasting);
    Tensor tensor(dtype, shape);
    if (!raw.empty()) std::memcpy(tensor.mutable_bytes().data(), raw.data(), raw.size());
    return tensor;
}

Status check_relative_path(const std::string& path, const std::string& tensor) {
    const Status bad = invalid_argument(
        "external data of tensor '{}' is at '{}': want a path below the model's own folder, "
        "without '..', '\\', control characters or a leading '/'",
        tensor, path);
    if (path.empty() || path.find('\\') != std::string::npos) return bad;
    const auto is_control = [](char c) { return (c >= 0 && c < 0x20) || c == 0x7f; };
    if (std::any_of(path.begin(), path.end(), is_control) || !is_utf8(path)) return bad;
    for (std::string_view part : split(path, '/')) {
        if (part.empty() || part == "." || part == "..") return bad;
    }
    return {};
}

Result<Tensor> from_external(const Fields& fields, const Shape& shape,
                             const ExternalData& external_data) {
    HF_TRY(check_relative_path(fields.location, fields.name));
    const DType dtype = *dtype_of(fields.element_type);
    const std::uint64_t wanted = static_cast<std::uint64_t>(shape.elements()) * dtype_size(dtype);
    std::int64_t offset = 0;
    if (!fields.offset.empty()) offset = HF_TRY(parse_int(fields.offset).context("offset"));
    if (!fields.length.empty()) {
        const std::int64_t length = HF_TRY(parse_int(fields.length).context("length"));
        if (length < 0 || static_cast<std::uint64_t>(length) != wanted) {
            return invalid_argument(
                "external data of tensor '{}': length {} where shape {} needs {}", fields.name,
                length, shape.to_string(), wanted);
        }
    }
    const ExternalBytes file = HF_TRY(external_data(fields.location));
    if (offset < 0 || static_cast<std::uint64_t>(offset) > file.bytes.size() ||
        wanted > file.bytes.size() - static_cast<std::uint64_t>(offset)) {
        return invalid_argument("external data of tensor '{}' ends beyond '{}' ({} bytes)",
                                fields.name, fields.location, file.bytes.size());
    }
    return from_bytes(fields, shape, file.bytes.subspan(static_cast<std::size_t>(offset), wanted),
                      file.lasting ? file.owner : nullptr);
}

}  // namespace

Result<NamedTensor> parse_tensor_proto(ByteView bytes, const ExternalData& external_data) {
    Fields fields;
    try {
        fields = read_fields(bytes);
    } catch (const std::exception& error) {
        return invalid_argument("malformed TensorProto: {}", error.what());
    }
    HF_TRY(dtype_of(fields.element_type).status().context("tensor '{}'", fields.name));
    const Shape shape(fields.dims);
    HF_TRY(shape.check().context("tensor '{}'", fields.name));
    Result<Tensor> tensor = fields.external ? from_external(fields, shape, external_data)
                            : fields.raw    ? from_bytes(fields, shape, *fields.raw, nullptr)
                                            : from_typed_fields(fields, shape);
    HF_TRY(tensor.status());
    return NamedTensor{std::move(fields.name), std::move(*tensor)};
}

Result<Tensor> parse_tensor_proto(ByteView bytes) {
    return HF_TRY(parse_tensor_proto(bytes, no_external_data())).tensor;
}

}  // namespace hf::graph::onnx
