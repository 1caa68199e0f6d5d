#include "api/object.h"

namespace hf::api {
namespace {

// The object at `key`, made when it is absent or something else.
json::Object& object_at(json::Object& parent, std::string_view key) {
    json::Value& value = parent[key];
    if (!value.is_object()) value = json::Object();
    return value.get_object();
}

}  // namespace

Object Object::make(std::string_view kind, std::string_view ns, std::string_view name) {
    Object object;
    object.fields()["apiVersion"] = kApiVersion;
    object.fields()["kind"] = kind;
    json::Object& metadata = object.edit_metadata();
    metadata["name"] = name;
    if (!ns.empty()) metadata["namespace"] = ns;
    return object;
}

Result<Object> Object::from_json(json::Value value) {
    if (!value.is_object()) return invalid_argument("a resource must be an object");
    for (std::string_view key : {"apiVersion", "kind"}) {
        const json::Value* member = json::find(value, key);
        if (!member || !member->is_string() || member->get_string().empty()) {
            return invalid_argument(
                "Object '{}' is missing: every resource begins with "
                "'apiVersion: {}' and 'kind: ...'",
                key, kApiVersion);
        }
    }
    const json::Value* metadata = json::find(value, "metadata");
    if (metadata && !metadata->is_object()) {
        return invalid_argument("metadata: must be an object with at least a name");
    }
    return Object(std::move(value));
}

const json::Value& Object::member(std::string_view key) const {
    static const json::Value kNull;
    const json::Value* found = json::find(value_, key);
    return found ? *found : kNull;
}

std::string_view Object::entry(std::string_view map, std::string_view key) const {
    const json::Value* entries = json::find(metadata(), map);
    return entries ? json::get_string(*entries, key) : std::string_view();
}

json::Object& Object::edit(std::string_view key) {
    return object_at(fields(), key);
}

std::vector<std::string> Object::finalizers() const {
    std::vector<std::string> names;
    const json::Array* list = json::find_array(metadata(), "finalizers");
    if (!list) return names;
    for (const json::Value& item : *list) {
        if (item.is_string()) names.emplace_back(json::as_view(item.get_string()));
    }
    return names;
}

std::vector<OwnerReference> Object::owner_references() const {
    std::vector<OwnerReference> owners;
    const json::Array* list = json::find_array(metadata(), "ownerReferences");
    if (!list) return owners;
    for (const json::Value& item : *list) {
        owners.push_back({std::string(json::get_string(item, "apiVersion")),
                          std::string(json::get_string(item, "kind")),
                          std::string(json::get_string(item, "name")),
                          std::string(json::get_string(item, "uid")),
                          json::get_bool(item, "controller")});
    }
    return owners;
}

void Object::set_label(std::string_view key, std::string_view value) {
    object_at(edit_metadata(), "labels")[key] = value;
}

void Object::set_annotation(std::string_view key, std::string_view value) {
    object_at(edit_metadata(), "annotations")[key] = value;
}

void Object::set_finalizers(const std::vector<std::string>& finalizers) {
    if (finalizers.empty()) {
        edit_metadata().erase("finalizers");
        return;
    }
    json::Array list;
    for (const std::string& name : finalizers) list.emplace_back(name);
    edit_metadata()["finalizers"] = std::move(list);
}

void Object::add_owner(const OwnerReference& owner) {
    json::Value& list = edit_metadata()["ownerReferences"];
    if (!list.is_array()) list = json::Array();
    json::Object entry{{"apiVersion", owner.api_version},
                       {"kind", owner.kind},
                       {"name", owner.name},
                       {"uid", owner.uid}};
    if (owner.controller) entry["controller"] = true;
    list.get_array().emplace_back(std::move(entry));
}

OwnerReference Object::as_owner() const {
    return {std::string(api_version()), std::string(kind()), std::string(name()),
            std::string(uid()), false};
}

}  // namespace hf::api
