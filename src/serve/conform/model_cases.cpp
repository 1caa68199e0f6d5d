#include <algorithm>
#include <set>

#include "serve/conform/asks.h"
#include "serve/conform/cases.h"
#include "serve/conform/judges.h"
#include "serve/conform/sources.h"

namespace hf::serve::conform {
namespace {

constexpr const char* kModel = "/v2/models/{model}";
constexpr const char* kVersioned = "/v2/models/{model}/versions/{version}";

Status is_named(const Subject& subject, const json::Object& object) {
    const json::Value* name = object.if_contains("name");
    if (name && *name == json::Value(subject.model)) return {};
    return invalid_argument("/name: want '{}'", subject.model);
}

Status versions_are_texts(const Subject&, const json::Object& object) {
    const json::Value* list = object.if_contains("versions");
    if (!list || list->is_null()) return failed_precondition("the model announces no versions");
    if (!list->is_array()) return invalid_argument("/versions: want an array");
    for (const json::Value& version : list->get_array()) {
        if (!version.is_string()) return invalid_argument("/versions: want strings");
    }
    return {};
}

Status has_platform(const Subject&, const json::Object& object) {
    const json::Value* platform = object.if_contains("platform");
    return platform && platform->is_string() ? Status()
                                             : invalid_argument("/platform: want a string");
}

// The form only: the list of names that are allowed is older than most frameworks. A graph of
// models has no format; "ensemble" is what Triton, whose extensions these are, says of one.
Status platform_has_form(const Subject& subject, const json::Object& object) {
    HF_TRY(has_platform(subject, object));
    const std::string_view platform = json::as_view(object.at("platform").get_string());
    const std::size_t line = platform.find('_');
    if (platform == "ensemble") return {};
    const bool fits = line != std::string_view::npos && line > 0 && line + 1 < platform.size();
    return fits ? Status() : invalid_argument("/platform: '{}'", platform);
}

using EntryLook = std::function<Status(const json::Value& entry)>;

// Looks at each input or output.
Judge each_of(std::string key, EntryLook look) {
    return object_and([key = std::move(key), look = std::move(look)](
                          const Subject&, const json::Object& object) -> Status {
        const json::Value* list = object.if_contains(key);
        if (!list || !list->is_array()) return invalid_argument("/{}: want an array", key);
        for (std::size_t i = 0; i < list->get_array().size(); ++i) {
            const Status status = look(list->get_array()[i]);
            if (!status.ok()) return invalid_argument("/{}/{}{}", key, i, status.message());
        }
        return {};
    });
}

Status is_entry(const json::Value& entry) {
    return entry.is_object() ? Status() : invalid_argument(": want an object");
}

Status has_name(const json::Value& entry) {
    return json::get_string(entry, "name").empty() ? invalid_argument("/name: want a string")
                                                   : Status();
}

Status has_datatype(const json::Value& entry) {
    const std::string_view name = json::get_string(entry, "datatype");
    return parse_oip_dtype(name).ok() ? Status() : invalid_argument("/datatype: '{}'", name);
}

Status has_shape(const json::Value& entry) {
    const json::Array* shape = json::find_array(entry, "shape");
    if (!shape) return invalid_argument("/shape: want an array");
    for (const json::Value& extent : *shape) {
        const bool fits = extent.is_int64() && extent.get_int64() >= -1;
        if (!fits) return invalid_argument("/shape: {}", json::write(extent));
    }
    return {};
}

Judge names_differ(std::string key) {
    return object_and([key = std::move(key)](const Subject&, const json::Object& object) -> Status {
        std::set<std::string> names;
        const json::Value* list = object.if_contains(key);
        if (!list || !list->is_array()) return invalid_argument("/{}: want an array", key);
        for (const json::Value& entry : list->get_array()) {
            const std::string name(json::get_string(entry, "name"));
            if (!names.insert(name).second) return invalid_argument("/{}: two '{}'", key, name);
        }
        return {};
    });
}

Ask plain_and_versioned() {
    return [](const Subject& subject) -> Result<Turns> {
        Turns turns = HF_TRY(get(kModel)(subject));
        for (http::WireTurn& turn : HF_TRY(get(kVersioned)(subject))) {
            turn.fresh = true;
            turns.push_back(std::move(turn));
        }
        return turns;
    };
}

Status both_name_the_model(const Subject& subject, const Answers& answers) {
    for (const http::WireAnswer& answer : answers) {
        HF_TRY(is_named(subject, HF_TRY(read_object(answer))));
    }
    return {};
}

}  // namespace

std::vector<Case> model_cases() {
    return {
        {"metadata", "GET v2/models/NAME is a 200", source::kModelMetadata, get(kModel),
         status_is(200)},
        {"metadata_version", "so it is for a version that is announced", source::kVersions,
         get(kVersioned), status_is(200)},
        {"version_is_the_model", "name is the model's with a version and without",
         source::kModelObject, plain_and_versioned(), both_name_the_model},
        {"name", "name is the model's name", source::kModelObject, get(kModel),
         object_and(is_named)},
        {"versions", "versions, where it is given, is an array of strings", source::kModelObject,
         get(kModel), object_and(versions_are_texts)},
        {"platform", "platform is a string", source::kModelObject, get(kModel),
         object_and(has_platform)},
        {"platform_form", "platform has the form PROJECT_FORMAT; any name is accepted",
         source::kPlatform, get(kModel), object_and(platform_has_form)},
        {"inputs", "inputs is an array of objects", source::kModelObject, get(kModel),
         each_of("inputs", is_entry)},
        {"outputs", "outputs is an array of objects", source::kModelObject, get(kModel),
         each_of("outputs", is_entry)},
        {"input_names", "every input has a name", source::kTensorMetadata, get(kModel),
         each_of("inputs", has_name)},
        {"output_names", "every output has a name", source::kTensorMetadata, get(kModel),
         each_of("outputs", has_name)},
        {"input_names_differ", "no two inputs have one name", source::kTensorMetadata, get(kModel),
         names_differ("inputs")},
        {"output_names_differ", "no two outputs have one name", source::kTensorMetadata,
         get(kModel), names_differ("outputs")},
        {"input_datatypes", "every input's datatype is in the table", source::kDataTypes,
         get(kModel), each_of("inputs", has_datatype)},
        {"output_datatypes", "every output's datatype is in the table", source::kDataTypes,
         get(kModel), each_of("outputs", has_datatype)},
        {"input_shapes", "every input's shape has sizes, and -1 where any may come",
         source::kTensorShape, get(kModel), each_of("inputs", has_shape)},
        {"output_shapes", "every output's shape has sizes, and -1 where any may come",
         source::kTensorShape, get(kModel), each_of("outputs", has_shape)},
        {"unknown", "a model that is not there is an error", source::kMetadataError,
         get("/v2/models/no-such-model-is-here"), refuses()},
        {"unknown_version", "a version that is not there is an error", source::kMetadataError,
         get(std::string(kVersioned) + "98765"), refuses()},
    };
}

}  // namespace hf::serve::conform
