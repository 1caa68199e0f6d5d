#include "serve/inference.h"

#include <algorithm>

#include "base/json.h"
#include "base/text.h"
#include "serve/oip_client.h"

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
    add("guard_digest", identity.guard_digest);
    add("signer", identity.signer);
    add("service", identity.service);
    return properties;
}

namespace {

Instant now_of(const Services& services) {
    return services.with.cascades ? services.with.cascades->now() : Instant();
}

// A request, and what is done with what the model makes of it.
struct Inquiry {
    const Services& services;
    Visit& visit;
    const InferRequest& request;
    const http::Headers& headers;
    Instant came{};  // as the cascade counts
};

// What the cascade makes of the model's outputs.
Result<Answering> conclude(const Inquiry& inquiry, Scheduler::Ran ran) {
    Visit& visit = inquiry.visit;
    ModelHost& host = visit.host();
    cascade::Cascades* const cascades = inquiry.services.with.cascades;
    visit.ran({batch_of(host.signature(), inquiry.request.inputs), ran.batch, ran.leads},
              ran.waited, ran.duration);
    visit.outputs_chosen();
    Answering answering{host, inquiry.request, std::move(ran.outputs), ran.duration};
    answering.guarded = guard::judge_answer(host, inquiry.request.inputs, answering.outputs);
    visit.outputs_chosen();
    if (answering.guarded && answering.guarded->refuses()) {
        answering.refused = guard::refusal(*answering.guarded->guard, answering.guarded->verdict);
        return answering;
    }
    if (!cascades) return answering;
    auto answer =
        cascades->answer({host, inquiry.request, inquiry.headers, inquiry.came}, answering.outputs);
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

// What a guard refuses before the model is asked.
std::optional<Answering> refused_before(ModelHost& host, const InferRequest& request) {
    std::optional<guard::Judged> judged = guard::refuse_inputs(host, request.inputs);
    if (!judged) return std::nullopt;
    Answering answering{host, request, {}};
    answering.refused = guard::refusal(*judged->guard, judged->verdict);
    answering.guarded = std::move(*judged);
    return answering;
}

Terms terms_of(const Asked& asked) {
    Terms terms;
    if (asked.request.priority > 0) terms.priority = asked.request.priority;
    terms.start_by = asked.start_by;
    terms.patience = asked.request.patience;
    return terms;
}

}  // namespace

Result<Answering> run_inference(const Services& services, Visit& visit, const InferRequest& request,
                                const http::Headers& headers) {
    const Inquiry inquiry{services, visit, request, headers, now_of(services)};
    visit.inputs_read();
    if (std::optional<Answering> refused = refused_before(visit.host(), request)) {
        return std::move(*refused);
    }
    ModelHost::Inference inference = HF_TRY(visit.host().infer(request.inputs));
    Scheduler::Ran ran;
    ran.outputs = std::move(inference.outputs);
    ran.duration = inference.duration;
    ran.batch = batch_of(visit.host().signature(), request.inputs);
    return conclude(inquiry, std::move(ran));
}

void run_in_turn(const Services& services, std::shared_ptr<Asked> asked,
                 std::function<void(const std::shared_ptr<Asked>&, Result<Answering>)> done) {
    Scheduler* const scheduler = services.with.scheduler;
    if (!scheduler) {
        return done(asked, run_inference(services, asked->visit, asked->request, asked->headers));
    }
    const Instant came = now_of(services);
    asked->visit.inputs_read();
    if (std::optional<Answering> refused = refused_before(*asked->host, asked->request)) {
        return done(asked, std::move(*refused));
    }
    Scheduler::Job job;
    job.host = asked->host;
    job.inputs = asked->request.inputs;
    job.terms = terms_of(*asked);
    job.alone = services.with.cascades && services.with.cascades->has(asked->host->identity().name);
    job.given_up = [by = asked->by] { return by->is_given_up(); };
    job.done = [services, came, asked, done = std::move(done)](Result<Scheduler::Ran> ran) {
        if (!ran.ok()) return done(asked, ran.status());
        const Inquiry inquiry{services, asked->visit, asked->request, asked->headers, came};
        done(asked, conclude(inquiry, std::move(*ran)));
    };
    scheduler->run(std::move(job));
}

std::string retry_after(const Services& services, const ModelHost& host) {
    Scheduler* const scheduler = services.with.scheduler;
    const Duration wait = scheduler ? scheduler->retry_after(host) : std::chrono::seconds(1);
    return fmt::format("{}", std::chrono::ceil<std::chrono::seconds>(wait).count());
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
    if (const auto& guarded = answering.guarded) {
        prediction.guard =
            json::write_canonical(guard::account(guarded->guard->mode, guarded->verdict));
    }
    return services.with.receipts->add(prediction);
}

std::string guard_summary(const Answering& answering) {
    const auto& guarded = answering.guarded;
    return guarded && guarded->tells() ? guard::summary(guarded->verdict) : "";
}

http::Response refusal_of(const Answering& answering) {
    if (answering.guarded && answering.guarded->refuses()) {
        http::Response refused = http::Response::error(422, answering.refused.message());
        refused.headers.set(std::string(kGuardHeader), guard_summary(answering));
        return refused;
    }
    http::Response refused = http::Response::error(answering.refused);
    refused.headers.set(std::string(kCascadeRefusedHeader), "1");
    return refused;
}

std::string digests_of(const Answering& answering) {
    std::string digests = answering.host.identity().model_digest;
    if (!answering.cascade || answering.cascade->upstream == 0) return digests;
    const std::string& theirs = answering.cascade->digest;
    if (upstream_of(answering)) return theirs;
    return digests.append(", ").append(theirs.empty() ? "unknown" : theirs);
}

}  // namespace hf::serve
