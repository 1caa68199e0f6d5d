#include "serve/conform/asks.h"
#include "serve/conform/cases.h"
#include "serve/conform/judges.h"
#include "serve/conform/sources.h"

namespace hf::serve::conform {
namespace {

constexpr const char* kExtension = "trace";
constexpr const char* kServer = "/v2/trace/setting";
constexpr const char* kModel = "/v2/models/{model}/trace/setting";

Ask settings(const std::string& path) {
    return when_announced(kExtension, get(path));
}

// Nothing that servers would keep: their traces go on as they were.
Ask change(const std::string& path, std::string body) {
    return when_announced(kExtension, request("POST", path, std::move(body)));
}

Status are_settings(const Subject&, const json::Object& object) {
    if (object.empty()) return invalid_argument("no setting is told");
    for (const auto& [key, value] : object) {
        bool fine = value.is_string() || value.is_array();
        for (const json::Value& one : value.is_array() ? value.get_array() : json::Array()) {
            fine = fine && one.is_string();
        }
        if (fine) continue;
        return invalid_argument("/{}: want a string, or an array of strings",
                                std::string_view(key.data(), key.size()));
    }
    return {};
}

Judge has_setting(std::string key) {
    return object_and([key = std::move(key)](const Subject&, const json::Object& object) -> Status {
        return object.contains(key) ? Status() : invalid_argument("/{}: is missing", key);
    });
}

}  // namespace

std::vector<Case> trace_cases() {
    return {
        {"server", "GET v2/trace/setting is a 200 with strings and arrays of them", source::kTrace,
         settings(kServer), object_and(are_settings)},
        {"model", "so it is for a model", source::kTrace, settings(kModel),
         object_and(are_settings)},
        {"level", "trace_level is told", source::kTraceSettings, settings(kServer),
         has_setting("trace_level")},
        {"rate", "trace_rate is told", source::kTraceSettings, settings(kServer),
         has_setting("trace_rate")},
        {"change_nothing", "a change of no setting answers them all", source::kTraceChange,
         change(kServer, "{}"), object_and(are_settings)},
        {"change_cut", "a change whose body is no JSON is an error", source::kTraceError,
         change(kServer, "{\"trace_rate\":"), refuses()},
        {"change_unknown", "so is one of a setting that is none", source::kTraceError,
         change(kServer, "{\"no_such_setting\":\"1\"}"), refuses()},
        {"change_bad", "or to a value that is none", source::kTraceError,
         change(kServer, "{\"trace_rate\":\"often\"}"), refuses()},
    };
}

}  // namespace hf::serve::conform
