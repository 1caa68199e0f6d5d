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

// Byte for byte what kubectl keeps, or each tool would find the other's annotation to be changed:
// sorted keys, a newline, and Go's caution with characters that mean something in HTML.
std::string kept_text(const json::Value& value) {
    std::string text;
    for (const char c : json::write_canonical(value)) {
        if (c == '<' || c == '>' || c == '&') {
            text += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
        } else {
            text.push_back(c);
        }
    }
    return text + "\n";
}

}  // namespace

Object with_last_applied(const Object& wanted) {
    Object plain = wanted;
    remove_server_fields(plain);
    json::Value& annotations = plain.edit_metadata()["annotations"];
    if (!annotations.is_object()) annotations = json::Object();
    annotations.get_object().erase(kLastApplied);
    Object marked = plain;
    marked.set_annotation(kLastApplied, kept_text(plain.json()));
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
