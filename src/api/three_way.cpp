#include "api/three_way.h"

namespace hf::api {
namespace {

// The file's fields that only a server sets would make each patch a conflict.
void remove_server_fields(Object& object) {
    object.fields().erase("status");
    for (const char* key : {"resourceVersion", "uid", "generation", "creationTimestamp"}) {
        object.edit_metadata().erase(key);
    }
}

}  // namespace

Object with_last_applied(const Object& wanted) {
    Object plain = wanted;
    remove_server_fields(plain);
    json::Object& metadata = plain.edit_metadata();
    if (json::Value* annotations = metadata.if_contains("annotations")) {
        if (annotations->is_object()) annotations->get_object().erase(kLastApplied);
    }
    Object marked = plain;
    marked.set_annotation(kLastApplied, json::write_canonical(plain.json()) + "\n");
    return marked;
}

json::Value three_way_patch(const json::Value& last, const json::Value& wanted,
                            const json::Value& live) {
    const json::Object* const to = wanted.if_object();
    const json::Object* const from = live.if_object();
    if (!to || !from) return wanted;
    json::Object patch;
    for (const auto& [key, value] : *to) {
        const json::Value* now = from->if_contains(key);
        if (value.is_object() && now && now->is_object()) {
            const json::Value* before = json::find(last, key);
            json::Value inner = three_way_patch(before ? *before : json::Value(), value, *now);
            if (!inner.get_object().empty()) patch[key] = std::move(inner);
        } else if (!now ? !value.is_null() : *now != value) {
            patch[key] = value;
        }
    }
    if (const json::Object* before = last.if_object()) {
        for (const auto& [key, value] : *before) {
            if (!to->contains(key) && from->contains(key)) patch[key] = nullptr;
        }
    }
    return patch;
}

json::Value apply_patch(const Object& wanted, const Object& live) {
    const Result<json::Value> last = json::parse(live.annotation(kLastApplied));
    const Object marked = with_last_applied(wanted);
    return three_way_patch(last.ok() ? *last : json::Value(), marked.json(), live.json());
}

}  // namespace hf::api
