#include "graph/onnx/attribute_proto.h"

#include "base/protobuf.h"

namespace hf::graph::onnx {
namespace {

ByteView to_view(protozero::data_view view) {
    return {reinterpret_cast<const std::uint8_t*>(view.data()), view.size()};
}

}  // namespace

AttributeFields read_attribute(ByteView bytes) {
    protozero::pbf_reader message(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    AttributeFields fields;
    const auto packed = [&] {
        return message.wire_type() == protozero::pbf_wire_type::length_delimited;
    };
    while (message.next()) {
        switch (message.tag()) {
            case 1: fields.name = message.get_string(); break;
            case 2: fields.f = message.get_float(); break;
            case 3: fields.i = message.get_int64(); break;
            case 4: fields.s = message.get_string(); break;
            case 5: fields.tensor = to_view(message.get_view()); break;
            case 6: fields.graph = to_view(message.get_view()); break;
            case 7:
                if (packed()) {
                    for (float value : message.get_packed_float()) fields.floats.push_back(value);
                } else {
                    fields.floats.push_back(message.get_float());
                }
                break;
            case 8:
                if (packed()) {
                    for (auto value : message.get_packed_int64()) fields.ints.push_back(value);
                } else {
                    fields.ints.push_back(message.get_int64());
                }
                break;
            case 9: fields.strings.push_back(message.get_string()); break;
            case 20: fields.type = message.get_int32(); break;
            case 21: fields.reference = message.get_string(); break;
            default: message.skip();
        }
    }
    return fields;
}

std::int64_t effective_type(const AttributeFields& fields) {
    if (fields.type != 0) return fields.type;
    if (fields.f) return 1;
    if (fields.i) return 2;
    if (fields.s) return 3;
    if (fields.tensor) return 4;
    if (fields.graph) return 5;
    if (!fields.floats.empty()) return 6;
    if (!fields.ints.empty()) return 7;
    return 8;
}

}  // namespace hf::graph::onnx
