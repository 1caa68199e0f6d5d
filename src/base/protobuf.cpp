#include "base/protobuf.h"

namespace hf::protobuf {

Status read_fields(ByteView message,
                   const std::function<Status(protozero::pbf_reader& field)>& field) {
    try {
        const std::string_view text = as_text(message);
        protozero::pbf_reader reader(text.data(), text.size());
        while (reader.next()) HF_TRY(field(reader));
    } catch (const std::exception& error) {
        return invalid_argument("the message does not read as Protocol Buffers: {}", error.what());
    }
    return {};
}

}  // namespace hf::protobuf
