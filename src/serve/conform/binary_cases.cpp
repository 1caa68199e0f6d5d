#include <algorithm>

#include "base/text.h"
#include "serve/conform/asks.h"
#include "serve/conform/cases.h"
#include "serve/conform/judges.h"
#include "serve/conform/sources.h"

namespace hf::serve::conform {
namespace {

constexpr std::string_view kLengthHeader = "Inference-Header-Content-Length";
constexpr const char* kExtension = "binary_tensor_data";

// JSON inputs, for cases of outputs.
Ask ask_outputs(Edit edit) {
    return when_announced(kExtension, infer(std::move(edit)));
}

Edit output_binary(bool binary) {
    return set_outputs(false, json::Object{{"binary_data", binary}});
}

Edit binary_output(bool binary) {
    return set("parameters", json::Object{{"binary_data_output", binary}});
}

Judge each_is(bool binary) {
    return infers_and([binary](const Subject& subject, const AnswerRead& read) -> Status {
        HF_TRY(check_names(read, output_names(subject)));
        for (const OutputRead& output : read.outputs) {
            if (output.binary == binary) continue;
            return invalid_argument("output {} comes as {}", output.name,
                                    output.binary ? "binary data" : "JSON");
        }
        return {};
    });
}

// The first output one way, the others the other.
Edit first_differs(bool first) {
    return [first](const Subject& subject, Draft& draft) -> Status {
        if (subject.outputs.size() < 2) return failed_precondition("the model has one output");
        json::Array outputs;
        for (const ModelPort& port : subject.outputs) {
            const bool binary = outputs.empty() == first;
            outputs.push_back({{"name", port.name}, {"parameters", {{"binary_data", binary}}}});
        }
        draft.object["outputs"] = std::move(outputs);
        return {};
    };
}

Judge first_is(bool binary) {
    return infers_and([binary](const Subject& subject, const AnswerRead& read) -> Status {
        HF_TRY(check_names(read, output_names(subject)));
        for (const OutputRead& output : read.outputs) {
            const bool is_first = output.name == subject.outputs.front().name;
            if (output.binary == (is_first == binary)) continue;
            return invalid_argument("output {} comes as {}", output.name,
                                    output.binary ? "binary data" : "JSON");
        }
        return {};
    });
}

// Any inputs in the opposite order, with their bytes.
Ask inputs_backwards() {
    return when_announced(kExtension, [](const Subject& subject) -> Result<Turns> {
        if (subject.inputs.size() < 2) return failed_precondition("the model has one input");
        Subject backwards = subject;
        std::reverse(backwards.inputs.begin(), backwards.inputs.end());
        return infer_binary()(backwards);
    });
}

Ask first_input_binary() {
    return when_announced(kExtension, [](const Subject& subject) -> Result<Turns> {
        if (!subject.trouble.empty()) return failed_precondition("{}", subject.trouble);
        if (subject.inputs.size() < 2) return failed_precondition("the model has one input");
        std::vector<Sent> inputs = examples(subject, false);
        inputs.front().binary = true;
        http::WireTurn turn;
        turn.bytes = HF_TRY(write_request(subject, draft_of(subject, inputs)));
        return Turns{turn};
    });
}

// Sizes in the header: that of the JSON, which read_inference() has split by it, and of the body.
Status says_json_length(const Subject& subject, const Answers& answers) {
    HF_TRY(read_inference(subject, answers.front()));
    const http::Headers& headers = answers.front().response.headers;
    if (!headers.get(kLengthHeader)) return invalid_argument("no {}", kLengthHeader);
    return {};
}

Status says_body_length(const Subject& subject, const Answers& answers) {
    HF_TRY(read_inference(subject, answers.front()));
    const http::Response& response = answers.front().response;
    const std::optional<std::string_view> length = response.headers.get("Content-Length");
    if (!length) return failed_precondition("the body comes in chunks");
    if (*length == fmt::format("{}", response.body.size())) return {};
    return invalid_argument("Content-Length {} of {} bytes", *length, response.body.size());
}

Draft lower_case_header(const Subject& subject) {
    Draft draft = binary_draft(subject);
    draft.headers.set("inference-header-content-length",
                      fmt::format("{}", json::write(draft.object).size()));
    draft.json_length = nullptr;
    return draft;
}

Edit use_lower_case() {
    return [](const Subject& subject, Draft& draft) -> Status {
        draft = lower_case_header(subject);
        return {};
    };
}

}  // namespace

std::vector<Case> binary_cases() {
    return {
        {"inputs", "inputs may come as binary data", source::kBinary, infer_binary(), infers()},
        {"inputs_same", "they mean the same as JSON", source::kBinaryForm,
         after_plain_twice(infer_binary()), same_as_plain()},
        {"inputs_mixed", "the first input as binary data, the others as JSON", source::kBinary,
         first_input_binary(), infers()},
        {"inputs_mixed_same", "and that means the same", source::kBinaryForm,
         after_plain_twice(first_input_binary()), same_as_plain()},
        {"inputs_backwards", "the bytes follow in the order of the inputs", source::kBinaryOrder,
         after_plain_twice(inputs_backwards()), same_as_plain()},
        {"outputs", "binary_data asks for an output as binary data", source::kBinaryData,
         ask_outputs(output_binary(true)), each_is(true)},
        {"outputs_same", "with the values of JSON", source::kBinaryForm,
         after_plain_twice(ask_outputs(output_binary(true))), same_as_plain()},
        {"outputs_backwards", "the bytes follow in the order of the outputs", source::kBinaryOrder,
         after_plain_twice(ask_outputs(set_outputs(true, json::Object{{"binary_data", true}}))),
         same_as_plain()},
        {"outputs_false", "binary_data of false asks for JSON", source::kBinaryData,
         ask_outputs(output_binary(false)), each_is(false)},
        {"outputs_all", "binary_data_output asks for all of them so", source::kBinaryOutput,
         ask_outputs(binary_output(true)), each_is(true)},
        {"outputs_all_same", "with the values of JSON", source::kBinaryForm,
         after_plain_twice(ask_outputs(binary_output(true))), same_as_plain()},
        {"outputs_all_false", "binary_data_output of false asks for JSON", source::kBinaryOutput,
         ask_outputs(binary_output(false)), each_is(false)},
        {"output_overrides_true", "binary_data of false overrides binary_data_output of true",
         source::kBinaryOverride, ask_outputs(all({binary_output(true), output_binary(false)})),
         each_is(false)},
        {"output_overrides_false", "binary_data of true overrides binary_data_output of false",
         source::kBinaryOverride, ask_outputs(all({binary_output(false), output_binary(true)})),
         each_is(true)},
        {"first_output_only", "the first output as binary data, the others as JSON",
         source::kBinaryData, ask_outputs(first_differs(true)), first_is(true)},
        {"all_but_first_output", "the first output as JSON, the others as binary data",
         source::kBinaryData, ask_outputs(first_differs(false)), first_is(false)},
        {"both_ways", "inputs and outputs as binary data", source::kBinary,
         infer_binary(binary_output(true)), each_is(true)},
        {"json_inputs_json_outputs", "binary inputs do not ask for binary outputs",
         source::kBinaryData, infer_binary(), each_is(false)},
        {"json_length", "an answer with binary data tells the length of its JSON",
         source::kBinaryHeader, ask_outputs(binary_output(true)), says_json_length},
        {"body_length", "and its Content-Length is that of all of it", source::kBinaryLength,
         ask_outputs(binary_output(true)), says_body_length},
        {"header_case", "the header's name goes in any case", source::kFieldCase,
         infer_binary(use_lower_case()), infers()},
        {"id", "the id comes back with binary data too", source::kId,
         infer_binary(all({set("id", "b-1"), binary_output(true)})),
         infers_and([](const Subject&, const AnswerRead& read) -> Status {
             const json::Value* id = read.object.if_contains("id");
             return id && *id == json::Value("b-1") ? Status()
                                                    : invalid_argument("/id: want 'b-1'");
         })},
        {"length_without_data", "the header on a request all of JSON is answered",
         source::kBinaryHeader, ask_outputs([](const Subject&, Draft& draft) -> Status {
             draft.json_length = [](std::size_t json, std::size_t) {
                 return fmt::format("{}", json);
             };
             return {};
         }),
         infers()},
        {"json_type", "Content-Type application/json with binary data is answered, or refused",
         source::kBinary, infer_binary(set_header("Content-Type", "application/json")), either()},
    };
}

}  // namespace hf::serve::conform
