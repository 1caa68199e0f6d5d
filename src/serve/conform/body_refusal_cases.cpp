#include "serve/conform/asks.h"
#include "serve/conform/cases.h"
#include "serve/conform/judges.h"
#include "serve/conform/sources.h"

namespace hf::serve::conform {
namespace {

Case bad_text(std::string name, std::string asks, std::string body) {
    return {std::move(name), std::move(asks), source::kJson, infer_text(std::move(body)),
            refuses()};
}

Case cut_at(int percent) {
    return {fmt::format("cut_at_{}_percent", percent),
            fmt::format("JSON that ends after {} % of it is an error", percent), source::kJson,
            infer_rewritten([percent](const std::string& json) {
                return json.substr(0, json.size() * static_cast<std::size_t>(percent) / 100);
            }),
            refuses()};
}

Case bad_inputs(std::string name, std::string asks, json::Value inputs) {
    return {std::move(name), std::move(asks), source::kInferRequest,
            infer(set("inputs", std::move(inputs))), refuses()};
}

// An error, and then on another connection the request as it should be.
Ask bad_then_good() {
    return [](const Subject& subject) -> Result<Turns> {
        Turns turns = HF_TRY(infer_text("{")(subject));
        for (http::WireTurn& turn : HF_TRY(infer()(subject))) {
            turn.fresh = true;
            turns.push_back(std::move(turn));
        }
        return turns;
    };
}

Status second_is_answered(const Subject& subject, const Answers& answers) {
    HF_TRY(check_error(answers[0]));
    return read_inference(subject, answers[1]).status();
}

}  // namespace

std::vector<Case> body_refusal_cases() {
    std::vector<Case> cases{
        bad_text("empty", "an empty body is an error", ""),
        bad_text("blank", "so is a body of blanks", " \r\n"),
        bad_text("no_json", "so is text that is no JSON", "inputs=1&outputs=2"),
        bad_text("array", "so is an array", "[]"),
        bad_text("string", "so is a string", "\"inputs\""),
        bad_text("number", "so is a number", "7"),
        bad_text("null", "so is null", "null"),
        bad_text("empty_object", "so is an object without inputs", "{}"),
        bad_text("bytes", "so are bytes of any kind", std::string("\0\1\2\3\xff\xfe", 6)),
        bad_text("xml", "so is XML", "<inputs/>"),
        {"more_after_json", "JSON with another value behind it is an error", source::kJson,
         infer_rewritten([](const std::string& json) { return json + json; }), refuses()},
        {"unclosed_string", "JSON with a string that does not end is an error", source::kJson,
         infer_rewritten([](const std::string& json) { return "{\"id\":\"a," + json.substr(1); }),
         refuses()},
        {"comma_missing", "JSON without a comma between members is an error", source::kJson,
         infer_rewritten([](const std::string& json) { return "{\"id\":\"a\" " + json.substr(1); }),
         refuses()},
        {"inputs_missing", "inputs must be given", source::kInferRequest,
         infer(leave_out("inputs")), refuses()},
        bad_inputs("inputs_null", "inputs that are null are an error", nullptr),
        bad_inputs("inputs_object", "inputs that are an object are an error", json::Object()),
        bad_inputs("inputs_string", "inputs that are a string are an error", "x"),
        bad_inputs("inputs_number", "inputs that are a number are an error", 1),
        bad_inputs("inputs_empty", "no input where the model takes some is an error",
                   json::Array()),
        bad_inputs("input_number", "an input that is a number is an error", list_of(1)),
        bad_inputs("input_null", "an input that is null is an error", list_of(nullptr)),
        bad_inputs("input_array", "an input that is an array is an error", list_of(json::Array())),
        bad_inputs("input_empty", "an input that says nothing is an error",
                   list_of(json::Object())),
        {"id_number", "an id that is a number is coerced, or refused", source::kInferRequest,
         infer(set("id", 7)), either()},
        {"parameters_array", "parameters that are an array are ignored, or refused",
         source::kParameters, infer(set("parameters", json::Array())), either()},
        {"unknown_model", "a model that is not there is an error", source::kInferError,
         request("POST", "/v2/models/no-such-model-is-here/infer", "{\"inputs\":[]}"), refuses()},
        {"unknown_version", "a version that is not there is an error", source::kInferError,
         request("POST", "/v2/models/{model}/versions/{version}98765/infer", "{\"inputs\":[]}"),
         refuses()},
        {"good_after_bad", "after an error the next request is answered", source::kInferError,
         bad_then_good(), second_is_answered},
    };
    for (const int percent : {1, 10, 50, 90, 99}) cases.push_back(cut_at(percent));
    return cases;
}

}  // namespace hf::serve::conform
