#include "serve/gateway/grpc_routes.h"

#include "base/text.h"
#include "http/http2.h"
#include "serve/gateway/service_index.h"
#include "serve/grpc/call.h"
#include "serve/grpc/over_rest.h"
#include "serve/grpc/reflection.h"
#include "serve/grpc/repository_message.h"
#include "serve/inference.h"

namespace hf::serve::gateway {
namespace {

using GrpcCall = grpc::Call;
using SharedCall = std::shared_ptr<const GrpcCall>;
using grpc::Reply;

// Headers of an answer that are parameters of it over gRPC, and metadata.
constexpr std::string_view kOurHeaders = "holdfast-";

constexpr Duration kRetryAfter = std::chrono::seconds(1);  // as refusal() says over REST

// Headers that say what came, of which nothing goes on.
constexpr const char* kOfTheMessage[] = {"Content-Type", "Content-Encoding", "Accept",
                                         "Inference-Header-Content-Length"};

http::Request request_of(const GrpcCall& call) {
    http::Request request;
    request.method = "GET";
    request.headers = call.request.headers;
    for (const char* name : kOfTheMessage) request.headers.remove(name);
    request.given_up = call.request.given_up;
    if (call.deadline == Duration::max()) return request;
    const auto left =
        std::chrono::floor<std::chrono::milliseconds>(call.deadline - call.clock.monotonic());
    request.headers.set(kTimeoutHeader, fmt::format("{}", std::max<std::int64_t>(0, left.count())));
    return request;
}

// Who is turned away for want of room is told when to come again.
Result<Reply> refused(const Status& status, std::optional<Duration> retry_after) {
    if (!retry_after) return status;
    Reply reply;
    reply.refused = status;
    reply.retry_after = *retry_after;
    return reply;
}

// The answer's own word on itself, twice: in its parameters, and in the metadata before it.
struct Told {
    json::Object parameters;
    http::Headers metadata;
};
Told told_by(const http::Response& response) {
    Told told;
    for (const auto& [name, value] : response.headers.all()) {
        const std::string key = to_lower(name);
        if (!key.starts_with(kOurHeaders)) continue;
        told.parameters[key] = value;
        told.metadata.set(key, value);
    }
    told.metadata.set(kNodeHeader, std::string(response.headers.get(kNodeHeader).value_or("")));
    return told;
}

Result<Reply> infer(Gateway& gateway, const GrpcCall& call) {
    const grpc::InferCall asked = HF_TRY(grpc::read_infer_call(call.message));
    InferenceCall rest = HF_TRY(grpc::write_rest_request(asked));
    http::Request request = request_of(call);
    request.method = "POST";
    request.headers.set("Content-Type", "application/octet-stream");
    request.headers.set("Inference-Header-Content-Length", fmt::format("{}", rest.json_bytes));
    request.body = std::move(rest.body);
    const Result<http::Response> response =
        gateway.forward(request, model_errand({asked.model_name, asked.model_version}, "/infer"));
    if (!response.ok()) {
        const bool busy = response.status().code() == Code::kUnavailable;
        return refused(response.status(), busy ? std::optional(kRetryAfter) : std::nullopt);
    }
    if (response->status != 200) {
        return refused(grpc::status_of_rest(*response), grpc::retry_after_of_rest(*response));
    }
    Told told = told_by(*response);
    Reply reply;
    reply.message = HF_TRY(grpc::write_answer_of_rest(asked, *response, told.parameters));
    reply.metadata = std::move(told.metadata);
    return reply;
}

// What fails is answered so, and the stream goes on.
Result<Reply> infer_in_stream(Gateway& gateway, const GrpcCall& call) {
    const Result<Reply> reply = infer(gateway, call);
    const Status status = reply.ok() ? reply->refused : reply.status();
    if (status.ok()) return Reply{grpc::wrap_in_stream(reply->message)};
    HF_TRY(call.check());
    return Reply{grpc::write_stream_error(status.to_string())};
}

// Whether a replica of the service says that it is ready; none does where none can be asked.
Result<bool> is_ready(Gateway& gateway, const GrpcCall& call, const ModelName& model) {
    const Result<http::Response> response =
        gateway.forward(request_of(call), model_errand(model, "/ready"));
    const Status status = response.ok() ? Status() : response.status();
    if (status.code() == Code::kUnavailable) return false;
    HF_TRY(status);
    if (response->status != 404) return response->status == 200;
    if (model.version.empty()) return not_found("service '{}' is not there", model.service);
    return not_found("service '{}' is not there in version '{}'", model.service, model.version);
}

Result<Reply> model_ready(Gateway& gateway, const GrpcCall& call) {
    const grpc::ModelName model = HF_TRY(grpc::read_model_name(call.message));
    const bool ready = HF_TRY(is_ready(gateway, call, {model.name, model.version}));
    return Reply{grpc::write_truth(ready)};
}

Result<Reply> model_metadata(Gateway& gateway, const GrpcCall& call) {
    const grpc::ModelName model = HF_TRY(grpc::read_model_name(call.message));
    const http::Response response =
        HF_TRY(gateway.forward(request_of(call), model_errand({model.name, model.version}, "")));
    if (response.status != 200) return grpc::status_of_rest(response);
    Reply reply;
    reply.message = HF_TRY(grpc::write_metadata_of_rest(as_text(response.body)));
    reply.metadata = told_by(response).metadata;
    return reply;
}

Result<Reply> repository_index(const Gateway& gateway, const GrpcCall& call) {
    const bool only_ready = HF_TRY(grpc::read_index_request(call.message));
    std::vector<IndexRow> rows = service_index(gateway);
    if (only_ready) std::erase_if(rows, [](const IndexRow& row) { return row.state != "READY"; });
    return Reply{grpc::write_repository_index(rows)};
}

// Of the gateway, by no name or that of a service of gRPC; of a service of the fleet, by its own.
Result<Reply> health(Gateway& gateway, const GrpcCall& call) {
    const std::string name = HF_TRY(grpc::read_text_at(call.message, 1));
    const bool own = name.empty() || grpc::is_service(name);
    const bool ready = own ? gateway.ready() : HF_TRY(is_ready(gateway, call, {name, ""}));
    return Reply{grpc::write_health(ready ? grpc::Health::kServing : grpc::Health::kNotServing)};
}

}  // namespace

void add_gateway_grpc(http::Router& router, http::ServerOptions& door, Gateway& gateway,
                      const env::Clock& clock) {
    door.http2 = &http::http2();
    door.rephrase = grpc::rephrase;
    const grpc::CallOptions options{clock, door.limits.body_bytes};
    const auto path = [](std::string_view method) {
        return fmt::format("/inference.GRPCInferenceService/{}", method);
    };
    const auto add = [&](std::string_view method, grpc::Method what) {
        grpc::add_unary(router, path(method), options, std::move(what));
    };
    add("ServerLive",
        [](const GrpcCall&) -> Result<Reply> { return Reply{grpc::write_truth(true)}; });
    add("ServerReady", [&gateway](const GrpcCall&) -> Result<Reply> {
        return Reply{grpc::write_truth(gateway.ready())};
    });
    add("ServerMetadata", [](const GrpcCall&) -> Result<Reply> {
        return Reply{
            grpc::write_server_metadata({kServerName, kServerVersion, {"binary_tensor_data"}})};
    });
    add("ModelReady", [&gateway](const GrpcCall& call) { return model_ready(gateway, call); });
    add("ModelMetadata",
        [&gateway](const GrpcCall& call) { return model_metadata(gateway, call); });
    add("RepositoryIndex",
        [&gateway](const GrpcCall& call) { return repository_index(gateway, call); });
    grpc::add_deferred(router, path("ModelInfer"), options,
                       [&gateway](const SharedCall& call, const grpc::Answered& answered) {
                           answered(infer(gateway, *call));
                       });
    grpc::add_stream(router, path("ModelStreamInfer"), options,
                     [&gateway](const SharedCall& call, const grpc::Answered& answered) {
                         answered(infer_in_stream(gateway, *call));
                     });
    grpc::add_unary(router, "/grpc.health.v1.Health/Check", options,
                    [&gateway](const GrpcCall& call) { return health(gateway, call); });
    for (const std::string_view package : {"grpc.reflection.v1", "grpc.reflection.v1alpha"}) {
        grpc::add_stream(router, fmt::format("/{}.ServerReflection/ServerReflectionInfo", package),
                         options, [](const SharedCall& call, const grpc::Answered& answered) {
                             answered(grpc::reflect(*call));
                         });
    }
}

}  // namespace hf::serve::gateway
