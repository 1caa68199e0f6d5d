#include "graph/onnx/datum_proto.h"

#include "base/protobuf.h"
#include "graph/onnx/tensor_proto.h"

namespace hf::graph::onnx {
namespace {

using Reader = protozero::pbf_reader;

ByteView to_view(protozero::data_view view) {
    return {reinterpret_cast<const std::uint8_t*>(view.data()), view.size()};
}

Reader reader(ByteView bytes) {
    return Reader(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

// Both messages say in field 2 what they hold: 1 tensors, 3 sequences; an optional 0 for nothing.
enum ElementType : std::int64_t { kNothing = 0, kTensors = 1, kSequences = 3 };

Result<Datum> read_sequence(ByteView bytes) {
    Sequence sequence;
    Reader message = reader(bytes);
    while (message.next()) {
        if (message.tag() == 3) {
            sequence.push_back(HF_TRY(parse_tensor_proto(to_view(message.get_view()))
                                          .context("element {}", sequence.size())));
        } else if (message.tag() == 2) {
            const std::int64_t type = message.get_int32();
            if (type != kNothing && type != kTensors) {
                return unimplemented("a sequence of what is no tensor (type {})", type);
            }
        } else {
            message.skip();
        }
    }
    return Datum(std::move(sequence));
}

Result<Datum> read_optional(ByteView bytes) {
    std::int64_t type = kNothing;
    std::optional<ByteView> tensor, sequence;
    Reader message = reader(bytes);
    while (message.next()) {
        switch (message.tag()) {
            case 2: type = message.get_int32(); break;
            case 3: tensor = to_view(message.get_view()); break;
            case 5: sequence = to_view(message.get_view()); break;
            default: message.skip();
        }
    }
    if (type == kTensors && tensor) return Datum(HF_TRY(parse_tensor_proto(*tensor)));
    if (type == kSequences && sequence) return read_sequence(*sequence);
    if (type == kNothing || type == kTensors || type == kSequences) return Datum();
    return unimplemented("an optional of type {}", type);
}

}  // namespace

Result<Datum> parse_datum_proto(ByteView bytes, ValueKind kind) {
    try {
        switch (kind) {
            case ValueKind::kTensor: return Datum(HF_TRY(parse_tensor_proto(bytes)));
            case ValueKind::kSequence: return read_sequence(bytes);
            case ValueKind::kOptional:
            case ValueKind::kOptionalSequence: return read_optional(bytes);
            case ValueKind::kMap: return unimplemented("maps");
        }
    } catch (const std::exception& error) {
        return invalid_argument("malformed message: {}", error.what());
    }
    return internal_error("a kind of value that is not known");
}

}  // namespace hf::graph::onnx
