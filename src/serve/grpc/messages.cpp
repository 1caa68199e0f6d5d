#include "serve/grpc/messages.h"

#include "base/text.h"

namespace hf::serve::grpc {
namespace {

using Writer = protozero::pbf_writer;

Bytes take(const std::string& message) {
    return to_bytes(message);
}

void add_port(Writer& to, std::uint32_t number, const runtime::Port& port) {
    Writer tensor(to, number);
    tensor.add_string(1, port.name);
    tensor.add_string(2, std::string(oip_name(port.dtype)));
    tensor.add_packed_int64(3, port.shape.begin(), port.shape.end());
}

}  // namespace

Result<std::string> read_text(protozero::pbf_reader& field) {
    const protozero::pbf_tag_type tag = field.tag();  // gone once the value is read
    std::string text = field.get_string();
    if (!is_utf8(text)) return invalid_argument("the text in field {} is not UTF-8", tag);
    return text;
}

Result<Parameter> read_parameter(ByteView entry) {
    Parameter parameter;
    HF_TRY(read_fields(entry, [&](protozero::pbf_reader& field) -> Status {
        if (field.tag() == 1) {
            parameter.name = HF_TRY(read_text(field));
        } else if (field.tag() == 2) {
            return read_fields(view_of(field), [&](protozero::pbf_reader& inner) -> Status {
                switch (inner.tag()) {
                    case 1: parameter.truth = protobuf::bool_of(inner); break;
                    case 2: {
                        const std::int64_t number = inner.get_int64();
                        if (number >= 0) parameter.number = static_cast<std::uint64_t>(number);
                        break;
                    }
                    case 3: parameter.text = HF_TRY(read_text(inner)); break;
                    case 5: parameter.number = inner.get_uint64(); break;
                    default: inner.skip();
                }
                return {};
            });
        } else {
            field.skip();
        }
        return {};
    }));
    return parameter;
}

Result<std::string> read_text_at(ByteView message, std::uint32_t number) {
    std::string text;
    HF_TRY(read_fields(message, [&](protozero::pbf_reader& field) -> Status {
        if (field.tag() == number) {
            text = HF_TRY(read_text(field));
        } else {
            field.skip();
        }
        return {};
    }));
    return text;
}

Result<ModelName> read_model_name(ByteView message) {
    ModelName model;
    HF_TRY(read_fields(message, [&](protozero::pbf_reader& field) -> Status {
        switch (field.tag()) {
            case 1: model.name = HF_TRY(read_text(field)); break;
            case 2: model.version = HF_TRY(read_text(field)); break;
            default: field.skip();
        }
        return {};
    }));
    return model;
}

Bytes write_truth(bool truth) {
    std::string message;
    if (truth) Writer(message).add_bool(1, true);
    return take(message);
}

Bytes write_health(Health health) {
    std::string message;
    Writer(message).add_enum(1, static_cast<std::int32_t>(health));
    return take(message);
}

Bytes write_stream_error(std::string_view text) {
    std::string message;
    Writer(message).add_string(1, text.data(), text.size());
    return take(message);
}

Bytes write_server_metadata(const ServerMetadata& metadata) {
    std::string message;
    Writer writer(message);
    writer.add_string(1, metadata.name.data(), metadata.name.size());
    writer.add_string(2, metadata.version.data(), metadata.version.size());
    for (std::string_view extension : metadata.extensions) {
        writer.add_string(3, extension.data(), extension.size());
    }
    return take(message);
}

Bytes write_model_metadata(const ModelMetadata& metadata) {
    std::string message;
    Writer writer(message);
    writer.add_string(1, metadata.name.data(), metadata.name.size());
    for (const std::string& version : metadata.versions) writer.add_string(2, version);
    writer.add_string(3, metadata.platform.data(), metadata.platform.size());
    for (const runtime::Port& port : metadata.signature.inputs) add_port(writer, 4, port);
    for (const runtime::Port& port : metadata.signature.outputs) add_port(writer, 5, port);
    for (const auto& [key, value] : metadata.properties) {
        Writer entry(writer, 6);
        entry.add_string(1, key);
        entry.add_string(2, value);
    }
    return take(message);
}

}  // namespace hf::serve::grpc
