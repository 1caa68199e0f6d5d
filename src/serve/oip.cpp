#include "serve/oip.h"

#include "base/json.h"
#include "base/text.h"
#include "serve/compare_route.h"
#include "serve/infer_request.h"
#include "serve/metrics.h"
#include "serve/oip_client.h"

namespace hf::serve {
namespace {

constexpr std::string_view kLengthHeader = "Inference-Header-Content-Length";

constexpr std::string_view kReceiptHeader = "holdfast-receipt";

using Host = std::shared_ptr<ModelHost>;

struct Services {
    Models& models;
    OipExtras with;
};

http::Response answer(const json::Value& value, int status = 200) {
    return http::Response::json(status, json::write(value) + "\n");
}

// The names that a stranger may try instead, bounded for the error message.
std::string names_of(const Models& models) {
    constexpr std::size_t kNamesShown = 10;
    std::vector<std::string> names;
    for (const Host& host : models.all()) {
        if (names.size() == kNamesShown) {
            names.emplace_back("...");
            break;
        }
        names.push_back(host->identity().name);
    }
    return names.empty() ? "no model is" : "these are: " + join(names, ", ");
}

// The model that the path names, in the version that it names where it names one.
Result<Host> find_model(Models& models, const http::Request& request) {
    const std::string_view name = request.path_parameter("model");
    const std::string_view version = request.path_parameter("version");
    Host host = models.find(name);
    if (!host) {
        models.count_unknown();
        return not_found("model '{}' is not served here; {}", name, names_of(models));
    }
    if (!version.empty() && version != host->identity().version) {
        return not_found("model '{}' has no version '{}'; it has '{}'", name, version,
                         host->identity().version);
    }
    return host;
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

http::Response server_metadata(const http::Request&) {
    return answer(json::Object{{"name", "holdfast"},
                               {"version", "0.1.0"},
                               {"extensions", json::Array{"binary_tensor_data"}}});
}

json::Object properties(const ModelHost& host) {
    const ModelHost::Identity& identity = host.identity();
    json::Object properties{{"device", host.device()}};
    const auto add = [&](std::string_view key, const std::string& value) {
        if (!value.empty()) properties[key] = value;
    };
    add("model_digest", identity.model_digest);
    add("plan_digest", identity.plan_digest);
    add("signer", identity.signer);
    add("service", identity.service);
    return properties;
}

http::Response model_metadata(Models& models, const http::Request& request) {
    const Result<Host> host = find_model(models, request);
    if (!host.ok()) return http::Response::error(host.status());
    const ModelHost::Identity& identity = (*host)->identity();
    return answer(json::Object{{"name", identity.name},
                               {"versions", json::Array{json::Value(identity.version)}},
                               {"platform", identity.platform},
                               {"inputs", describe((*host)->signature().inputs)},
                               {"outputs", describe((*host)->signature().outputs)},
                               {"properties", properties(**host)}});
}

// The field names are those that clients look for: KServe reads "ready" and "live", others only the
// status.
http::Response readiness(const Services& services) {
    bool ready = services.models.ready();
    for (const Host& host : services.models.all()) ready = ready && host->ready();
    if (services.with.receipts) ready = ready && services.with.receipts->log().health().ok();
    return answer(json::Object{{"live", true}, {"ready", ready}}, ready ? 200 : 503);
}

http::Response model_ready(Models& models, const http::Request& request) {
    const Result<Host> host = find_model(models, request);
    const bool ready = host.ok() && models.ready() && (*host)->ready();
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

Result<InferRequest> parse(const ModelHost& host, const http::Request& request) {
    const std::optional<std::size_t> length = HF_TRY(json_length(request));
    return parse_infer_request(request.body, length, host.signature());
}

// What answers one request.
struct Answering {
    const ModelHost& host;
    const InferRequest& request;
    std::vector<Tensor> outputs;  // in signature order
    Duration duration{};
    std::optional<cascade::Answer> cascade = {};  // whose outputs these are then
};

// The model whose answer all of it is, where that is not the host's own.
const json::Object* upstream_of(const Answering& answering) {
    const bool all = answering.cascade && answering.cascade->answered() == "upstream";
    return all ? &answering.cascade->model : nullptr;
}

// The receipt's identifier.
Result<std::string> add_receipt(Receipts& receipts, const Answering& answering) {
    const runtime::Signature& signature = answering.host.signature();
    std::vector<NamedTensor> inputs;
    for (std::size_t i = 0; i < answering.request.inputs.size(); ++i) {
        inputs.push_back({signature.inputs[i].name, answering.request.inputs[i]});
    }
    std::vector<NamedTensor> outputs;
    for (const InferRequest::Wanted& wanted : answering.request.outputs) {
        outputs.push_back(
            {signature.outputs[wanted.output].name, answering.outputs[wanted.output]});
    }
    Prediction prediction{.host = answering.host,
                          .request = tensors_digest(inputs),
                          .response = tensors_digest(outputs),
                          .duration = answering.duration};
    if (answering.cascade) {
        prediction.cascade = json::write_canonical(answering.cascade->account());
        if (const json::Object* model = upstream_of(answering)) {
            prediction.model = json::write_canonical(*model);
        }
    }
    return receipts.add(prediction);
}

// Of the model, or the two, whose answer it is.
std::string digests_of(const Answering& answering) {
    std::string digests = answering.host.identity().model_digest;
    if (!answering.cascade || answering.cascade->upstream == 0) return digests;
    const std::string& theirs = answering.cascade->digest;
    if (upstream_of(answering)) return theirs;
    return digests.append(", ").append(theirs.empty() ? "unknown" : theirs);
}

Result<http::Response> write_answer(const Answering& answering, Receipts* receipts) {
    const ModelHost::Identity& identity = answering.host.identity();
    Answer answer{identity.name, identity.version, answering.outputs};
    if (answering.cascade) answer.parameters = answering.cascade->parameters();
    InferBody body =
        HF_TRY(write_infer_response(answering.request, answer, answering.host.signature()));
    http::Response response;
    response.body = std::move(body.bytes);
    response.headers.set("Content-Type",
                         body.json_bytes ? "application/octet-stream" : "application/json");
    if (body.json_bytes) {
        response.headers.set(std::string(kLengthHeader), fmt::format("{}", *body.json_bytes));
    }
    if (const std::string digests = digests_of(answering); !digests.empty()) {
        response.headers.set(kModelDigestHeader, digests);
    }
    if (receipts) {
        response.headers.set(std::string(kReceiptHeader),
                             HF_TRY(add_receipt(*receipts, answering)));
    }
    return response;
}

Result<http::Response> answer_inference(const Services& services, ModelHost& host,
                                        const InferRequest& request, const http::Headers& headers) {
    cascade::Cascades* const cascades = services.with.cascades;
    const Instant came = cascades ? cascades->now() : Instant();
    ModelHost::Inference inference = HF_TRY(host.infer(request.inputs));
    Answering answering{host, request, std::move(inference.outputs), inference.duration};
    if (cascades) {
        auto answer = cascades->answer({host, request, headers, came}, answering.outputs);
        if (answer) {
            if (!answer->ok()) {
                http::Response refused = http::Response::error(answer->status());
                refused.headers.set(kCascadeRefusedHeader, "1");
                return refused;
            }
            answering.cascade = std::move(*answer).value();
            answering.outputs = answering.cascade->outputs;
        }
    }
    return write_answer(answering, services.with.receipts);
}

http::Response infer(const Services& services, const http::Request& request) {
    const Result<Host> host = find_model(services.models, request);
    if (!host.ok()) return http::Response::error(host.status());
    const Status media_type = check_media_type(request);
    const Result<InferRequest> parsed =
        media_type.ok() ? parse(**host, request) : Result<InferRequest>(media_type);
    if (!parsed.ok()) {
        (*host)->count_refused();
        return media_type.ok() ? http::Response::error(parsed.status())
                               : http::Response::error(415, media_type.message());
    }
    Result<http::Response> response = answer_inference(services, **host, *parsed, request.headers);
    return response.ok() ? std::move(*response) : http::Response::error(response.status());
}

// A list of what is served, as the repository extension gives it; nothing is loaded through it.
http::Response repository_index(const Models& models) {
    json::Array rows;
    for (const Host& host : models.all()) {
        rows.push_back({{"name", host->identity().name},
                        {"version", host->identity().version},
                        {"state", host->ready() ? "READY" : "UNAVAILABLE"},
                        {"reason", ""}});
    }
    return answer(std::move(rows));
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
    http::Response response = http::Response::text(200, text);
    response.headers.set("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
    return response;
}

}  // namespace

void add_oip_routes(http::Router& router, Models& models, const OipExtras& extras) {
    using Request = http::Request;
    const Services services{models, extras};
    router.add("GET", "/v2", server_metadata);
    router.add("GET", "/v2/health/live", [](const Request&) {
        return answer(json::Object{{"live", true}});
    });
    router.add("GET", "/v2/health/ready",
               [services](const Request&) { return readiness(services); });
    for (const std::string base : {"/v2/models/{model}", "/v2/models/{model}/versions/{version}"}) {
        router.add("GET", base, [&models](const Request& r) { return model_metadata(models, r); });
        router.add("GET", base + "/ready",
                   [&models](const Request& r) { return model_ready(models, r); });
        router.add("POST", base + "/infer",
                   [services](const Request& r) { return infer(services, r); });
    }
    router.add("POST", "/v2/models/{model}/compare",
               [&models](const Request& r) { return compare(models, r); });
    router.add("POST", "/v2/repository/index",
               [&models](const Request&) { return repository_index(models); });
    router.add("GET", "/metrics", [services](const Request&) { return metrics(services); });
    Receipts* const receipts = extras.receipts;
    if (!receipts) return;
    router.add("GET", "/v2/receipts/{id}",
               [receipts](const Request& r) { return receipt(*receipts, r); });
}

}  // namespace hf::serve
