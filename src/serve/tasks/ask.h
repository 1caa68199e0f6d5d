// An inference on behalf of a task: what routes of tasks have in common.
//
// Thread-safety: all functions from any thread.

#pragma once

#include <functional>
#include <memory>

#include "http/reply.h"
#include "serve/inference.h"
#include "serve/tasks/task.h"

namespace hf::serve::tasks {

// NOT_FOUND says how one is declared.
Result<const Task*> task_of(const ModelHost& host);

// That a request's body is sent as it is, and not compressed.
Status check_plain(const http::Request& request);

// What a route asks of a model by its task, and how it tells what comes of it.
struct Question {
    std::shared_ptr<ModelHost> host;
    const Task* task;  // the host's
    std::shared_ptr<const http::Request> by;
    std::function<json::Object(json::Object members)> answer;  // around those of the task's answer
    std::function<http::Response(const Status& status)> error;
};

// Answers once, before it returns or later, with the headers that say whose answer it is. `body` is
// there until it returns.
void ask(const Services& services, const Question& question, const Body& body,
         const http::Reply& reply);

}  // namespace hf::serve::tasks
