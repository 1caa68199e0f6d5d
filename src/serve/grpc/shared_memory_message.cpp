#include "serve/grpc/shared_memory_message.h"

#include "base/protobuf.h"
#include "serve/grpc/messages.h"

namespace hf::serve::grpc {

Result<Regions::Row> read_region(ByteView message) {
    Regions::Row row;
    HF_TRY(read_fields(message, [&](protozero::pbf_reader& field) -> Status {
        switch (field.tag()) {
            case 1: row.name = HF_TRY(read_text(field)); break;
            case 2: row.key = HF_TRY(read_text(field)); break;
            case 3: row.offset = field.get_uint64(); break;
            case 4: row.byte_size = field.get_uint64(); break;
            default: field.skip();
        }
        return {};
    }));
    return row;
}

Bytes write_regions_status(const std::vector<Regions::Row>& rows) {
    std::string message;
    protozero::pbf_writer writer(message);
    for (const Regions::Row& row : rows) {
        protozero::pbf_writer entry(writer, 1);
        entry.add_string(1, row.name);
        protozero::pbf_writer region(entry, 2);
        region.add_string(1, row.name);
        region.add_string(2, row.key);
        region.add_uint64(3, row.offset);
        region.add_uint64(4, row.byte_size);
    }
    return to_bytes(message);
}

}  // namespace hf::serve::grpc
