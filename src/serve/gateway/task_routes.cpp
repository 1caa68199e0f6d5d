#include "serve/gateway/task_routes.h"

#include "http/url.h"
#include "serve/gateway/named_service.h"
#include "serve/tasks/ask.h"
#include "serve/tasks/embeddings_route.h"

namespace hf::serve::gateway {
namespace {

http::Response ask_task(Gateway& gateway, const http::Request& request, bool inference) {
    Errand errand;
    errand.service = request.path_parameter("service");
    errand.path = "/v1/tasks/" + http::percent_encode(errand.service);
    errand.inference = inference;
    errand.task = true;
    Result<http::Response> response = gateway.forward(request, errand);
    return response.ok() ? std::move(*response) : refusal(response.status());
}

Result<http::Response> embed(Gateway& gateway, const http::Request& request) {
    HF_TRY(tasks::check_plain(request));
    Errand errand;
    errand.service = HF_TRY(named_service(as_text(request.body)));
    errand.path = "/v1/embeddings";
    errand.inference = true;
    errand.task = true;
    return gateway.forward(request, errand);
}

// A gateway's own word, in the form that this API's clients read.
http::Response embeddings_refusal(const Status& status) {
    http::Response response = refusal(status);
    response.body = tasks::embeddings_error(status).body;
    return response;
}

}  // namespace

void add_task_routes(http::Router& router, Gateway& gateway) {
    router.add("POST", "/v1/tasks/{service}", [&gateway](const http::Request& request) {
        return ask_task(gateway, request, true);
    });
    router.add("GET", "/v1/tasks/{service}", [&gateway](const http::Request& request) {
        return ask_task(gateway, request, false);
    });
    router.add("POST", "/v1/embeddings", [&gateway](const http::Request& request) {
        Result<http::Response> response = embed(gateway, request);
        return response.ok() ? std::move(*response) : embeddings_refusal(response.status());
    });
}

}  // namespace hf::serve::gateway
