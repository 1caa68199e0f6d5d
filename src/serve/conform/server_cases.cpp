#include "base/text.h"
#include "serve/conform/asks.h"
#include "serve/conform/cases.h"
#include "serve/conform/judges.h"
#include "serve/conform/sources.h"

namespace hf::serve::conform {
namespace {

constexpr const char* kServer = "/v2";

Judge has_text(std::string key) {
    return object_and([key = std::move(key)](const Subject&, const json::Object& object) -> Status {
        const json::Value* value = object.if_contains(key);
        if (value && value->is_string()) return {};
        return invalid_argument("/{}: want a string", key);
    });
}

Status extensions_are_texts(const Subject&, const json::Object& object) {
    const json::Value* list = object.if_contains("extensions");
    if (!list || !list->is_array()) return invalid_argument("/extensions: want an array");
    for (const json::Value& extension : list->get_array()) {
        if (!extension.is_string()) return invalid_argument("/extensions: want strings");
    }
    return {};
}

Status is_object(const Subject&, const json::Object&) {
    return {};
}

Status says_json(const Subject&, const Answers& answers) {
    HF_TRY(read_object(answers.front()));
    const std::string_view type = answers.front().response.headers.get("Content-Type").value_or("");
    if (to_lower(type).find("json") != std::string::npos) return {};
    return invalid_argument("Content-Type '{}' where JSON is wanted", type);
}

}  // namespace

std::vector<Case> server_cases() {
    return {
        {"metadata", "GET v2 is a 200", source::kServerMetadata, get(kServer), status_is(200)},
        {"object", "its body is a JSON object", source::kServerObject, get(kServer),
         object_and(is_object)},
        {"content_type", "its Content-Type says JSON", source::kMediaType, get(kServer), says_json},
        {"name", "name is a string", source::kServerObject, get(kServer), has_text("name")},
        {"version", "version is a string", source::kServerObject, get(kServer),
         has_text("version")},
        {"extensions", "extensions is an array of strings", source::kServerObject, get(kServer),
         object_and(extensions_are_texts)},
    };
}

}  // namespace hf::serve::conform
