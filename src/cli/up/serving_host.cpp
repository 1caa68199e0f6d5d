#include "cli/up/serving_host.h"

#include <cmath>
#include <limits>

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
    identity.platform = activation.format;
    identity.service = activation.service;
    identity.model_digest = activation.digest.to_string();
    identity.signer = activation.signer;
    const std::string url = base_url_ + "/v2/models/" + identity.name;
    HF_TRY(models_.activate(
        std::make_shared<serve::ModelHost>(std::move(identity), activation.model, clock_)));
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

void ServingHost::retire(const std::string& service) {
    models_.remove(served_name(service));
}

}  // namespace hf::cli
