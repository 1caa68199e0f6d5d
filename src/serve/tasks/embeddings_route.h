// POST /v1/embeddings as OpenAI's API has it: {"model", "input", "encoding_format"} in, a list of
// embeddings out. Errors have that API's form too: {"error": {"message", "type", "code"}}.

#pragma once

#include "http/server.h"
#include "serve/inference.h"

namespace hf::serve::tasks {

// REQUIRES: an error.
http::Response embeddings_error(const Status& status);

// REQUIRES: as add_task_routes().
void add_embeddings_route(http::Router& router, const Services& services);

}  // namespace hf::serve::tasks
