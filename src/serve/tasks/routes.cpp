#include "serve/tasks/routes.h"

#include "base/json.h"
#include "serve/tasks/ask.h"
#include "serve/tasks/embeddings_route.h"

namespace hf::serve::tasks {
namespace {

using Host = std::shared_ptr<ModelHost>;

json::Object head_of(const ModelHost& host, const Task& task) {
    return {{"model", host.identity().name},
            {"version", host.identity().version},
            {"task", task.kind()}};
}

http::Response error_of(const Status& status) {
    return http::Response::error(status);
}

void answer(const Services& services, const std::shared_ptr<const http::Request>& request,
            const http::Reply& reply) {
    const Result<Host> host = find_model(services, request->path_parameter("service"), "");
    if (!host.ok()) return reply.send(error_of(host.status()));
    const Result<const Task*> task = task_of(**host);
    if (!task.ok()) return reply.send(error_of(task.status()));
    if (const Status plain = check_plain(*request); !plain.ok()) {
        return reply.send(http::Response::error(415, plain.message()));
    }
    const auto whole = [host = *host, task = *task](const json::Object& members) {
        json::Object object = head_of(*host, *task);
        object.insert(members.begin(), members.end());
        return object;
    };
    const Body body{request->body, request->headers.get("Content-Type").value_or("")};
    ask(services, {*host, *task, request, whole, error_of}, body, reply);
}

http::Response describe(const Services& services, const http::Request& request) {
    const Result<Host> host = find_model(services, request.path_parameter("service"), "");
    if (!host.ok()) return http::Response::error(host.status());
    const Result<const Task*> task = task_of(**host);
    if (!task.ok()) return http::Response::error(task.status());
    json::Object object = head_of(**host, **task);
    const json::Object members = (*task)->describe();
    object.insert(members.begin(), members.end());
    return http::Response::json(200, json::write(object) + "\n");
}

}  // namespace

void add_task_routes(http::Router& router, const Services& services) {
    router.add_deferred("POST", "/v1/tasks/{service}",
                        [services](const std::shared_ptr<const http::Request>& request,
                                   const http::Reply& reply) { answer(services, request, reply); });
    router.add("GET", "/v1/tasks/{service}",
               [services](const http::Request& request) { return describe(services, request); });
    add_embeddings_route(router, services);
}

}  // namespace hf::serve::tasks
