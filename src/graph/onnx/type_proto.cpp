#include "graph/onnx/type_proto.h"

#include "base/protobuf.h"
#include "graph/onnx/tensor_proto.h"

namespace hf::graph::onnx {
namespace {

using Reader = protozero::pbf_reader;

// The one-of of TypeProto.
enum : protozero::pbf_tag_type { kTensor = 1, kSequence = 4, kMap = 5, kSparse = 8, kOptional = 9 };

Shape read_shape(Reader message) {
    std::vector<std::int64_t> extents;
    while (message.next(1)) {
        Reader dimension = message.get_message();
        std::int64_t extent = Shape::kUnknown;
        while (dimension.next()) {
            if (dimension.tag() == 1) {
                extent = std::max<std::int64_t>(dimension.get_int64(), Shape::kUnknown);
            } else {
                dimension.skip();
            }
        }
        extents.push_back(extent);
    }
    return Shape(std::move(extents));
}

Status read_tensor(Reader message, TypeInfo& info) {
    while (message.next()) {
        if (message.tag() == 1) {
            const std::int64_t element_type = message.get_int32();
            if (element_type != 0) info.dtype = HF_TRY(dtype_of(element_type));
        } else if (message.tag() == 2) {
            info.shape = read_shape(message.get_message());
        } else {
            message.skip();
        }
    }
    return {};
}

Result<TypeInfo> read_nested(Reader message, int depth);

// The element type of a sequence or an optional; a tensor of unknown type when it says nothing.
Result<TypeInfo> read_element(Reader message, int depth) {
    if (!message.next(1)) return TypeInfo();
    return read_nested(message.get_message(), depth + 1);
}

Result<TypeInfo> read_sequence(Reader message, int depth) {
    TypeInfo info = HF_TRY(read_element(message, depth));
    if (info.kind == ValueKind::kMap) return info;
    if (info.kind != ValueKind::kTensor) {
        return unimplemented("a sequence of what is {}", kind_name(info.kind));
    }
    info.kind = ValueKind::kSequence;
    return info;
}

Result<TypeInfo> read_optional(Reader message, int depth) {
    TypeInfo info = HF_TRY(read_element(message, depth));
    if (info.kind == ValueKind::kTensor) {
        info.kind = ValueKind::kOptional;
    } else if (info.kind == ValueKind::kSequence) {
        info.kind = ValueKind::kOptionalSequence;
    } else {
        return unimplemented("an optional of what is {}", kind_name(info.kind));
    }
    return info;
}

// Of numbers or strings; of a map of what else, nothing is known.
Result<TypeInfo> read_map(Reader message, int depth) {
    constexpr protozero::pbf_tag_type kValue = 2;
    TypeInfo info;
    if (message.next(kValue)) info = HF_TRY(read_nested(message.get_message(), depth + 1));
    if (info.kind != ValueKind::kTensor) info = TypeInfo();
    info.kind = ValueKind::kMap;
    info.shape.reset();
    return info;
}

Result<TypeInfo> read_nested(Reader message, int depth) {
    constexpr int kMaxDepth = 4;
    if (depth > kMaxDepth) return resource_exhausted("types nest deeper than {}", kMaxDepth);
    TypeInfo info;
    while (message.next()) {
        switch (message.tag()) {
            case kTensor: HF_TRY(read_tensor(message.get_message(), info)); break;
            case kSequence: info = HF_TRY(read_sequence(message.get_message(), depth)); break;
            case kOptional: info = HF_TRY(read_optional(message.get_message(), depth)); break;
            case kSparse: return unimplemented("sparse tensors");
            case kMap: info = HF_TRY(read_map(message.get_message(), depth)); break;
            default: message.skip();
        }
    }
    return info;
}

}  // namespace

Result<TypeInfo> read_type(ByteView bytes) {
    return read_nested(Reader(reinterpret_cast<const char*>(bytes.data()), bytes.size()), 0);
}

}  // namespace hf::graph::onnx
