#include "cli/up/serving_host.h"

#include <cmath>
#include <limits>

#include "serve/platform.h"

namespace hf::cli {
namespace {

// The bound of the bucket in which the 99th percentile lies, rounded up to whole milliseconds.
std::int64_t p99_milliseconds(const serve::ModelHost::Counts& counts) {
    std::uint64_t all = 0;
    for (const std::uint64_t count : counts.buckets) all += count;
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < serve::kLatencyBounds.size(); ++i) {
        seen += counts.buckets[i];
        if (seen * 100 >= all * 99) {
            return static_cast<std::int64_t>(std::ceil(serve::kLatencyBounds[i] * 1000));
        }
    }
    return std::numeric_limits<std::int32_t>::max();
}

// Nullopt when its address is none that data may be sent to, as http:// to another machine.
std::optional<serve::gateway::Replica> usable_replica(const node::Cascade& cascade) {
    serve::gateway::Replica replica;
    replica.url = cascade.url;
    replica.node = cascade.node;
    replica.jurisdiction = cascade.jurisdiction;
    replica.ready = true;
    Status problems;
    const std::vector<serve::gateway::Route> routes = serve::gateway::usable_part(
        {{ServingHost::served_name(cascade.upstream), {std::move(replica)}, {}}}, problems);
    if (routes.empty() || routes[0].replicas.empty()) return std::nullopt;
    return routes[0].replicas[0];
}

// What this program leaves out must not be what its owner counts on.
Status check_plain(const node::Activation& activation) {
    for (const char* const ending : {".guard.json", ".sequence.json"}) {
        if (!activation.files.find(activation.entry + ending)) continue;
        return unimplemented(
            "the model has a {}, which this program does not know; run `holdfast agent` instead of "
            "holdfast-agent",
            ending);
    }
    return {};
}

}  // namespace

std::string ServingHost::served_name(const std::string& service) {
    const std::size_t slash = service.find('/');
    const std::string ns = service.substr(0, slash);
    const std::string name = service.substr(slash + 1);
    return ns == "default" ? name : ns + ":" + name;
}

Result<std::string> ServingHost::activate(const node::Activation& activation) {
    serve::ModelHost::Identity identity;
    identity.name = served_name(activation.service);
    identity.version = activation.version;
    identity.platform = serve::platform_name(activation.format);
    identity.service = activation.service;
    identity.model_digest = activation.digest.to_string();
    identity.signer = activation.signer;
    const std::string url = base_url_ + "/v2/models/" + identity.name;
    if (!make_host_) HF_TRY(check_plain(activation));
    std::shared_ptr<serve::ModelHost> host =
        make_host_ ? HF_TRY(make_host_(std::move(identity), activation, clock_))
                   : std::make_shared<serve::ModelHost>(std::move(identity),
                                                        activation.models.front().model, clock_);
    HF_TRY(host->warm().context("{}", activation.service));  // before the first request
    HF_TRY(models_.activate(std::move(host)));
    return url;
}

std::optional<node::Answers> ServingHost::answers(const std::string& service) {
    const std::shared_ptr<serve::ModelHost> host = models_.find(served_name(service));
    if (!host) return std::nullopt;
    const serve::ModelHost::Counts counts = host->counts();
    node::Answers answers;
    answers.succeeded = counts.succeeded;
    answers.failed = counts.failed;
    answers.p99_ms = p99_milliseconds(counts);
    answers.compared = counts.compared;
    answers.agreed = counts.agreed;
    return answers;
}

std::optional<node::Traffic> ServingHost::traffic(const std::string& service) {
    const std::shared_ptr<serve::ModelHost> host = models_.find(served_name(service));
    if (!host) return std::nullopt;
    const serve::Statistics statistics = host->statistics();
    node::Traffic traffic;
    traffic.requests = statistics.succeeded.count + statistics.failed.count;
    traffic.there = statistics.succeeded.time + statistics.failed.time;
    traffic.queued = statistics.queue.count;
    traffic.queue = statistics.queue.time;
    traffic.present = host->counts().in_flight + host->waiting();
    return traffic;
}

void ServingHost::set_cascade(const std::string& service, const node::Cascade* cascade) {
    if (!cascade) return cascades_.remove(served_name(service));
    serve::cascade::Settings settings;
    settings.upstream = served_name(cascade->upstream);
    settings.when.output = cascade->output;
    const Result<serve::cascade::Measure> measure = serve::cascade::parse_measure(cascade->measure);
    // A measure of a later version of the server: nobody is asked by what is not understood.
    if (!measure.ok()) return cascades_.remove(served_name(service));
    settings.when.measure = *measure;
    settings.when.below = static_cast<double>(cascade->below_milli) / 1000;
    settings.timeout = cascade->timeout;
    settings.budget_percent = cascade->budget_percent;
    settings.refuse = cascade->refuse;
    settings.residency = cascade->alone == "residency";
    if (!cascade->node.empty()) settings.at = usable_replica(*cascade);
    cascades_.set(served_name(service), std::move(settings));
}

void ServingHost::retire(const std::string& service) {
    models_.remove(served_name(service));
    cascades_.remove(served_name(service));
}

}  // namespace hf::cli
