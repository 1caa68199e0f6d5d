// Calls of gRPC as the requests of REST that ask the same, with binary tensor data, and the answers
// back: for whoever passes calls on to servers that may speak REST and nothing else. What only a
// server knows, the model's signature, is left to it: it refuses by the same places in the request
// ("/inputs/0/shape: ..."), as they are the same in both.
//
// Pure functions. What does not read of a call is INVALID_ARGUMENT; of an answer, INTERNAL.

#pragma once

#include <optional>
#include <string_view>

#include "base/json.h"
#include "http/message.h"
#include "serve/grpc/infer_call.h"
#include "serve/oip_client.h"

namespace hf::serve::grpc {

// Of POST .../infer.
Result<InferenceCall> write_rest_request(const InferCall& call);

// ModelInferResponse in the form of its request. `more`: parameters that it has besides those of
// the answer. REQUIRES: the response's status is 200.
Result<Bytes> write_answer_of_rest(const InferCall& call, const http::Response& response,
                                   const json::Object& more);

// ModelMetadataResponse of what GET /v2/models/NAME answers.
Result<Bytes> write_metadata_of_rest(std::string_view body);

// What a refusal says, and under which code. REQUIRES: the response's status is not 200.
Status status_of_rest(const http::Response& response);

// How long the caller is asked to wait; nullopt where nothing is said, or no whole seconds.
std::optional<Duration> retry_after_of_rest(const http::Response& response);

}  // namespace hf::serve::grpc
