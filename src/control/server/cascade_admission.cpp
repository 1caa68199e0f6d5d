#include "control/server/cascade_admission.h"

#include <fmt/format.h>

#include "api/kinds.h"
#include "control/place/upstreams.h"

namespace hf::control {
namespace {

std::string_view upstream_of(const api::Object& service) {
    const json::Value* cascade = json::find(service.spec(), "cascade");
    return cascade ? json::get_string(*cascade, "upstream") : "";
}

bool is_wrong(place::Chain chain) {
    return chain == place::Chain::kRing || chain == place::Chain::kTooDeep;
}

}  // namespace

bool changes_cascade(const api::Object* before, const api::Object& now) {
    if (now.kind() != api::service_kind().name || upstream_of(now).empty()) return false;
    return !before || upstream_of(*before) != upstream_of(now);
}

Status admit_cascade(const api::Object& now, const std::vector<api::Object>& others) {
    if (now.kind() != api::service_kind().name || upstream_of(now).empty()) return {};
    if (upstream_of(now) == now.name()) {
        return invalid_argument(
            "spec.cascade.upstream: service '{}' cannot ask itself; name a "
            "larger one, or leave spec.cascade out",
            now.name());
    }
    const std::string own = fmt::format("{}/{}", now.ns(), now.name());
    const place::Upstreams before = place::upstreams_of(others);
    place::Upstreams after = before;
    after[own] = fmt::format("{}/{}", now.ns(), upstream_of(now));
    // Those that ask this one are in the same chain.
    for (const auto& [service, upstream] : after) {
        const place::Chain chain = place::judge_chain(after, service);
        if (!is_wrong(chain)) continue;
        if (service != own && is_wrong(place::judge_chain(before, service))) continue;
        return invalid_argument("spec.cascade.upstream: service {}: {}", service,
                                place::chain_trouble(chain, upstream));
    }
    return {};
}

}  // namespace hf::control
