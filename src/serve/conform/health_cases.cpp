#include <algorithm>

#include "serve/conform/asks.h"
#include "serve/conform/cases.h"
#include "serve/conform/judges.h"
#include "serve/conform/sources.h"

namespace hf::serve::conform {
namespace {

constexpr const char* kReady = "/v2/models/{model}/ready";

// Empty, as the older text has it, or a JSON object in which `key`, if it is there, is true.
Judge empty_or_true(std::string key) {
    return [key = std::move(key)](const Subject&, const Answers& answers) -> Status {
        const http::WireAnswer& answer = answers.front();
        if (answer.answered() && answer.response.body.empty()) return {};
        const json::Object object = HF_TRY(read_object(answer));
        const json::Value* value = object.if_contains(key);
        if (!value || (value->is_bool() && value->get_bool())) return {};
        return invalid_argument("/{}: want true", key);
    };
}

// The name with its case changed: another model's, if anybody's.
Ask ready_in_other_case() {
    return [](const Subject& subject) -> Result<Turns> {
        Subject other = subject;
        std::transform(other.model.begin(), other.model.end(), other.model.begin(), [](char c) {
            const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
            return letter ? static_cast<char>(c ^ 0x20) : c;
        });
        if (other.model == subject.model) {
            return failed_precondition("the model's name has no letters");
        }
        return get(kReady)(other);
    };
}

Ask ready_of_both() {
    return [](const Subject& subject) -> Result<Turns> {
        Turns turns = HF_TRY(get("/v2/health/ready")(subject));
        for (http::WireTurn& turn : HF_TRY(get(kReady)(subject))) {
            turn.fresh = true;
            turns.push_back(std::move(turn));
        }
        return turns;
    };
}

Status models_are_ready_too(const Subject&, const Answers& answers) {
    if (!answers[0].answered() || answers[0].response.status != 200) {
        return failed_precondition("the server is not ready");
    }
    if (answers[1].answered() && answers[1].response.status == 200) return {};
    return invalid_argument("the server is ready, and the model: {}", describe(answers[1]));
}

Status names_model(const Subject& subject, const Answers& answers) {
    if (answers.front().answered() && answers.front().response.body.empty()) return {};
    const json::Object object = HF_TRY(read_object(answers.front()));
    const json::Value* name = object.if_contains("name");
    if (!name || *name == json::Value(subject.model)) return {};
    return invalid_argument("/name: {}", json::write(*name));
}

}  // namespace

std::vector<Case> health_cases() {
    return {
        {"live", "GET v2/health/live is a 200 while the server answers", source::kHealth,
         get("/v2/health/live"), status_is(200)},
        {"live_body", "its body is empty, or an object whose live is true", source::kHealthBody,
         get("/v2/health/live"), empty_or_true("live")},
        {"ready", "GET v2/health/ready is a 200 when the server is ready", source::kHealth,
         get("/v2/health/ready"), status_is(200)},
        {"ready_body", "its body is empty, or an object whose ready is true", source::kHealthBody,
         get("/v2/health/ready"), empty_or_true("ready")},
        {"ready_body_live", "its body is empty, or an object whose live is true",
         source::kHealthBody, get("/v2/health/ready"), empty_or_true("live")},
        {"model_ready", "a model that serves is ready: 200", source::kModelReady, get(kReady),
         status_is(200)},
        {"model_ready_body", "its body is empty, or an object whose ready is true",
         source::kModelReadyBody, get(kReady), empty_or_true("ready")},
        {"model_ready_name", "its body is empty, or an object with the model's name",
         source::kModelReadyBody, get(kReady), names_model},
        {"model_ready_version", "a version that is announced can be asked for: 200",
         source::kModelReady, get("/v2/models/{model}/versions/{version}/ready"), status_is(200)},
        {"model_ready_unknown", "a model that is not there is not ready: 4xx", source::kHealth,
         get("/v2/models/no-such-model-is-here/ready"), status_from(400, 499)},
        {"model_ready_unknown_version", "a version that is not there is not ready: 4xx",
         source::kHealth, get("/v2/models/{model}/versions/{version}98765/ready"),
         status_from(400, 499)},
        {"model_ready_case", "names are compared with regard to case: 4xx", source::kCase,
         ready_in_other_case(), status_from(400, 499)},
        {"ready_means_models", "a server that is ready has its model ready", source::kServerReady,
         ready_of_both(), models_are_ready_too},
    };
}

}  // namespace hf::serve::conform
