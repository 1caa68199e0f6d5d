// grpc.reflection.v1.ServerReflection (and v1alpha, which has the same messages): tells tools such
// as grpcurl which services there are and what their messages look like. From any thread.

#pragma once

#include <string_view>

#include "serve/grpc/call.h"

namespace hf::serve::grpc {

// One message of a client's stream. What cannot be told is answered with an error of its own, and
// the stream goes on.
Result<Reply> reflect(const Call& call);

bool is_service(std::string_view name);  // one of those that are told of

}  // namespace hf::serve::grpc
