#include "serve/grpc/repository_message.h"

#include "serve/grpc/messages.h"

namespace hf::serve::grpc {
namespace {

using Reader = protozero::pbf_reader;
using Writer = protozero::pbf_writer;

// The field repository_name, where only its default is known.
Status skip_repository(Reader& field) {
    const std::string name = HF_TRY(read_text(field));
    if (name.empty()) return {};
    return invalid_argument(
        "/repository_name: there is one repository here, without a name; leave it out");
}

}  // namespace

Result<bool> read_index_request(ByteView message) {
    bool only_ready = false;
    HF_TRY(read_fields(message, [&](Reader& field) -> Status {
        switch (field.tag()) {
            case 1: return skip_repository(field);
            case 2: only_ready = field.get_bool(); break;
            default: field.skip();
        }
        return {};
    }));
    return only_ready;
}

Result<std::string> read_change_request(ByteView message, Change change) {
    std::string model;
    HF_TRY(read_fields(message, [&](Reader& field) -> Status {
        switch (field.tag()) {
            case 1: return skip_repository(field);
            case 2: model = HF_TRY(read_text(field)); break;
            case 3: {
                const Parameter parameter = HF_TRY(read_parameter(view_of(field)));
                return check_parameter(parameter.name, parameter.truth, change);
            }
            default: field.skip();
        }
        return {};
    }));
    return model;
}

Bytes write_repository_index(const std::vector<IndexRow>& rows) {
    std::string message;
    Writer writer(message);
    for (const IndexRow& row : rows) {
        Writer entry(writer, 1);
        entry.add_string(1, row.name);
        entry.add_string(2, row.version);
        entry.add_string(3, row.state);
        entry.add_string(4, row.reason);
    }
    return to_bytes(message);
}

}  // namespace hf::serve::grpc
