#include "serve/grpc/log_method.h"

#include "serve/grpc/messages.h"
#include "serve/log_calls.h"

namespace hf::serve::grpc {
namespace {

using Reader = protozero::pbf_reader;
using Writer = protozero::pbf_writer;

constexpr std::size_t kSettingsMax = 64;

// SettingValue: one of three, of which the last counts.
Status read_value(Reader& field, LogValue& value) {
    return read_fields(view_of(field), [&](Reader& inner) -> Status {
        switch (inner.tag()) {
            case 1: value = protobuf::bool_of(inner); break;
            case 2: value = static_cast<std::int64_t>(inner.get_uint32()); break;
            case 3: value = HF_TRY(read_text(inner)); break;
            default: inner.skip();
        }
        return {};
    });
}

// An entry of the map of settings: its name, and SettingValue.
Status read_setting(ByteView entry, LogChange& change) {
    std::string name;
    LogValue value;
    HF_TRY(read_fields(entry, [&](Reader& field) -> Status {
        switch (field.tag()) {
            case 1: name = HF_TRY(read_text(field)); break;
            case 2: return read_value(field, value);
            default: field.skip();
        }
        return {};
    }));
    if (change.size() == kSettingsMax) {
        return invalid_argument("/settings: has more than {} entries", kSettingsMax);
    }
    change.insert_or_assign(std::move(name), std::move(value));
    return {};
}

Result<LogChange> read_request(ByteView message) {
    LogChange change;
    HF_TRY(read_fields(message, [&](Reader& field) -> Status {
        if (field.tag() == 1) return read_setting(view_of(field), change);
        field.skip();
        return {};
    }));
    return change;
}

Bytes write_response(const LogDescription& settings) {
    std::string message;
    Writer writer(message);
    for (const auto& [key, value] : settings) {
        Writer entry(writer, 1);
        entry.add_string(1, key);
        Writer setting(entry, 2);
        if (const bool* const truth = std::get_if<bool>(&value)) setting.add_bool(1, *truth);
        if (const auto* const number = std::get_if<std::int64_t>(&value)) {
            setting.add_uint32(2, static_cast<std::uint32_t>(*number));
        }
        if (const auto* const text = std::get_if<std::string>(&value)) setting.add_string(3, *text);
    }
    return to_bytes(message);
}

}  // namespace

Result<Reply> log_settings(const Services& services, const Call& call) {
    const LogChange change = HF_TRY(read_request(call.message));
    if (const Access* const access = services.with.access) {
        HF_TRY(access->check(call.request.headers, Right::kObserve, ""));
        if (!change.empty()) HF_TRY(access->check(call.request.headers, Right::kLoad, ""));
    }
    const LogDescription settings =
        HF_TRY(change.empty() ? serve::log_settings(services)
                              : serve::change_log_settings(services, change));
    return Reply{write_response(settings)};
}

}  // namespace hf::serve::grpc
