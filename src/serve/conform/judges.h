// What answers must be: functions that make a Judge, and what they are made of. Pure.
//
// Every message says what came where, as a JSON pointer: "/outputs/0/shape: want 2x4, came 1x4".

#pragma once

#include <string>
#include <vector>

#include "serve/conform/case.h"

namespace hf::serve::conform {

// An output in an answer, once it was held against the model's metadata.
struct OutputRead {
    std::string name;
    Tensor tensor;
    bool binary = false;
};

struct AnswerRead {
    json::Object object;  // $inference_response
    std::vector<OutputRead> outputs;
};

// The JSON object of a 200; the JSON of an answer by itself.
Result<json::Object> read_object(const http::WireAnswer& answer);

// A whole $inference_response: model_name, versions, parameters, and of each output its name,
// datatype, shape and data, in JSON or as binary data, as the model's metadata announce them.
Result<AnswerRead> read_inference(const Subject& subject, const http::WireAnswer& answer);

// That the outputs are these, in any order.
Status check_names(const AnswerRead& read, std::vector<std::string> wanted);
std::vector<std::string> output_names(const Subject& subject);

// OK when both have the same outputs with the same values: floats within what a decimal text and
// one more rounding to the type leave.
Status check_same(const AnswerRead& got, const AnswerRead& want);

// An HTTP error status with $inference_error_response, or whichever of these objects it is.
Status check_error(const http::WireAnswer& answer);

// Judges of the first answer, unless they say more.
Judge status_is(int status);
Judge status_from(int least, int most);
Judge infers();           // an inference with every output
Judge refuses();          // check_error()
Judge either();           // one of these two: the standard leaves the choice
Judge refused_by_http();  // a 4xx or 5xx with any body, or a connection that closed: never 2xx
Judge infers_or(std::vector<int> statuses);  // an inference, or one of these statuses

// After after_plain_twice(): the third answer has the values of the first. Skipped where the first
// two differ: the model does not give the same twice.
Judge same_as_plain();

// The last answer is a 200, after what `judge` wants of the others. For then_live().
Judge and_lives(Judge judge);

// An answer of the inference, and this of it.
using Look = std::function<Status(const Subject& subject, const AnswerRead& read)>;
Judge infers_and(Look look);

// A 200 with a JSON object, and this of it.
using ObjectLook = std::function<Status(const Subject& subject, const json::Object& object)>;
Judge object_and(ObjectLook look);

// All of them; the first that is not OK says so.
Judge both(std::vector<Judge> judges);

// For people: "200 {"live":true}", cut where it gets long.
std::string describe(const http::WireAnswer& answer);

}  // namespace hf::serve::conform
