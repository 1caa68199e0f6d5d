#include "resources/keys.h"

#include "api/kinds.h"
#include "base/text.h"

namespace hf::resources {

ObjectKey key_of(const api::Kind& kind, const api::Object& object) {
    return {&kind, std::string(object.ns()), std::string(object.name())};
}

std::string store_key(const ObjectKey& key) {
    return store_prefix(*key.kind, key.ns) + key.name;
}

std::string store_prefix(const api::Kind& kind, std::string_view ns) {
    std::string prefix = fmt::format("{}{}/", kObjectsPrefix, kind.plural);
    if (kind.namespaced && !ns.empty()) prefix += fmt::format("{}/", ns);
    return prefix;
}

Result<ObjectKey> parse_store_key(std::string_view key) {
    const std::vector<std::string_view> parts = split(key, '/');
    const api::Kind* kind = parts.size() >= 4 ? api::find_resource(parts[2]) : nullptr;
    if (!kind || parts.size() != (kind->namespaced ? 5u : 4u))
        return internal_error("'{}' is not the key of an object", key);
    return ObjectKey{kind, kind->namespaced ? std::string(parts[3]) : std::string(),
                     std::string(parts.back())};
}

std::string encode(const api::Object& object) {
    api::Object stored = object;
    stored.edit_metadata().erase("resourceVersion");
    return json::write(stored.json());
}

Result<api::Object> decode(const store::KeyValue& stored) {
    const auto damaged = [&](const Status& status) {
        return data_loss("the stored object {} cannot be read: {}", stored.key, status.message());
    };
    Result<json::Value> value = json::parse(stored.value);
    if (!value.ok()) return damaged(value.status());
    Result<api::Object> object = api::Object::from_json(std::move(*value));
    if (!object.ok()) return damaged(object.status());
    object->edit_metadata()["resourceVersion"] = std::to_string(stored.modified.value());
    return object;
}

Result<store::Revision> parse_resource_version(std::string_view text) {
    const Result<std::int64_t> number = parse_int(text);
    if (!number.ok() || *number < 0) {
        return invalid_argument(
            "resourceVersion: Invalid value: \"{}\": want the number that a "
            "read gave",
            text.substr(0, 40));
    }
    return store::Revision(*number);
}

Status not_there(const api::Kind& kind, std::string_view name) {
    return not_found("{} \"{}\" not found", kind.qualified(), name);
}

Status conflict(const api::Kind& kind, std::string_view name) {
    return aborted(
        "Operation cannot be fulfilled on {} \"{}\": the object has been modified; please apply "
        "your changes to the latest version and try again",
        kind.qualified(), name);
}

}  // namespace hf::resources
