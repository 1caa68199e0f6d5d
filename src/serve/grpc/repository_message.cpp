#include "serve/grpc/repository_message.h"

#include "serve/grpc/messages.h"

namespace hf::serve::grpc {
namespace {

using Reader = protozero::pbf_reader;
using Writer = protozero::pbf_writer;

// Only the default of the field repository_name is known.
Status check_repository(std::string_view name) {
    if (name.empty()) return {};
    return invalid_argument(
        "/repository_name: there is one repository here, without a name; leave it out");
}

}  // namespace

Result<bool> read_index_request(ByteView message) {
    bool only_ready = false;
    HF_TRY(read_fields(message, [&](Reader& field) -> Status {
        switch (field.tag()) {
            case 1: return check_repository(HF_TRY(read_text(field)));
            case 2: only_ready = protobuf::bool_of(field); break;
            default: field.skip();
        }
        return {};
    }));
    return only_ready;
}

Result<ChangeRequest> read_change_request(ByteView message, Change change) {
    std::string first;
    std::string model;
    bool has_parameters = false;
    ChangeTerms terms;
    HF_TRY(read_fields(message, [&](Reader& field) -> Status {
        switch (field.tag()) {
            case 1: first = HF_TRY(read_text(field)); break;
            case 2: model = HF_TRY(read_text(field)); break;
            case 3: {
                has_parameters = true;
                const Parameter parameter = HF_TRY(read_parameter(view_of(field)));
                return take_parameter({parameter.name, parameter.truth}, change, terms);
            }
            default: field.skip();
        }
        return {};
    }));
    const bool kserve = !first.empty() && model.empty() && !has_parameters;
    if (kserve) return ChangeRequest{std::move(first), true};
    HF_TRY(check_repository(first));
    return ChangeRequest{std::move(model), false, terms};
}

Bytes write_change_answer(const ChangeRequest& request) {
    std::string message;
    if (request.kserve) {
        Writer writer(message);
        writer.add_string(1, request.model);
        writer.add_bool(2, true);
    }
    return to_bytes(message);
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
