#include "control/place/upstreams.h"

#include <fmt/format.h>

#include "api/kinds/cascade.h"

namespace hf::control::place {

Upstreams upstreams_of(const std::vector<const api::Object*>& services) {
    Upstreams upstreams;
    for (const api::Object* service : services) {
        if (service->being_removed()) continue;
        std::string& upstream = upstreams[fmt::format("{}/{}", service->ns(), service->name())];
        const json::Value* cascade = json::find(service->spec(), "cascade");
        const std::string_view name = cascade ? json::get_string(*cascade, "upstream") : "";
        if (!name.empty()) upstream = fmt::format("{}/{}", service->ns(), name);
    }
    return upstreams;
}

Upstreams upstreams_of(const std::vector<api::Object>& services) {
    std::vector<const api::Object*> borrowed;
    for (const api::Object& service : services) borrowed.push_back(&service);
    return upstreams_of(borrowed);
}

Chain judge_chain(const Upstreams& upstreams, std::string_view service) {
    const auto own = upstreams.find(service);
    if (own == upstreams.end() || own->second.empty()) return Chain::kNone;
    if (!upstreams.contains(own->second)) return Chain::kMissing;
    std::string_view at = own->second;
    for (std::size_t depth = 1; depth <= api::kCascadeDepthMax; ++depth) {
        if (at == service) return Chain::kRing;
        const auto next = upstreams.find(at);
        if (next == upstreams.end() || next->second.empty()) return Chain::kGood;
        at = next->second;
    }
    if (at == service) return Chain::kRing;
    return upstreams.contains(at) ? Chain::kTooDeep : Chain::kGood;
}

std::string chain_trouble(Chain chain, std::string_view upstream) {
    switch (chain) {
        case Chain::kNone:
        case Chain::kGood: return {};
        case Chain::kMissing:
            return fmt::format("{} is not there; create it, or correct the name", upstream);
        case Chain::kRing:
            return fmt::format("by way of {} its upstreams come back to it; break the ring",
                               upstream);
        case Chain::kTooDeep:
            return fmt::format(
                "by way of {} an answer could go through more than {} upstreams; "
                "ask the last of them directly",
                upstream, api::kCascadeDepthMax);
    }
    return {};
}

std::string cascade_terms(const api::Object& service) {
    const json::Value* cascade = json::find(service.spec(), "cascade");
    if (!cascade) return {};
    static const json::Value kNull;
    const json::Value* given = json::find(*cascade, "when");
    const json::Value& when = given ? *given : kNull;
    const std::string_view output = json::get_string(when, "output");
    const bool refuses = json::get_string(*cascade, "onFailure") == "refuse";
    return fmt::format(
        "Terms of the cascade: asks {} when {} of {} is below {:.3f}{}; waits {} ms at most; {} of "
        "100 rows may go up; otherwise {}\n",
        json::get_string(*cascade, "upstream"), json::get_string(when, "measure", "max-softmax"),
        output.empty() ? "its first output" : fmt::format("'{}'", output),
        static_cast<double>(json::get_int(when, "belowMilli")) / 1000,
        json::get_bool(*cascade, "inJurisdiction") ? ", inside its own jurisdiction only" : "",
        json::get_int(*cascade, "timeoutMilliseconds", api::kCascadeTimeoutMs),
        json::get_int(*cascade, "budgetPercent", api::kCascadeBudgetPercent),
        refuses ? "the request is refused" : "its own answer stands");
}

}  // namespace hf::control::place
