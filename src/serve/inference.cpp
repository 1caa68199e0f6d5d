#include "serve/inference.h"

#include <algorithm>

#include "base/json.h"
#include "crypto/hash.h"
#include "serve/gateway/forwarding.h"
#include "serve/oip_client.h"
#include "serve/sequence/sequences.h"
#include "serve/unknown_model.h"

namespace hf::serve {
namespace {

using Host = std::shared_ptr<ModelHost>;

// The model whose answer all of it is, where that is not the host's own.
const json::Object* upstream_of(const Answering& answering) {
    const bool all = answering.cascade && answering.cascade->answered() == "upstream";
    return all ? &answering.cascade->model : nullptr;
}

}  // namespace

Result<Host> find_model(const Services& services, std::string_view name, std::string_view version) {
    Models& models = services.models;
    Host host = version.empty() ? models.find(name) : models.find(name, version);
    if (host) return host;
    return unknown_model(services, name, version);
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
    add("sequence_digest", identity.sequence_digest);
    add("guard_digest", identity.guard_digest);
    add("members_digest", identity.members_digest);
    add("signer", identity.signer);
    add("service", identity.service);
    return properties;
}

namespace {

Instant now_of(const Services& services) {
    return services.with.cascades ? services.with.cascades->now() : Instant();
}

// An inference until it is answered, and who is told what comes of it.
struct Pending {
    Services services;
    std::shared_ptr<Asked> asked;
    std::function<void(const std::shared_ptr<Asked>&, Result<Answering>)> done;
    Instant came{};  // as the cascade counts

