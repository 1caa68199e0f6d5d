#include "serve/grpc/typed_contents.h"

#include <span>
#include <type_traits>
#include <utility>

#include "serve/grpc/messages.h"

namespace hf::serve::grpc {
namespace {

using Reader = protozero::pbf_reader;
using Writer = protozero::pbf_writer;

enum Field : protozero::pbf_tag_type {
    kNone = 0,
    kBool = 1,
    kInt = 2,
    kInt64 = 3,
    kUint = 4,
    kUint64 = 5,
    kFp32 = 6,
    kFp64 = 7,
    kBytes = 8,
};

constexpr std::string_view kFieldNames[] = {"",
                                            "bool_contents",
                                            "int_contents",
                                            "int64_contents",
                                            "uint_contents",
                                            "uint64_contents",
                                            "fp32_contents",
                                            "fp64_contents",
                                            "bytes_contents"};

Field field_of(DType dtype) {
    switch (dtype) {
        case DType::kBool: return kBool;
        case DType::kI8:
        case DType::kI16:
        case DType::kI32: return kInt;
        case DType::kI64: return kInt64;
        case DType::kU8:
        case DType::kU16:
        case DType::kU32: return kUint;
        case DType::kU64: return kUint64;
        case DType::kF32: return kFp32;
        case DType::kF64: return kFp64;
        case DType::kString: return kBytes;
        default: return kNone;
    }
}

Status too_many(std::int64_t wanted) {
    return invalid_argument("more than the {} elements of the shape", wanted);
}

// Elements of one type as they come, packed or one by one.
template <typename T>
class Filler {
public:
    explicit Filler(Tensor& tensor) : values_(tensor.mutable_values<T>()) {}

    template <typename Value>
    Status add(Value value) {
        if (count_ == values_.size()) return too_many(static_cast<std::int64_t>(count_));
        if constexpr (std::is_integral_v<Value> && std::is_integral_v<T>) {
            if (!std::in_range<T>(value)) {
                return invalid_argument("element {}: {} is out of the type's range", count_, value);
            }
        }
        values_[count_++] = static_cast<T>(value);
        return {};
    }

    template <typename Range>
    Status add_all(const Range& range) {
        for (const auto value : range) HF_TRY(add(value));
        return {};
    }

