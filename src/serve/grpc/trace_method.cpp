#include "serve/grpc/trace_method.h"

#include "serve/grpc/messages.h"
#include "serve/trace_calls.h"

namespace hf::serve::grpc {
namespace {

using Reader = protozero::pbf_reader;
using Writer = protozero::pbf_writer;

constexpr std::size_t kSettingsMax = 64;

struct TraceRequest {
    TraceChange change;
    std::string model;
};

// An entry of the map of settings: its name, and SettingValue.
Status read_setting(ByteView entry, TraceChange& change) {
    std::string name;
    TraceValues values;
    HF_TRY(read_fields(entry, [&](Reader& field) -> Status {
        if (field.tag() == 1) {
            name = HF_TRY(read_text(field));
            return {};
        }
        if (field.tag() != 2) {
            field.skip();
            return {};
        }
        return read_fields(view_of(field), [&](Reader& inner) -> Status {
            if (inner.tag() != 1) {
                inner.skip();
                return {};
            }
            std::string value = HF_TRY(read_text(inner));
            if (values.size() == kSettingsMax) {
                return invalid_argument("/{}: has more than {} values", name, kSettingsMax);
            }
            values.push_back(std::move(value));
            return {};
        });
    }));
    if (change.size() == kSettingsMax) {
        return invalid_argument("/settings: has more than {} entries", kSettingsMax);
    }
    change.insert_or_assign(std::move(name), std::move(values));
    return {};
}

Result<TraceRequest> read_request(ByteView message) {
    TraceRequest request;
    HF_TRY(read_fields(message, [&](Reader& field) -> Status {
        switch (field.tag()) {
            case 1: return read_setting(view_of(field), request.change);
            case 2: request.model = HF_TRY(read_text(field)); break;
            default: field.skip();
        }
        return {};
    }));
    return request;
}

Bytes write_response(const TraceSettings& settings) {
    std::string message;
    Writer writer(message);
    for (const auto& [key, values] : describe_trace(settings)) {
        Writer entry(writer, 1);
        entry.add_string(1, key);
        Writer setting(entry, 2);
        for (const std::string& value : values) setting.add_string(1, value);
    }
    return to_bytes(message);
}

}  // namespace

Result<Reply> trace_setting(const Services& services, const Call& call) {
    const TraceRequest request = HF_TRY(read_request(call.message));
    const bool changes = !request.change.empty();
    if (const Access* const access = services.with.access) {
        HF_TRY(access->check(call.request.headers, Right::kObserve, request.model));
        if (changes) HF_TRY(access->check(call.request.headers, Right::kLoad, request.model));
    }
    const TraceSettings settings =
        HF_TRY(changes ? change_trace_settings(services, request.model, request.change)
                       : trace_settings(services, request.model));
    return Reply{write_response(settings)};
}

}  // namespace hf::serve::grpc
