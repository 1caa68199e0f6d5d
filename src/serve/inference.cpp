#include "serve/inference.h"

#include "base/json.h"
#include "base/text.h"

namespace hf::serve {
namespace {

using Host = std::shared_ptr<ModelHost>;

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

// The model whose answer all of it is, where that is not the host's own.
const json::Object* upstream_of(const Answering& answering) {
    const bool all = answering.cascade && answering.cascade->answered() == "upstream";
    return all ? &answering.cascade->model : nullptr;
}

}  // namespace

Result<Host> find_model(const Services& services, std::string_view name, std::string_view version) {
    Models& models = services.models;
    Host host = models.find(name);
    if (!host) {
        models.count_unknown();
        const ModelRepository* const repository = services.with.repository;
        if (const auto reason = repository ? repository->why_not(name) : std::nullopt) {
            return not_found(
                "model '{}' is not ready: {}; it can be loaded "
                "(POST /v2/repository/models/NAME/load)",
                name, *reason);
        }
        return not_found("model '{}' is not served here; {}", name, names_of(models));
    }
    if (!version.empty() && version != host->identity().version) {
        return not_found("model '{}' has no version '{}'; it has '{}'", name, version,
                         host->identity().version);
    }
    return host;
}

bool is_ready(const Services& services) {
    bool ready = services.models.ready();
    for (const Host& host : services.models.all()) ready = ready && host->ready();
    if (services.with.receipts) ready = ready && services.with.receipts->log().health().ok();
    return ready;
}

json::Object properties_of(const ModelHost& host) {
    const ModelHost::Identity& identity = host.identity();
    json::Object properties{{"device", host.device()}};
    const auto add = [&](std::string_view key, const std::string& value) {
        if (!value.empty()) properties[key] = value;
    };
    add("model_digest", identity.model_digest);
    add("plan_digest", identity.plan_digest);
    add("task_digest", identity.task_digest);
    add("signer", identity.signer);
    add("service", identity.service);
    return properties;
}

Result<Answering> run_inference(const Services& services, Visit& visit, const InferRequest& request,
                                const http::Headers& headers) {
    ModelHost& host = visit.host();
    cascade::Cascades* const cascades = services.with.cascades;
    const Instant came = cascades ? cascades->now() : Instant();
    visit.inputs_read();
    ModelHost::Inference inference = HF_TRY(host.infer(request.inputs));
    visit.ran(batch_of(host.signature(), request.inputs), inference.duration);
    visit.outputs_chosen();
    Answering answering{host, request, std::move(inference.outputs), inference.duration};
    if (!cascades) return answering;
    auto answer = cascades->answer({host, request, headers, came}, answering.outputs);
    visit.outputs_chosen();
    if (!answer) return answering;
    if (!answer->ok()) {
        answering.refused = answer->status();
        return answering;
    }
    answering.cascade = std::move(*answer).value();
    answering.outputs = answering.cascade->outputs;
    return answering;
}

Result<std::string> add_receipt(const Services& services, const Answering& answering) {
    if (!services.with.receipts) return std::string();
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
    return services.with.receipts->add(prediction);
}

std::string digests_of(const Answering& answering) {
    std::string digests = answering.host.identity().model_digest;
    if (!answering.cascade || answering.cascade->upstream == 0) return digests;
    const std::string& theirs = answering.cascade->digest;
    if (upstream_of(answering)) return theirs;
    return digests.append(", ").append(theirs.empty() ? "unknown" : theirs);
}

}  // namespace hf::serve