    std::size_t count() const { return count_; }

private:
    std::span<T> values_;
    std::size_t count_ = 0;
};

bool is_packed(const Reader& field) {
    return field.wire_type() == protozero::pbf_wire_type::length_delimited;
}

template <typename T>
Status fill(Filler<T>& filler, Reader& field) {
    switch (field.tag()) {
        case kInt:
            return is_packed(field) ? filler.add_all(field.get_packed_int32())
                                    : filler.add(field.get_int32());
        case kInt64:
            return is_packed(field) ? filler.add_all(field.get_packed_int64())
                                    : filler.add(field.get_int64());
        case kUint:
            return is_packed(field) ? filler.add_all(field.get_packed_uint32())
                                    : filler.add(field.get_uint32());
        case kUint64:
            return is_packed(field) ? filler.add_all(field.get_packed_uint64())
                                    : filler.add(field.get_uint64());
        case kFp32:
            return is_packed(field) ? filler.add_all(field.get_packed_float())
                                    : filler.add(field.get_float());
        case kFp64:
            return is_packed(field) ? filler.add_all(field.get_packed_double())
                                    : filler.add(field.get_double());
        default: break;
    }
    return internal_error("no elements in field {}", field.tag());
}

// A BOOL is a byte here; whatever is not 0 is true, as in Protocol Buffers.
Status fill_truths(Filler<std::uint8_t>& filler, Reader& field) {
    if (!is_packed(field)) return filler.add(std::uint8_t{protobuf::bool_of(field)});
    for (const std::int32_t truth : field.get_packed_bool()) {
        HF_TRY(filler.add(std::uint8_t{truth != 0}));
    }
    return {};
}

Status refuse_field(Reader& field, DType dtype) {
    const protozero::pbf_tag_type tag = field.tag();  // gone once the value is read
    const bool known = tag >= kBool && tag <= kBytes;
    if (!known) {
        field.skip();
        return {};
    }
    const bool empty = is_packed(field) && field.get_view().empty();
    if (empty) return {};
    return invalid_argument("{} is not where {} is", kFieldNames[tag], oip_name(dtype));
}

template <typename T>
Result<Tensor> read_numbers(ByteView contents, DType dtype, const Shape& shape) {
    Tensor tensor(dtype, shape);
    Filler<T> filler(tensor);
    HF_TRY(read_fields(contents, [&](Reader& field) -> Status {
        if (field.tag() != field_of(dtype)) return refuse_field(field, dtype);
        if constexpr (std::is_same_v<T, std::uint8_t>) {
            if (dtype == DType::kBool) return fill_truths(filler, field);
        }
        return fill(filler, field);
    }));
    if (filler.count() != static_cast<std::size_t>(shape.elements())) {
        return invalid_argument("{} elements where shape {} needs {}", filler.count(),
                                shape.to_string(), shape.elements());
    }
    return tensor;
}

Result<Tensor> read_strings(ByteView contents, const Shape& shape) {
    std::vector<std::string> texts;
    const auto wanted = static_cast<std::size_t>(shape.elements());
    HF_TRY(read_fields(contents, [&](Reader& field) -> Status {
        if (field.tag() != kBytes) return refuse_field(field, DType::kString);
        if (texts.size() == wanted) return too_many(shape.elements());
        texts.push_back(field.get_bytes());
        return {};
    }));
    if (texts.size() != wanted) {
        return invalid_argument("{} elements where shape {} needs {}", texts.size(),
                                shape.to_string(), wanted);
    }
    return Tensor::of_strings(shape, std::move(texts));
}

// All of Protocol Buffers' integers and truths are the same varints, but for sint.
template <typename T>
void add_integers(Writer& writer, const Tensor& tensor) {
    const std::span<const T> values = tensor.values<T>();
    writer.add_packed_int64(field_of(tensor.dtype()), values.begin(), values.end());
}

}  // namespace

bool has_typed_form(DType dtype) {
    return field_of(dtype) != kNone;
}

Result<Tensor> read_typed(ByteView contents, DType dtype, const Shape& shape) {
    HF_TRY(shape.check());
    // Each element takes a byte at least: a bound before memory is taken.
    if (static_cast<std::uint64_t>(shape.elements()) > contents.size()) {
        return invalid_argument("{} bytes are too few for the {} elements of shape {}",
                                contents.size(), shape.elements(), shape.to_string());
    }
    switch (dtype) {
        case DType::kBool:
        case DType::kU8: return read_numbers<std::uint8_t>(contents, dtype, shape);
        case DType::kI8: return read_numbers<std::int8_t>(contents, dtype, shape);
        case DType::kI16: return read_numbers<std::int16_t>(contents, dtype, shape);
        case DType::kI32: return read_numbers<std::int32_t>(contents, dtype, shape);
        case DType::kI64: return read_numbers<std::int64_t>(contents, dtype, shape);
        case DType::kU16: return read_numbers<std::uint16_t>(contents, dtype, shape);
        case DType::kU32: return read_numbers<std::uint32_t>(contents, dtype, shape);
        case DType::kU64: return read_numbers<std::uint64_t>(contents, dtype, shape);
        case DType::kF32: return read_numbers<float>(contents, dtype, shape);
        case DType::kF64: return read_numbers<double>(contents, dtype, shape);
        case DType::kString: return read_strings(contents, shape);
        default: break;
    }
    return invalid_argument("{} has no typed form; send raw_input_contents", oip_name(dtype));
}

std::string write_typed(const Tensor& tensor) {
    std::string message;
    Writer writer(message);
    switch (tensor.dtype()) {
        case DType::kBool:
        case DType::kU8: add_integers<std::uint8_t>(writer, tensor); break;
        case DType::kI8: add_integers<std::int8_t>(writer, tensor); break;
        case DType::kI16: add_integers<std::int16_t>(writer, tensor); break;
        case DType::kI32: add_integers<std::int32_t>(writer, tensor); break;
        case DType::kI64: add_integers<std::int64_t>(writer, tensor); break;
        case DType::kU16: add_integers<std::uint16_t>(writer, tensor); break;
        case DType::kU32: add_integers<std::uint32_t>(writer, tensor); break;
        case DType::kU64: add_integers<std::uint64_t>(writer, tensor); break;
        case DType::kF32: {
            const std::span<const float> values = tensor.values<float>();
            writer.add_packed_float(kFp32, values.begin(), values.end());
            break;
        }
        case DType::kF64: {
            const std::span<const double> values = tensor.values<double>();
            writer.add_packed_double(kFp64, values.begin(), values.end());
            break;
        }
        case DType::kString:
            for (const std::string& text : tensor.strings()) writer.add_bytes(kBytes, text);
            break;
        default: HF_CHECK(false, "{} has no typed form", oip_name(tensor.dtype()));
    }
    return message;
}

}  // namespace hf::serve::grpc
