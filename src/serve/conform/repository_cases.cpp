#include <algorithm>

#include "serve/conform/asks.h"
#include "serve/conform/cases.h"
#include "serve/conform/judges.h"
#include "serve/conform/sources.h"

namespace hf::serve::conform {
namespace {

constexpr const char* kRepository = "model_repository";

Ask index(std::string body) {
    return when_announced(kRepository, request("POST", "/v2/repository/index", std::move(body)));
}

// {model} as it stands, or a name that no server has.
Ask change(const std::string& what, std::string body = {}, const std::string& model = "{model}") {
    return when_announced(
        kRepository,
        request("POST", fmt::format("/v2/repository/models/{}/{}", model, what), std::move(body)));
}

// Unloads the model, asks, and loads it again, whatever came of that.
Ask while_unloaded(Ask ask) {
    return in_turn({change("unload"), std::move(ask), change("load")});
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

Status check_listed(const Subject& subject, const http::WireAnswer& answer, bool wanted) {
    const json::Array models = HF_TRY(read_index(answer));
    const bool listed = std::any_of(models.begin(), models.end(), [&](const json::Value& model) {
        return json::get_string(model, "name") == subject.model;
    });
    if (listed == wanted) return {};
    return invalid_argument("'{}' is {}listed", subject.model, listed ? "" : "not ");
}

Status lists_the_model(const Subject& subject, const Answers& answers) {
    return check_listed(subject, answers.front(), true);
}

// A 200. Servers may announce the extension and be told by their owner to change nothing: an error
// that is one by the standard skips the case.
Status check_changed(const http::WireAnswer& answer, std::string_view what) {
    if (answer.answered() && answer.response.status == 200) return {};
    HF_TRY(check_error(answer).context("{}", what));
    return failed_precondition("the server refuses to {} the model: {}", what, describe(answer));
}

Status loads(const Subject&, const Answers& answers) {
    return check_changed(answers.front(), "load");
}

Status loads_and_infers(const Subject& subject, const Answers& answers) {
    HF_TRY(check_changed(answers.front(), "load"));
    return infers()(subject, {answers.back()});
}

// Of while_unloaded(): the model went and came back, and this of what was between.
Judge between(Judge judge) {
    return [judge = std::move(judge)](const Subject& subject, const Answers& answers) -> Status {
        HF_TRY(check_changed(answers.front(), "unload"));
        if (answers.back().response.status != 200) {
            return invalid_argument("to load it again is not answered by a 200: {}",
                                    describe(answers.back()));
        }
        return judge(subject, {answers[1]});
    };
}

Judge lists(bool wanted) {
    return [wanted](const Subject& subject, const Answers& answers) {
        return check_listed(subject, answers.front(), wanted);
    };
}

Status unloads_loads_and_infers(const Subject& subject, const Answers& answers) {
    HF_TRY(check_changed(answers[0], "unload"));
    if (answers[1].response.status != 200) {
        return invalid_argument("to load it again is not answered by a 200: {}",
                                describe(answers[1]));
    }
    return infers()(subject, {answers[2]});
}

std::vector<Case> index_cases() {
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
        {"index_ready", "those that are ready can be asked for alone", source::kRepositoryReady,
         index("{\"ready\":true}"), lists_the_model},
        {"index_all", "and those that are not, with them", source::kRepositoryReady,
         index("{\"ready\":false}"), lists_the_model},
        {"index_cut", "a body that is no JSON is an error", source::kIndexError,
         index("{\"ready\":"), refuses()},
    };
}

// Those that unload the model load it again, and stand last.
std::vector<Case> change_cases() {
    const std::string unknown = "no-such-model-is-here";
    return {
        {"load_unknown", "to load what is not there is an error", source::kRepositoryError,
         change("load", "{}", unknown), refuses()},
        {"load_cut", "a load whose body is no JSON is an error", source::kRepositoryError,
         change("load", "{\"parameters\":"), refuses()},
        {"load_parameters_bad", "so is one whose parameters are no object",
         source::kRepositoryError, change("load", "{\"parameters\":7}"), refuses()},
        {"unload_cut", "an unload whose body is no JSON is an error", source::kUnloadError,
         change("unload", "{\"parameters\":"), refuses()},
        {"load", "to load the model, with no body, is a 200", source::kLoadBody, change("load"),
         loads},
        {"load_object", "so it is with an empty object", source::kLoad, change("load", "{}"),
         loads},
        {"load_parameters", "and with no parameters in it", source::kLoadObject,
         change("load", "{\"parameters\":{}}"), loads},
        {"load_infers", "after it, the model infers", source::kLoadAgain,
         in_turn({change("load"), infer()}), loads_and_infers},
        {"unload", "to unload the model is a 200, and so is to load it again", source::kUnload,
         while_unloaded(get("/v2/health/live")), between(status_is(200))},
        {"unload_index", "while it is unloaded, the index lists it", source::kRepositoryAll,
         while_unloaded(index("{}")), between(lists(true))},
        {"unload_index_ready", "but not among those that are ready", source::kRepositoryReady,
         while_unloaded(index("{\"ready\":true}")), between(lists(false))},
        {"unload_load_infers", "unloaded and loaded again, it infers", source::kLoad,
         in_turn({change("unload"), change("load"), infer()}), unloads_loads_and_infers},
    };
}

}  // namespace

std::vector<Case> repository_cases() {
    std::vector<Case> cases = index_cases();
    for (Case& one : change_cases()) cases.push_back(std::move(one));
    return cases;
}

}  // namespace hf::serve::conform
