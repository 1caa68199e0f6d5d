#include <algorithm>

#include "serve/conform/asks.h"
#include "serve/conform/cases.h"
#include "serve/conform/judges.h"
#include "serve/conform/sources.h"

namespace hf::serve::conform {
namespace {

constexpr const char* kRepository = "model_repository";
constexpr const char* kStatistics = "statistics";

Ask index(std::string body) {
    return when_announced(kRepository, request("POST", "/v2/repository/index", std::move(body)));
}

Result<json::Array> read_index(const http::WireAnswer& answer) {
    if (!answer.answered()) return invalid_argument("{}", answer.trouble);
    if (answer.response.status != 200) {
        return invalid_argument("status {} where 200 is wanted", answer.response.status);
    }
    const json::Value root = HF_TRY(json::parse(as_text(answer.response.body)));
    const json::Array* models = root.if_array();
    if (!models) return invalid_argument("the body is no JSON array");
    return *models;
}

// Every entry has the key as a string; or lacks it, where it is optional.
Judge each_has(std::string key, bool optional) {
    return [key = std::move(key), optional](const Subject&, const Answers& answers) -> Status {
        for (const json::Value& model : HF_TRY(read_index(answers.front()))) {
            const json::Value* value = json::find(model, key);
            if (value ? value->is_string() : optional) continue;
            return invalid_argument("/{}: want a string", key);
        }
        return {};
    };
}

Status lists_the_model(const Subject& subject, const Answers& answers) {
    const json::Array models = HF_TRY(read_index(answers.front()));
    const bool listed = std::any_of(models.begin(), models.end(), [&](const json::Value& model) {
        return json::get_string(model, "name") == subject.model;
    });
    return listed ? Status() : invalid_argument("'{}' is not listed", subject.model);
}

Ask statistics(std::string path) {
    return when_announced(kStatistics, get(std::move(path)));
}

Status has_statistics(const Subject&, const json::Object& object) {
    const json::Value* list = object.if_contains("model_stats");
    return list && list->is_array() ? Status() : invalid_argument("/model_stats: want an array");
}

}  // namespace

std::vector<Case> extension_cases() {
    return {
        {"index", "the index is a 200 with an array that lists the model", source::kRepositoryIndex,
         index("{}"), lists_the_model},
        {"index_name", "every model in it has a name", source::kRepositoryObject, index("{}"),
         each_has("name", false)},
        {"index_version", "and a version, or none", source::kRepositoryObject, index("{}"),
         each_has("version", true)},
        {"index_state", "and a state", source::kRepositoryObject, index("{}"),
         each_has("state", true)},
        {"index_reason", "and a reason, or none", source::kRepositoryObject, index("{}"),
         each_has("reason", true)},
        {"index_ready", "those that are ready can be asked for alone", source::kRepositoryIndex,
         index("{\"ready\":true}"), lists_the_model},
        {"load_unknown", "to load what is not there is an error", source::kRepositoryError,
         when_announced(kRepository,
                        request("POST", "/v2/repository/models/no-such-model-is-here/load", "{}")),
         refuses()},
        {"statistics", "statistics of the model are a 200 with model_stats", source::kStatistics,
         statistics("/v2/models/{model}/stats"), object_and(has_statistics)},
        {"statistics_of_all", "so are those of all models", source::kStatistics,
         statistics("/v2/models/stats"), object_and(has_statistics)},
    };
}

}  // namespace hf::serve::conform
