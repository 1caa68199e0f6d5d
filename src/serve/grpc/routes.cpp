#include "serve/grpc/routes.h"

#include "base/json.h"
#include "http/http2.h"
#include "serve/account.h"
#include "serve/gateway/forwarding.h"
#include "serve/grpc/call.h"
#include "serve/grpc/health_watch.h"
#include "serve/grpc/infer_call.h"
#include "serve/grpc/log_method.h"
#include "serve/grpc/messages.h"
#include "serve/grpc/reflection.h"
#include "serve/grpc/repository_message.h"
#include "serve/grpc/shared_memory_routes.h"
#include "serve/grpc/statistics_message.h"
#include "serve/grpc/trace_method.h"
#include "serve/oip_client.h"
#include "serve/repository_calls.h"
#include "serve/shared_memory/regions.h"
#include "serve/statistics_route.h"
#include "serve/unknown_model.h"

namespace hf::serve::grpc {
namespace {

using Host = std::shared_ptr<ModelHost>;

Result<Reply> server_metadata(const Services& services) {
    return Reply{write_server_metadata({kServerName, kServerVersion, extensions_of(services)})};
}

// What REST's paths say, and the server's gate has looked at, stands in the message here.
Status check_access(const Services& services, const Call& call, Right right,
                    std::string_view model = "") {
    const Access* const access = services.with.access;
    return access ? access->check(call.request.headers, right, model) : Status();
}

// Of a message in a stream; of a call with one message the gate has.
Status check_rate(const Services& services, const Call& call) {
    const Access* const access = services.with.access;
    if (!access || !services.with.limits) return {};
    Duration wait{};
    return access->check_rate(call.request.headers, *services.with.limits, wait);
}

Result<Reply> model_ready(const Services& services, const Call& call) {
    const ModelName model = HF_TRY(read_model_name(call.message));
    HF_TRY(check_access(services, call, Right::kInfer, model.name));
    const ModelRepository* const repository = services.with.repository;
    if (repository && repository->why_not(model.name, model.version)) {
        return Reply{write_truth(false)};
    }
    const Host host = HF_TRY(find_model(services, model.name, model.version));
    return Reply{write_truth(services.models.ready() && host->ready())};
}

Result<Reply> model_metadata(const Services& services, const Call& call) {
    const ModelName model = HF_TRY(read_model_name(call.message));
    HF_TRY(check_access(services, call, Right::kInfer, model.name));
    const Host host = HF_TRY(find_model(services, model.name, model.version));
    const ModelHost::Identity& identity = host->identity();
    ModelMetadata metadata{identity.name,
                           versions_beside(services.models, *host),
                           identity.platform,
                           host->signature(),
                           {}};
    for (const auto& [key, value] : properties_of(*host)) {
        metadata.properties.emplace_back(std::string_view(key.data(), key.size()),
                                         json::as_view(value.get_string()));
    }
    return Reply{write_model_metadata(metadata)};
}

Result<Reply> model_statistics(const Services& services, const Call& call) {
    HF_TRY(check_access(services, call, Right::kObserve));
    const ModelName model = HF_TRY(read_model_name(call.message));
    return Reply{write_statistics(HF_TRY(find_models(services, model.name, model.version)))};
}

Result<Reply> repository_index(const Services& services, const Call& call) {
    HF_TRY(check_access(services, call, Right::kObserve));
    const bool only_ready = HF_TRY(read_index_request(call.message));
    return Reply{write_repository_index(index_of(services, only_ready))};
}

Result<Reply> change_repository(const Services& services, const Call& call, Change change) {
    const ChangeRequest request = HF_TRY(read_change_request(call.message, change));
    HF_TRY(check_access(services, call, Right::kLoad, request.model));
    const ChangeOf of{request.model, change, request.terms};
    HF_TRY(check_members(services, of, call.request.headers));
    HF_TRY(change_model(services, of));
    return Reply{write_change_answer(request)};
}

// The headers by which a cascade knows how long the caller waits.
http::Headers with_deadline(const Call& call) {
    http::Headers headers = call.request.headers;
    if (call.deadline == Duration::max()) return headers;
    const auto left =
        std::chrono::floor<std::chrono::milliseconds>(call.deadline - call.clock.monotonic());
    headers.set(gateway::kTimeoutHeader,
                fmt::format("{}", std::max<std::int64_t>(0, left.count())));
    return headers;
}

// What the answer says, and its receipt.
Result<Reply> reply_of(const Services& services, const Call& call, const InferCall& asked,
                       const Answering& answering) {
    HF_TRY(answering.refused);
    HF_TRY(call.check());
    Reply reply;
    const ModelHost& host = answering.host;
    HF_TRY(write_regions(services.with.regions, answering.request, answering.outputs));
    Answer answer{host.identity().name, host.identity().version, answering.outputs};
    if (answering.cascade) answer.parameters = answering.cascade->parameters();
    const auto add = [&](const std::string& name, const std::string& value) {
        if (value.empty()) return;
        answer.parameters[name] = value;
        reply.metadata.set(name, value);
    };
    add(kModelDigestHeader, digests_of(answering));
    if (answering.cached) add(std::string(kCacheHeader), "hit");
    add(std::string(kGuardHeader), guard_summary(answering));
    if (answering.composed) add(std::string(kStepsHeader), answering.composed->summary);
    add(std::string(kReceiptHeader), HF_TRY(add_receipt(services, answering)));
    reply.message = write_infer_answer(asked, answering.request, answer, host.signature());
    return reply;
}

// Who is turned away because too much waits is told when to come again.
Result<Reply> refusal_of(const Services& services, const ModelHost& host, const Status& status) {
    if (status.code() != Code::kResourceExhausted) return status;
    Reply reply;
    reply.refused = status;
    reply.retry_after = retry_after_of(services, host);
    return reply;
}

// A call and the model that it is for, which the caller may ask.
struct Addressed {
    InferCall call;
    Host host;
};

Result<Addressed> address(const Services& services, const Call& call) {
    InferCall asked = HF_TRY(read_infer_call(call.message));
    HF_TRY(check_access(services, call, Right::kInfer, asked.model_name));
    Host host = HF_TRY(find_model(services, asked.model_name, asked.model_version));
    return Addressed{std::move(asked), std::move(host)};
}

void infer(const Services& services, const std::shared_ptr<const Call>& call,
           const Answered& answered) {
    Result<Addressed> addressed = address(services, *call);
    if (!addressed.ok()) return answered(addressed.status());
    const auto said = std::make_shared<const InferCall>(std::move(addressed->call));
    auto asked = std::make_shared<Asked>(
        addressed->host, std::shared_ptr<const http::Request>(call, &call->request));
    Result<InferRequest> request =
        to_infer_request(*said, asked->host->signature(), services.with.regions);
    if (!request.ok()) {
        asked->host->count_refused();
        asked->visit.end();
        return answered(request.status());
    }
    asked->request = std::move(*request);
    if (services.with.cascades) asked->headers = with_deadline(*call);
    asked->start_by = call->deadline;
    run_inference(services, std::move(asked),
                  [services, call, said, answered](const std::shared_ptr<Asked>& of,
                                                   const Result<Answering>& answering) {
                      Result<Reply> reply =
                          answering.ok() ? reply_of(services, *call, *said, *answering)
                                         : refusal_of(services, *of->host, answering.status());
                      of->visit.end();
                      answered(std::move(reply));
                  });
}

// A request that fails is answered so, and the stream goes on.
Result<Reply> in_stream(const Call& call, const Result<Reply>& reply) {
    const Status status = reply.ok() ? reply->refused : reply.status();
    if (status.ok()) return Reply{wrap_in_stream(reply->message)};
    HF_TRY(call.check());
    return Reply{write_stream_error(status.to_string())};
}

void infer_in_stream(const Services& services, const std::shared_ptr<const Call>& call,
                     const Answered& answered) {
    const Status in_time = check_rate(services, *call);
    if (!in_time.ok()) return answered(in_stream(*call, in_time));
    infer(services, call,
          [call, answered](const Result<Reply>& reply) { answered(in_stream(*call, reply)); });
}

Result<Reply> health(const Services& services, const Call& call) {
    const std::string service = HF_TRY(read_text_at(call.message, 1));
    const Health health = health_of(services, call.request.headers, service);
    if (health == Health::kServiceUnknown) {
        return not_found("there is no service or model '{}' here", service);
    }
    return Reply{write_health(health)};
}

}  // namespace

void add_grpc(http::Router& router, http::ServerOptions& door, const Services& services,
              const env::Clock& clock) {
    door.http2 = &http::http2();
    door.rephrase = rephrase;
    const CallOptions options{clock, door.limits.body_bytes};
    const auto add = [&](std::string_view name, Method method) {
        add_unary(router, fmt::format("/inference.GRPCInferenceService/{}", name), options,
                  std::move(method));
    };
    add("ServerLive", [](const Call&) -> Result<Reply> { return Reply{write_truth(true)}; });
    add("ServerReady", [services](const Call&) -> Result<Reply> {
        return Reply{write_truth(is_ready(services))};
    });
    add("ServerMetadata", [services](const Call&) { return server_metadata(services); });
    add("ModelReady", [services](const Call& call) { return model_ready(services, call); });
    add("ModelMetadata", [services](const Call& call) { return model_metadata(services, call); });
    add_deferred(router, "/inference.GRPCInferenceService/ModelInfer", options,
                 [services](const std::shared_ptr<const Call>& call, const Answered& answered) {
                     infer(services, call, answered);
                 });
    add("ModelStatistics",
        [services](const Call& call) { return model_statistics(services, call); });
    add("RepositoryIndex",
        [services](const Call& call) { return repository_index(services, call); });
    add("RepositoryModelLoad",
        [services](const Call& call) { return change_repository(services, call, Change::kLoad); });
    add("RepositoryModelUnload", [services](const Call& call) {
        return change_repository(services, call, Change::kUnload);
    });
    add_shared_memory_methods(router, services, options);
    add("TraceSetting", [services](const Call& call) { return trace_setting(services, call); });
    add("LogSettings", [services](const Call& call) { return log_settings(services, call); });
    add_stream(router, "/inference.GRPCInferenceService/ModelStreamInfer", options,
               [services](const std::shared_ptr<const Call>& call, const Answered& answered) {
                   infer_in_stream(services, call, answered);
               });
    add_unary(router, "/grpc.health.v1.Health/Check", options,
              [services](const Call& call) { return health(services, call); });
    add_answers(router, "/grpc.health.v1.Health/Watch", options,
                [watches = std::make_shared<HealthWatches>(services, clock)](
                    const Call& call) -> Result<std::unique_ptr<Answers>> {
                    return watches->watch(call, HF_TRY(read_text_at(call.message, 1)));
                });
    for (const std::string_view package : {"grpc.reflection.v1", "grpc.reflection.v1alpha"}) {
        add_stream(router, fmt::format("/{}.ServerReflection/ServerReflectionInfo", package),
                   options, [](const std::shared_ptr<const Call>& call, const Answered& answered) {
                       answered(reflect(*call));
                   });
    }
}

}  // namespace hf::serve::grpc