    void answer(Result<Answering> answering) const { done(asked, std::move(answering)); }
};
using PendingPtr = std::shared_ptr<const Pending>;

// What the cascade makes of the model's outputs.
Result<Answering> conclude(const Pending& pending, Scheduler::Ran ran) {
    Asked& asked = *pending.asked;
    Visit& visit = asked.visit;
    ModelHost& host = *asked.host;
    const InferRequest& request = asked.request;
    cascade::Cascades* const cascades = pending.services.with.cascades;
    visit.ran({batch_of(host.signature(), request.inputs), ran.batch, ran.leads}, ran.waited,
              ran.duration);
    visit.outputs_chosen();
    Answering answering{host, request, std::move(ran.outputs), ran.duration};
    answering.composed = std::move(ran.composed);
    if (answering.composed && answering.composed->guarded) {
        answering.guarded = answering.composed->guarded;  // an ensemble has no guard beside those
    } else {
        answering.guarded = guard::judge_answer(host, request.inputs, answering.outputs);
    }
    visit.outputs_chosen();
    if (answering.guarded && answering.guarded->refuses()) {
        answering.refused = guard::refusal(*answering.guarded->guard, answering.guarded->verdict);
        return answering;
    }
    if (!cascades) return answering;
    auto answer = cascades->answer({host, request, asked.headers, pending.came}, answering.outputs);
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

Digest digest_inputs(const ModelHost& host, const InferRequest& request) {
    const runtime::Signature& signature = host.signature();
    std::vector<NamedTensor> inputs;
    for (std::size_t i = 0; i < request.inputs.size(); ++i) {
        inputs.push_back({signature.inputs[i].name, request.inputs[i]});
    }
    return tensors_digest(inputs);
}

// Where an answer is kept, by all that it depends on.
struct CachePlace {
    Digest key;
    Digest inputs;
};

// Nullopt: it is not to be kept.
std::optional<CachePlace> place_in_cache(const Services& services, const ModelHost& host,
                                         const InferRequest& request) {
    const cascade::Cascades* const cascades = services.with.cascades;
    if (!services.with.cache || !host.may_be_cached()) return std::nullopt;
    if (host.sequences() || host.guard()) return std::nullopt;
    const ModelHost::Identity& identity = host.identity();
    if (cascades && cascades->has(identity.name)) return std::nullopt;
    CachePlace place;
    place.inputs = digest_inputs(host, request);
    const std::string all = fmt::format("holdfast.dev/response-cache/v1\n{}\n{}\n{}\n{}\n{}\n",
                                        identity.model_digest, identity.plan_digest,
                                        identity.members_digest, host.device(), place.inputs.hex());
    place.key = crypto::sha256(as_bytes(all));
    return place;
}

Answering answer_from_cache(Asked& asked, const CachePlace& place,
                            const ResponseCache::Outputs& outputs) {
    asked.visit.came_from_cache();
    Answering answering{*asked.host, asked.request, *outputs};
    answering.cached = true;
    answering.inputs_digest = place.inputs;
    return answering;
}

Scheduler::Ran ran_alone(const Asked& asked, ModelHost::Inference inference) {
    Scheduler::Ran ran;
    ran.outputs = std::move(inference.outputs);
    ran.duration = inference.duration;
    ran.batch = batch_of(asked.host->signature(), asked.request.inputs);
    return ran;
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

// Null: at once, on this thread, whatever else runs.
Scheduler* scheduler_of(const Pending& pending) {
    return pending.asked->by->quick ? nullptr : pending.services.with.scheduler;
}

void run_job(const PendingPtr& pending, std::function<void(Result<Scheduler::Ran>)> done) {
    Asked& asked = *pending->asked;
    const bool has_state = !asked.with_state.empty();
    const std::span<const Tensor> inputs = has_state ? asked.with_state : asked.request.inputs;
    Scheduler* const scheduler = scheduler_of(*pending);
    const Composite* const composite = asked.host->composite();
    if (!scheduler && !composite) {
        Result<ModelHost::Inference> inference = asked.host->infer(inputs);
        if (!inference.ok()) return done(inference.status());
        return done(ran_alone(asked, std::move(*inference)));
    }
    const cascade::Cascades* const cascades = pending->services.with.cascades;
    Scheduler::Job job;
    job.host = asked.host;
    job.inputs = inputs;
    job.terms = terms_of(asked);
    job.alone = has_state || (cascades && cascades->has(asked.host->identity().name));
    job.given_up = [by = asked.by] { return by->is_given_up(); };
    job.done = std::move(done);
    if (!composite) return scheduler->run(std::move(job));
    composite->run(std::move(job),
                   {scheduler, scheduler ? pending->services.with.helpers : nullptr});
}

void conclude_and_answer(const PendingPtr& pending, Result<Scheduler::Ran> ran) {
    if (!ran.ok()) return pending->answer(ran.status());
    pending->answer(conclude(*pending, std::move(*ran)));
}

void run_plainly(const PendingPtr& pending) {
    run_job(pending, [pending](Result<Scheduler::Ran> ran) {
        conclude_and_answer(pending, std::move(ran));
    });
}

// Answers before the next of the sequence has its turn.
void run_in_sequence(const PendingPtr& pending) {
    Asked& asked = *pending->asked;
    sequence::Sequences& sequences = *asked.host->sequences();
    sequences.enter(asked.request.sequence, asked.request.inputs,
                    [pending, &sequences](Result<sequence::Sequences::Inputs> inputs) {
                        Asked& asked = *pending->asked;
                        if (!inputs.ok()) {
                            asked.host->count_refused();
                            return pending->answer(inputs.status());
                        }
                        asked.with_state = std::move(*inputs);
                        run_job(pending, [pending, &sequences](Result<Scheduler::Ran> ran) {
                            const bool ok = ran.ok();
                            sequence::State state;
                            if (ok) state = sequences.take_state(ran->outputs);
                            conclude_and_answer(pending, std::move(ran));
                            sequences.leave(pending->asked->request.sequence,
                                            ok ? &state : nullptr);
                        });
                    });
}

// Computes what others may wait for.
void lead(const PendingPtr& pending, const CachePlace& place) {
    run_job(pending, [pending, place](Result<Scheduler::Ran> ran) {
        ResponseCache::Outputs outputs;
        if (ran.ok()) outputs = std::make_shared<const std::vector<Tensor>>(ran->outputs);
        conclude_and_answer(pending, std::move(ran));
        pending->services.with.cache->land(place.key, outputs);
    });
}

void run_by_cache(const PendingPtr& pending, const CachePlace& place) {
    Visit& visit = pending->asked->visit;
    const auto waiter = [pending, place](const ResponseCache::Outputs& outputs) {
        if (outputs) {
            return pending->answer(answer_from_cache(*pending->asked, place, outputs));
        }
        pending->asked->visit.missed_cache();
        run_plainly(pending);
    };
    const ResponseCache::Seen seen = pending->services.with.cache->look(place.key, waiter);
    switch (seen.look) {
        case ResponseCache::Look::kWait: return;
        case ResponseCache::Look::kHit: return waiter(seen.outputs);
        case ResponseCache::Look::kCompute: visit.missed_cache(); return run_plainly(pending);
        case ResponseCache::Look::kLead: visit.missed_cache(); return lead(pending, place);
    }
}

}  // namespace

void run_inference(const Services& services, std::shared_ptr<Asked> asked,
                   std::function<void(const std::shared_ptr<Asked>&, Result<Answering>)> done) {
    asked->visit.inputs_read();
    if (std::optional<Answering> refused = refused_before(*asked->host, asked->request)) {
        return done(asked, std::move(*refused));
    }
    const auto pending = std::make_shared<const Pending>(
        Pending{services, std::move(asked), std::move(done), now_of(services)});
    const Asked& of = *pending->asked;
    if (of.host->sequences()) return run_in_sequence(pending);
    const std::optional<CachePlace> place = place_in_cache(services, *of.host, of.request);
    if (place) return run_by_cache(pending, *place);
    run_plainly(pending);
}

Duration start_by_of(const Services& services, const http::Request& request) {
    // What cannot be read is no limit.
    const Result<Duration> left = gateway::timeout_of(request.headers, Duration::max());
    if (!services.with.scheduler || !left.ok() || *left == Duration::max()) return Duration::max();
    return services.with.scheduler->clock().monotonic() + *left - request.waited;
}

Duration retry_after_of(const Services& services, const ModelHost& host) {
    Scheduler* const scheduler = services.with.scheduler;
    return scheduler ? scheduler->retry_after(host) : std::chrono::seconds(1);
}

void add_retry_after(const Services& services, const ModelHost& host, const Status& status,
                     http::Response& response) {
    if (status.code() != Code::kResourceExhausted) return;
    const auto wait = std::chrono::ceil<std::chrono::seconds>(retry_after_of(services, host));
    response.headers.set("Retry-After", fmt::format("{}", wait.count()));
}

Result<std::string> add_receipt(const Services& services, const Answering& answering) {
    if (!services.with.receipts) return std::string();
    const runtime::Signature& signature = answering.host.signature();
    std::vector<NamedTensor> outputs;
    for (const InferRequest::Wanted& wanted : answering.request.outputs) {
        outputs.push_back(
            {signature.outputs[wanted.output].name, answering.outputs[wanted.output]});
    }
    Prediction prediction{.host = answering.host,
                          .request = answering.inputs_digest
                                         ? *answering.inputs_digest
                                         : digest_inputs(answering.host, answering.request),
                          .response = tensors_digest(outputs),
                          .duration = answering.duration,
                          .cached = answering.cached};
    if (answering.cascade) {
        prediction.cascade = json::write_canonical(answering.cascade->account());
        if (const json::Object* model = upstream_of(answering)) {
            prediction.model = json::write_canonical(*model);
        }
    }
    if (answering.composed) prediction.steps = answering.composed->account;
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
