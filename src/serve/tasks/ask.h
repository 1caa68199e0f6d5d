// An inference on behalf of a task: what routes of tasks have in common.
//
// Thread-safety: all functions from any thread.

#pragma once

#include "serve/inference.h"
#include "serve/tasks/task.h"

namespace hf::serve::tasks {

// NOT_FOUND says how one is declared.
Result<const Task*> task_of(const ModelHost& host);

// What says so, marked for gateways (kNoTaskHeader).
http::Response with_no_task(http::Response refusal);

// That a request's body is sent as it is, and not compressed.
Status check_plain(const http::Request& request);

// For all outputs of the model. Takes the inputs.
InferRequest whole_answer_of(Prepared& prepared, const ModelHost& host);

// The response, with the headers that say whose answer it is. An error means: no answer.
Result<http::Response> account_for(const Services& services, const Answering& answering,
                                   http::Response response);

}  // namespace hf::serve::tasks
