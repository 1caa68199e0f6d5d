// The protobuf encoding of openapi_v2(), by the field numbers of gnostic's
// openapiv2/OpenAPIv2.proto.

#include "api/openapi.h"

#include <cstring>

namespace hf::api {
namespace {

// Appends fields of one protobuf message.
class Message final {
public:
    void text(unsigned field, std::string_view value) {
        varint(field << 3 | 2);
        varint(value.size());
        bytes_ += value;
    }
    void message(unsigned field, const Message& value) { text(field, value.bytes_); }
    void integer(unsigned field, std::int64_t value) {
        varint(field << 3);
        varint(static_cast<std::uint64_t>(value));
    }
    void number(unsigned field, double value) {
        varint(field << 3 | 1);
        char raw[sizeof value];
        std::memcpy(raw, &value, sizeof value);
        bytes_.append(raw, sizeof value);
    }
    // Text members of `from` under their field numbers, where they are there.
    void texts(const json::Value& from,
               std::initializer_list<std::pair<std::string_view, unsigned>> members) {
        for (const auto& [key, field] : members) {
            const std::string_view value = json::get_string(from, key);
            if (!value.empty()) text(field, value);
        }
    }

    std::string take() && { return std::move(bytes_); }

private:
    void varint(std::uint64_t value) {
        for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>(value | 0x80);
        bytes_ += static_cast<char>(value);
    }
    std::string bytes_;
};

// Message Any: a value as YAML text, of which JSON is a part.
Message any(const json::Value& value) {
    Message message;
    message.text(2, json::write(value));
    return message;
}

template <typename Encode>
Message named(std::string_view name, const json::Value& value, Encode encode) {
    Message message;
    message.text(1, name);
    message.message(2, encode(value));
    return message;
}

void add_extensions(Message& message, const json::Value& from, unsigned field) {
    for (const auto& member : from.get_object()) {
        if (std::string_view(member.key()).starts_with("x-"))
            message.message(field, named(member.key(), member.value(), any));
    }
}

Message schema(const json::Value& value);

Message additional_properties(const json::Value& value) {
    Message message;
    message.message(1, schema(value));
    return message;
}

Message schema(const json::Value& value) {
    Message message;
    message.texts(value, {{"$ref", 1}, {"format", 2}, {"description", 4}});
    if (const json::Value* fallback = json::find(value, "default"))
        message.message(5, any(*fallback));
    if (json::find(value, "maximum"))
        message.number(7, static_cast<double>(json::get_int(value, "maximum")));
    if (json::find(value, "minimum"))
        message.number(9, static_cast<double>(json::get_int(value, "minimum")));
    for (const auto& [key, field] : std::initializer_list<std::pair<std::string_view, unsigned>>{
             {"maxLength", 11}, {"minLength", 12}, {"maxItems", 14}, {"minItems", 15}}) {
        if (json::find(value, key)) message.integer(field, json::get_int(value, key));
    }
    if (const json::Array* required = json::find_array(value, "required")) {
        for (const json::Value& name : *required)
            message.text(19, json::as_view(name.get_string()));
    }
    if (const json::Array* choices = json::find_array(value, "enum")) {
        for (const json::Value& choice : *choices) message.message(20, any(choice));
    }
    if (const json::Value* more = json::find(value, "additionalProperties"))
        message.message(21, additional_properties(*more));
    if (const std::string_view type = json::get_string(value, "type"); !type.empty()) {
        Message item;
        item.text(1, type);
        message.message(22, item);
    }
    if (const json::Value* items = json::find(value, "items")) {
        Message item;
        item.message(1, schema(*items));
        message.message(23, item);
    }
    if (const json::Object* properties = json::find_object(value, "properties")) {
        Message all;
        for (const auto& property : *properties)
            all.message(1, named(property.key(), property.value(), schema));
        message.message(25, all);
    }
    add_extensions(message, value, 31);
    return message;
}

// ParametersItem > Parameter > NonBodyParameter > QueryParameterSubSchema or
// PathParameterSubSchema.
Message parameter(const json::Value& value) {
    const bool in_path = json::get_string(value, "in") == "path";
    Message inner;
    if (json::get_bool(value, "required")) inner.integer(1, 1);
    inner.texts(value, {{"in", 2}, {"description", 3}, {"name", 4}});
    inner.texts(value, {{"type", in_path ? 5u : 6u}});
    Message choice, non_body, item;
    choice.message(in_path ? 4 : 3, inner);
    non_body.message(2, choice);
    item.message(1, non_body);
    return item;
}

Message response(const json::Value& value) {
    Message inner, message;
    inner.texts(value, {{"description", 1}});
    message.message(1, inner);
    return message;
}

Message operation(const json::Value& value) {
    Message message;
    message.texts(value, {{"description", 3}, {"operationId", 5}});
    if (const json::Array* parameters = json::find_array(value, "parameters")) {
        for (const json::Value& item : *parameters) message.message(8, parameter(item));
    }
    if (const json::Object* codes = json::find_object(value, "responses")) {
        Message responses;
        for (const auto& code : *codes)
            responses.message(1, named(code.key(), code.value(), response));
        message.message(9, responses);
    }
    add_extensions(message, value, 13);
    return message;
}

Message path_item(const json::Value& value) {
    Message message;
    for (const auto& [key, field] : std::initializer_list<std::pair<std::string_view, unsigned>>{
             {"get", 2}, {"put", 3}, {"post", 4}, {"delete", 5}, {"patch", 8}}) {
        if (const json::Value* verb = json::find(value, key))
            message.message(field, operation(*verb));
    }
    if (const json::Array* parameters = json::find_array(value, "parameters")) {
        for (const json::Value& item : *parameters) message.message(9, parameter(item));
    }
    return message;
}

}  // namespace

std::string openapi_v2_protobuf() {
    const json::Value document = openapi_v2();
    Message message, info, paths, definitions;
    message.texts(document, {{"swagger", 1}});
    info.texts(*json::find(document, "info"), {{"title", 1}, {"version", 2}});
    message.message(2, info);
    for (const auto& path : *json::find_object(document, "paths"))
        paths.message(2, named(path.key(), path.value(), path_item));
    message.message(8, paths);
    for (const auto& definition : *json::find_object(document, "definitions"))
        definitions.message(1, named(definition.key(), definition.value(), schema));
    message.message(9, definitions);
    return std::move(message).take();
}

}  // namespace hf::api
