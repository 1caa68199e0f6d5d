#include "serve/tasks/routes.h"

#include "base/json.h"
#include "serve/tasks/ask.h"
#include "serve/tasks/embeddings_route.h"

namespace hf::serve::tasks {
namespace {

using Host = std::shared_ptr<ModelHost>;

Result<http::Response> answer_task(const Services& services, const Task& task, Visit& visit,
                                   const http::Request& request) {
    const Body body{request.body, request.headers.get("Content-Type").value_or("")};
    Result<Prepared> read = task.read(body);
    if (!read.ok()) {
        visit.host().count_refused();
        return read.status();
    }
    Prepared prepared = std::move(*read);
    const InferRequest asked = whole_answer_of(prepared, visit.host());
    const Answering answering = HF_TRY(run_inference(services, visit, asked, request.headers));
    if (!answering.refused.ok()) return refusal_of(answering);
    const json::Object members = HF_TRY(task.write(answering.outputs, prepared));
    json::Object object{{"model", visit.host().identity().name},
                        {"version", visit.host().identity().version},
                        {"task", task.kind()}};
    object.insert(members.begin(), members.end());
    return account_for(services, answering, http::Response::json(200, json::write(object) + "\n"));
}

http::Response ask(const Services& services, const http::Request& request) {
    const Result<Host> host = find_model(services, request.path_parameter("service"), "");
    if (!host.ok()) return http::Response::error(host.status());
    const Result<const Task*> task = task_of(**host);
    if (!task.ok()) return with_no_task(http::Response::error(task.status()));
    if (const Status plain = check_plain(request); !plain.ok()) {
        return http::Response::error(415, plain.message());
    }
    Visit visit(**host, request.waited, account_of(request));
    Result<http::Response> response = answer_task(services, **task, visit, request);
    return response.ok() ? std::move(*response) : http::Response::error(response.status());
}

http::Response describe(const Services& services, const http::Request& request) {
    const Result<Host> host = find_model(services, request.path_parameter("service"), "");
    if (!host.ok()) return http::Response::error(host.status());
    const Result<const Task*> task = task_of(**host);
    if (!task.ok()) return with_no_task(http::Response::error(task.status()));
    json::Object object{{"model", (*host)->identity().name},
                        {"version", (*host)->identity().version},
                        {"task", (*task)->kind()}};
    const json::Object members = (*task)->describe();
    object.insert(members.begin(), members.end());
    return http::Response::json(200, json::write(object) + "\n");
}

}  // namespace

void add_task_routes(http::Router& router, const Services& services) {
    router.add("POST", "/v1/tasks/{service}",
               [services](const http::Request& request) { return ask(services, request); });
    router.add("GET", "/v1/tasks/{service}",
               [services](const http::Request& request) { return describe(services, request); });
    add_embeddings_route(router, services);
}

}  // namespace hf::serve::tasks
