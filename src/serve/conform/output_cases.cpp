#include "serve/conform/asks.h"
#include "serve/conform/cases.h"
#include "serve/conform/judges.h"
#include "serve/conform/sources.h"

namespace hf::serve::conform {
namespace {

// The name of the output that stands there, first or last.
std::string name_at(const Subject& subject, bool last) {
    if (subject.outputs.empty()) return {};
    return last ? subject.outputs.back().name : subject.outputs.front().name;
}

Edit ask_for_one(bool last) {
    return [last](const Subject& subject, Draft& draft) -> Status {
        draft.object["outputs"] = list_of(json::Object{{"name", name_at(subject, last)}});
        return {};
    };
}

Judge has_one(bool last) {
    return infers_and([last](const Subject& subject, const AnswerRead& read) {
        return check_names(read, {name_at(subject, last)});
    });
}

Edit ask_for_one_twice() {
    return [](const Subject& subject, Draft& draft) -> Status {
        const json::Object once{{"name", name_at(subject, false)}};
        json::Array twice = list_of(once);
        twice.push_back(once);
        draft.object["outputs"] = std::move(twice);
        return {};
    };
}

Status each_is_json(const Subject&, const AnswerRead& read) {
    for (const OutputRead& output : read.outputs) {
        if (output.binary) return invalid_argument("output {} is binary", output.name);
    }
    return {};
}

}  // namespace

std::vector<Case> output_cases() {
    return {
        {"first_only", "when the first is asked for, it alone comes", source::kOutputs,
         infer(ask_for_one(false)), has_one(false)},
        {"last_only", "when the last is asked for, it alone comes", source::kOutputs,
         infer(ask_for_one(true)), has_one(true)},
        {"each_by_name", "all may be asked for by name", source::kOutputs,
         infer(set_outputs(false)), infers()},
        {"each_backwards", "in any order", source::kOutputs, infer(set_outputs(true)), infers()},
        {"by_name_same", "outputs asked for by name have the same values", source::kOutputs,
         after_plain_twice(infer(set_outputs(false))), same_as_plain()},
        {"parameters_empty", "the parameters of an output may have none", source::kParameters,
         infer(set_outputs(false, json::Object())), infers()},
        {"json_by_default", "unless asked otherwise, data comes as JSON", source::kTensorData,
         infer(), infers_and(each_is_json)},
        {"empty_list", "an empty list means all or none, or is refused", source::kOutputs,
         infer(set("outputs", json::Array())), either()},
        {"one_twice", "one output twice is answered or refused", source::kOutputs,
         infer(ask_for_one_twice()), either()},
        {"unknown", "an output that the model has not is an error", source::kOutputs,
         infer(set("outputs", list_of(json::Object{{"name", "no-such-output-is-here"}}))),
         refuses()},
        {"no_name", "an output without a name is an error", source::kOutputs,
         infer(set("outputs", list_of(json::Object()))), refuses()},
        {"no_object", "an output that is no object is an error", source::kOutputs,
         infer(set("outputs", list_of(7))), refuses()},
        {"no_array", "outputs that are no array are an error", source::kInferRequest,
         infer(set("outputs", "all")), refuses()},
    };
}

}  // namespace hf::serve::conform
