#include <algorithm>

#include "serve/conform/asks.h"
#include "serve/conform/cases.h"
#include "serve/conform/judges.h"
#include "serve/conform/sources.h"

namespace hf::serve::conform {
namespace {

constexpr const char* kVersionedInfer = "/v2/models/{model}/versions/{version}/infer";

Judge returns_id(std::string id) {
    return infers_and([id = std::move(id)](const Subject&, const AnswerRead& read) -> Status {
        const json::Value* came = read.object.if_contains("id");
        if (came && *came == json::Value(id)) return {};
        return invalid_argument("/id: {}, want {}", came ? json::write(*came) : "none",
                                json::write(json::Value(id)));
    });
}

Case id_case(std::string name, std::string asks, const std::string& id) {
    return {std::move(name), std::move(asks), source::kId, infer(set("id", json::Value(id))),
            returns_id(id)};
}

// Absent, or empty as in the encoding over gRPC.
Status has_no_id(const Subject&, const AnswerRead& read) {
    const json::Value* id = read.object.if_contains("id");
    if (!id || (id->is_string() && id->get_string().empty())) return {};
    return invalid_argument("/id: {} where none was given", json::write(*id));
}

Status version_is_announced(const Subject& subject, const AnswerRead& read) {
    const json::Value* version = read.object.if_contains("model_version");
    if (!version || subject.versions.empty()) {
        return failed_precondition("the answer or the metadata name no version");
    }
    const std::string came(json::as_view(version->get_string()));
    const auto& known = subject.versions;
    if (std::find(known.begin(), known.end(), came) != known.end()) return {};
    return invalid_argument("/model_version: '{}' is not announced", came);
}

Status version_is_the_one(const Subject& subject, const AnswerRead& read) {
    const json::Value* version = read.object.if_contains("model_version");
    if (!version) return failed_precondition("the answer names no version");
    if (*version == json::Value(subject.versions.front())) return {};
    return invalid_argument("/model_version: {}, want '{}'", json::write(*version),
                            subject.versions.front());
}

Edit to_version() {
    return [](const Subject&, Draft& draft) -> Status {
        draft.path = kVersionedInfer;
        return {};
    };
}

Edit reverse_inputs() {
    return [](const Subject& subject, Draft& draft) -> Status {
        if (subject.inputs.size() < 2) return failed_precondition("the model has one input");
        json::Array& inputs = draft.object["inputs"].as_array();
        std::reverse(inputs.begin(), inputs.end());
        return {};
    };
}

// As many rows as that in every input, where all of them leave the first extent open.
Result<Subject> with_rows(const Subject& subject, std::int64_t rows) {
    Subject changed = subject;
    for (ModelPort& port : changed.inputs) {
        if (port.shape.rank() == 0 || port.shape[0] != Shape::kUnknown) {
            return failed_precondition("the first extent of an input is fixed");
        }
        port.extents[0] = rows;
        if (port.extents.elements() > kElementsMax) {
            return failed_precondition("so many rows would be too large a request");
        }
    }
    return changed;
}

Ask infer_rows(std::int64_t rows) {
    return [rows](const Subject& subject) -> Result<Turns> {
        return infer()(HF_TRY(with_rows(subject, rows)));
    };
}

// An answer, or an error: that an extent is open does not say that any is good.
Case rows_case(std::int64_t rows) {
    return {fmt::format("batch_of_{}", rows),
            fmt::format("{} rows are answered whole, or refused with a reason", rows),
            source::kBatch, infer_rows(rows), either()};
}

Ask ten_times() {
    return [](const Subject& subject) -> Result<Turns> {
        const Turns once = HF_TRY(infer()(subject));
        Turns turns;
        for (int i = 0; i < 10; ++i) {
            turns.push_back(once.front());
            turns.back().fresh = true;
        }
        return turns;
    };
}

Status all_answered(const Subject& subject, const Answers& answers) {
    for (const http::WireAnswer& answer : answers) {
        HF_TRY(read_inference(subject, answer));
    }
    return {};
}

// The one case that is not skipped where that request is refused.
Ask infer_anyway() {
    return [](const Subject& subject) -> Result<Turns> {
        Subject willing = subject;
        if (!willing.inputs.empty()) willing.trouble.clear();
        return infer()(willing);
    };
}

}  // namespace

std::vector<Case> infer_cases() {
    std::vector<Case> cases{
        {"answered", "a request made from the metadata is a 200", source::kInfer, infer_anyway(),
         status_is(200)},
        {"response", "its body is a whole response, with every output of the model",
         source::kInferResponse, infer(), infers()},
        {"model_version", "model_version, where it is given, is one that is announced",
         source::kInferResponse, infer(), infers_and(version_is_announced)},
        {"to_version", "a version that is announced can be asked", source::kVersions,
         infer(to_version()), infers()},
        {"to_version_answers", "model_version, where it is given, is the one that was asked",
         source::kInferResponse, infer(to_version()), infers_and(version_is_the_one)},
        id_case("id", "the id comes back", "42"),
        id_case("id_unicode", "an id beyond ASCII comes back", "Z\u00fcrich-\u65e5\u672c"),
        id_case("id_escapes", "an id with quotes and a backslash comes back", "a\"b\\c/d"),
        id_case("id_control", "an id with a tab and a line end comes back", "a\tb\nc"),
        id_case("id_spaces", "an id of spaces around a word comes back", "  word  "),
        id_case("id_long", "an id of 1,000 letters comes back", std::string(1000, 'i')),
        {"no_id", "without an id none comes back, or an empty one", source::kId, infer(),
         infers_and(has_no_id)},
        {"parameters_empty", "parameters may have none", source::kParameters,
         infer(set("parameters", json::Object())), infers()},
        {"parameters_of_input_empty", "so may those of an input", source::kParameters,
         infer(set_input("parameters", json::Object())), infers()},
        {"parameters_unknown", "a parameter nobody defined is ignored, or refused",
         source::kParameters, infer(set("parameters", json::Object{{"not_defined_anywhere", 1}})),
         either()},
        {"inputs_reversed", "inputs go by their names, not their order", source::kRequestInput,
         after_plain_twice(infer(reverse_inputs())), same_as_plain()},
        {"nested", "data may be nested, of the form of the shape", source::kTensorData,
         infer(nest_data()), infers()},
        {"nested_same", "nested and flat data mean the same", source::kRowMajor,
         after_plain_twice(infer(nest_data())), same_as_plain()},
        {"again_and_again", "ten requests after each other are answered", source::kInfer,
         ten_times(), all_answered},
    };
    for (const std::int64_t rows : {1, 2, 3, 8, 33}) cases.push_back(rows_case(rows));
    return cases;
}

}  // namespace hf::serve::conform
