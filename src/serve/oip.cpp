#include "serve/oip.h"

#include "base/json.h"
#include "base/text.h"
#include "serve/compare_route.h"
#include "serve/metrics.h"
#include "serve/oip_client.h"
#include "serve/repository_calls.h"
#include "serve/shared_memory/regions.h"
#include "serve/statistics_route.h"
#include "serve/unknown_model.h"

namespace hf::serve {
namespace {

constexpr std::string_view kLengthHeader = "Inference-Header-Content-Length";

using Host = std::shared_ptr<ModelHost>;

http::Response answer(const json::Value& value, int status = 200) {
    return http::Response::json(status, json::write(value) + "\n");
}

Result<Host> find_model(const Services& services, const http::Request& request) {
    return serve::find_model(services, request.path_parameter("model"),
                             request.path_parameter("version"));
}

json::Array describe(const std::vector<runtime::Port>& ports) {
    json::Array rows;
    for (const runtime::Port& port : ports) {
        json::Array shape;
        for (std::int64_t extent : port.shape) shape.emplace_back(extent);
        rows.push_back(
            {{"name", port.name}, {"datatype", oip_name(port.dtype)}, {"shape", std::move(shape)}});
    }
    return rows;
}

http::Response server_metadata(const Services& services) {
    json::Array extensions;
    for (std::string_view extension : extensions_of(services)) extensions.emplace_back(extension);
    return answer(json::Object{
        {"name", kServerName}, {"version", kServerVersion}, {"extensions", std::move(extensions)}});
}

http::Response model_metadata(const Services& services, const http::Request& request) {
    const Result<Host> host = find_model(services, request);
    if (!host.ok()) return http::Response::error(host.status());
    const ModelHost::Identity& identity = (*host)->identity();
    json::Array versions;
    for (std::string& version : versions_beside(services.models, **host)) {
        versions.emplace_back(std::move(version));
    }
    return answer(json::Object{{"name", identity.name},
                               {"versions", std::move(versions)},
                               {"platform", identity.platform},
                               {"inputs", describe((*host)->signature().inputs)},
                               {"outputs", describe((*host)->signature().outputs)},
                               {"properties", properties_of(**host)}});
}

// The field names are those that clients look for: KServe reads "ready" and "live", others only the
// status.
http::Response readiness(const Services& services) {
    const bool ready = is_ready(services);
    return answer(json::Object{{"live", true}, {"ready", ready}}, ready ? 200 : 503);
}

http::Response model_ready(const Services& services, const http::Request& request) {
    const Result<Host> host = find_model(services, request);
    const bool ready = host.ok() && services.models.ready() && (*host)->ready();
    return answer(json::Object{{"name", request.path_parameter("model")}, {"ready", ready}},
                  !host.ok() ? 404 : (ready ? 200 : 503));
}

Result<std::optional<std::size_t>> json_length(const http::Request& request) {
    const std::optional<std::string_view> header = request.headers.get(kLengthHeader);
    if (!header) return std::optional<std::size_t>();
    const std::int64_t length = HF_TRY(parse_int(*header).context("{}", kLengthHeader));
    if (length < 0) return invalid_argument("{} is negative", kLengthHeader);
    return std::optional<std::size_t>(static_cast<std::size_t>(length));
}

// What the body says it is; curl sends a form's type unless told otherwise.
Status check_media_type(const http::Request& request) {
    const std::string_view encoding = request.headers.get("Content-Encoding").value_or("identity");
    if (encoding != "identity") {
        return invalid_argument("Content-Encoding '{}' is not read here; send the body as it is",
                                encoding);
    }
    const std::string_view header = request.headers.get("Content-Type").value_or("");
    const std::string type = to_lower(trim(header.substr(0, header.find(';'))));
    for (std::string_view known : {"", "application/json", "application/octet-stream",
                                   "application/x-www-form-urlencoded", "text/plain"}) {
        if (type == known) return {};
    }
    return invalid_argument(
        "Content-Type '{}' is not read here; send application/json, or "
        "application/octet-stream where binary data follows",
        type);
}

Result<InferRequest> parse(const Services& services, const ModelHost& host,
                           const http::Request& request) {
    const std::optional<std::size_t> length = HF_TRY(json_length(request));
    return parse_infer_request(request.body, length, host.signature(), services.with.regions);
}

Result<http::Response> write_answer(const Services& services, const Answering& answering) {
    const ModelHost::Identity& identity = answering.host.identity();
    HF_TRY(write_regions(services.with.regions, answering.request, answering.outputs));
    Answer answer{identity.name, identity.version, answering.outputs};
    if (answering.cascade) answer.parameters = answering.cascade->parameters();
    const std::string guarded = guard_summary(answering);
    if (!guarded.empty()) answer.parameters[kGuardHeader] = guarded;
    InferBody body =
        HF_TRY(write_infer_response(answering.request, answer, answering.host.signature()));
    http::Response response;
    response.body = std::move(body.bytes);
    response.headers.add("Content-Type",
                         body.json_bytes ? "application/octet-stream" : "application/json");
    if (body.json_bytes) {
        response.headers.add(std::string(kLengthHeader), std::to_string(*body.json_bytes));
    }
    if (std::string digests = digests_of(answering); !digests.empty()) {
        response.headers.add(kModelDigestHeader, std::move(digests));
    }
    if (!guarded.empty()) response.headers.add(std::string(kGuardHeader), guarded);
    if (answering.cached) response.headers.add(std::string(kCacheHeader), "hit");
    if (answering.composed) {
        response.headers.add(std::string(kStepsHeader), answering.composed->summary);
    }
    std::string receipt = HF_TRY(add_receipt(services, answering));
    if (!receipt.empty()) response.headers.add(std::string(kReceiptHeader), std::move(receipt));
    return response;
}

http::Response error_of(const Services& services, const ModelHost& host, const Status& status) {
    http::Response response = http::Response::error(status);
    add_retry_after(services, host, status, response);
    return response;
}

http::Response answer_of(const Services& services, const ModelHost& host,
                         const Result<Answering>& answering) {
    if (!answering.ok()) return error_of(services, host, answering.status());
    if (!answering->refused.ok()) return refusal_of(*answering);
    Result<http::Response> response = write_answer(services, *answering);
    return response.ok() ? std::move(*response) : http::Response::error(response.status());
}

// What the request asks of the host, and until when it must begin.
Status read_into(Asked& asked, const Services& services) {
    asked.request = HF_TRY(parse(services, *asked.host, *asked.by));
    if (services.with.cascades) asked.headers = asked.by->headers;
    asked.start_by = start_by_of(services, *asked.by);
    return {};
}

void infer(const Services& services, const std::shared_ptr<const http::Request>& request,
           const http::Reply& reply) {
    const Result<Host> host = find_model(services, *request);
    if (!host.ok()) return reply.send(http::Response::error(host.status()));
    auto asked = std::make_shared<Asked>(*host, request);
    const Status media_type = check_media_type(*request);
    const Status read = media_type.ok() ? read_into(*asked, services) : media_type;
    if (!read.ok()) {
        (*host)->count_refused();
        asked->visit.end();
        return reply.send(media_type.ok() ? http::Response::error(read)
                                          : http::Response::error(415, media_type.message()));
    }
    run_inference(services, std::move(asked),
                  [services, reply](const std::shared_ptr<Asked>& of, Result<Answering> answering) {
                      http::Response response = answer_of(services, *of->host, answering);
                      of->visit.end();
                      reply.send(std::move(response));
                  });
}

http::Response receipt(Receipts& receipts, const http::Request& request) {
    const Result<std::string> file = receipts.file(request.path_parameter("id"));
    if (!file.ok()) return http::Response::error(file.status());
    return http::Response::json(200, *file);
}

http::Response metrics(const Services& services) {
    std::string text = models_metrics(services.models);
    if (services.with.receipts) text += services.with.receipts->metrics();
    if (services.with.cascades) text += services.with.cascades->metrics();
    if (services.with.cache) text += services.with.cache->metrics();
    if (services.with.limits) text += services.with.limits->metrics();
    if (services.with.observer) text += services.with.observer->metrics();
    http::Response response = http::Response::text(200, text);
    response.headers.set("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
    return response;
}

}  // namespace

void add_basic_routes(http::Router& router, Models& models, const OipExtras& extras) {
    using Request = http::Request;
    const Services services{models, extras};
    router.add("GET", "/v2", [services](const Request&) { return server_metadata(services); });
    router.add("GET", "/v2/health/live", [](const Request&) {
        return answer(json::Object{{"live", true}});
    });
    router.add("GET", "/v2/health/ready",
               [services](const Request&) { return readiness(services); });
    for (const std::string base : {"/v2/models/{model}", "/v2/models/{model}/versions/{version}"}) {
        router.add("GET", base,
                   [services](const Request& r) { return model_metadata(services, r); });
        router.add("GET", base + "/ready",
                   [services](const Request& r) { return model_ready(services, r); });
        router.add_deferred(
            "POST", base + "/infer",
            [services](const std::shared_ptr<const Request>& request, const http::Reply& reply) {
                infer(services, request, reply);
            });
    }
    router.add("POST", "/v2/models/{model}/compare",
               [&models](const Request& r) { return compare(models, r); });
    add_statistics_routes(router, services);
    router.add("GET", "/metrics", [services](const Request&) { return metrics(services); });
    Receipts* const receipts = extras.receipts;
    if (!receipts) return;
    router.add("GET", "/v2/receipts/{id}",
               [receipts](const Request& r) { return receipt(*receipts, r); });
}

}  // namespace hf::serve
