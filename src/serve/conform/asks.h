// What cases send: functions that make an Ask, short enough for tables of cases to read like a
// list. Pure.
//
// Texts of requests hold places that are filled in from the subject: {base} before "/v2", {model}
// and {version} as they stand in a path, {host} the line of the Host header and of those that the
// user adds, {body} an inference request in JSON, {length} its bytes and {hexlength} the same in
// hexadecimal. What stands in other braces is left as it is. An Ask of {version} is skipped where
// the model announces none.

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "serve/conform/case.h"

namespace hf::serve::conform {

inline constexpr const char* kInferPath = "/v2/models/{model}/infer";

// An inference request that is being written.
struct Draft {
    std::string path = kInferPath;
    json::Object object;
    Bytes binary;  // after the JSON
    http::Headers headers;

    // Changes the text of the JSON, when set.
    std::function<std::string(std::string json)> rewrite;

    // The value of Inference-Header-Content-Length, when set, from the sizes of the JSON and of all
    // of the body.
    std::function<std::string(std::size_t json, std::size_t all)> json_length;
};

// Changes a draft; FAILED_PRECONDITION when this model has nothing to change.
using Edit = std::function<Status(const Subject& subject, Draft& draft)>;

// What a request has of one input, and in which form.
struct Sent {
    Tensor tensor;
    bool binary = false;
};

// The examples of every input, all in one form.
std::vector<Sent> examples(const Subject& subject, bool binary);

// A request of these, one an input, with outputs left to the server.
Draft draft_of(const Subject& subject, const std::vector<Sent>& inputs);

inline Draft json_draft(const Subject& subject) {
    return draft_of(subject, examples(subject, false));
}
inline Draft binary_draft(const Subject& subject) {
    return draft_of(subject, examples(subject, true));
}

// An array of this one value; braces would do, but not for arrays of arrays.
json::Array list_of(json::Value value);

Result<std::string> fill_places(const Subject& subject, std::string_view text);
Result<std::string> write_request(const Subject& subject, const Draft& draft);

Ask get(std::string path);
Ask request(std::string method, std::string path, std::string body = {});  // a body is JSON

// The bytes as they stand, each part after the answer to the one before on one connection.
Ask raw(std::string text);
Ask raw_each(std::vector<std::string> texts);

Ask infer(Edit edit = {});
Ask infer_binary(Edit edit = {});  // skipped unless binary_tensor_data is announced

// With these parameters alone, also of a model that keeps state.
Ask infer_in_sequence(json::Object parameters);

// A body that is no request; and one whose JSON text was changed.
Ask infer_text(std::string body);
Ask infer_rewritten(std::function<std::string(std::string json)> rewrite);

// Each on a connection of its own, after the answers to those before.
Ask in_turn(std::vector<Ask> asks);

// Answers 0 and 1 are to the plain JSON request; the rest are to these.
Ask after_plain_twice(Ask ask);

// After the turns of `ask`, whether the server is live, on another connection.
Ask then_live(Ask ask);

// The last turn changed.
Ask with_turn(Ask ask, std::function<void(http::WireTurn& turn)> change);

// Skipped, with the reason, unless the server announces the extension.
Ask when_announced(std::string extension, Ask ask);

// Edits, which tables put together.
Edit all(std::vector<Edit> edits);
Edit set(std::string key, json::Value value);
Edit leave_out(std::string key);
Edit set_input(std::string key, json::Value value);  // of the first input
Edit leave_out_of_input(std::string key);
Edit rename_input(std::string name);
// Every output by name, each with these parameters if any.
Edit set_outputs(bool backwards, std::optional<json::Object> parameters = {});
Edit set_header(std::string name, std::string value);

// Of the first input: from its data or its extents.
Edit change_data(std::function<json::Value(const json::Array& flat)> change);
Edit change_shape(std::function<json::Array(const Shape& extents)> change);

// The data of every input as nested arrays, of the form of its shape.
Edit nest_data();
json::Value nested(const json::Array& flat, const Shape& shape);

}  // namespace hf::serve::conform
