#include "control/place/explain.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace hf::control::place {
namespace {

// Millionths of a currency unit an hour, for people.
std::string money(double micros) {
    return fmt::format("{:.6f}", micros / 1e6);
}

std::string where(const Replica& replica) {
    if (replica.devices.empty()) return replica.node;
    return fmt::format("{} gpu {}", replica.node, fmt::join(replica.devices, ","));
}

std::string line(const Placed& placed) {
    const ScoreParts& score = placed.score;
    if (placed.kept) {
        return fmt::format("  {}: stays; costs {} (price {}, energy {})\n", where(placed.replica),
                           money(score.sum()), money(score.price), money(score.energy));
    }
    return fmt::format(
        "  {}: lowest score {} (price {}, energy {}, scarcity {}, fragmentation {}, best fit {})\n",
        where(placed.replica), money(score.sum()), money(score.price), money(score.energy),
        money(score.scarcity), money(score.fragmentation), money(score.best_fit));
}

std::string line(const Displaced& displaced) {
    return fmt::format("  {}: {} ({})\n", where(displaced.replica), refusal_name(displaced.why),
                       refusal_meaning(displaced.why));
}

std::string line(const RefusedNodes& refused) {
    const std::string place = refused.site.empty()
                                  ? std::string("elsewhere")
                                  : fmt::format("{} {}", refused.site, refused.device_kind);
    return fmt::format("  {}: {} {}: {}\n", place, refused.nodes, refusal_name(refused.why),
                       refusal_meaning(refused.why));
}

std::string line(const CascadeLink& link) {
    if (!link.to.node.empty()) {
        return fmt::format("  {} asks {} on {}\n", where(link.from), link.to.service,
                           where(link.to));
    }
    if (link.why == Refusal::kUnwanted) {
        return fmt::format("  {} stands alone: {} runs nowhere\n", where(link.from),
                           link.to.service);
    }
    return fmt::format("  {} stands alone: {}: {} {}\n", where(link.from), refusal_name(link.why),
                       link.to.service, refusal_meaning(link.why));
}

template <typename Row>
std::string section(std::string_view title, const std::vector<Row>& rows) {
    if (rows.empty()) return {};
    std::string text = fmt::format("{}:\n", title);
    for (std::size_t i = 0; i < std::min(rows.size(), kExplainedRowsMax); ++i)
        text += line(rows[i]);
    if (rows.size() > kExplainedRowsMax) {
        text += fmt::format("  and {} more\n", rows.size() - kExplainedRowsMax);
    }
    return text;
}

}  // namespace

Result<std::string> explain(const Plan& plan, const std::vector<CascadeLink>& links,
                            std::string_view service) {
    const auto found = std::find_if(plan.services.begin(), plan.services.end(),
                                    [&](const ServicePlan& one) { return one.service == service; });
    if (found == plan.services.end()) {
        return not_found("service {}: not in this plan; `holdfast get services` lists them",
                         service);
    }
    std::vector<CascadeLink> asked;
    for (const CascadeLink& link : links) {
        if (link.from.service == service) asked.push_back(link);
    }
    std::string text =
        fmt::format("{}: {} of {} replicas placed\n", service, found->placed.size(), found->wanted);
    text += section("Placed", found->placed);
    text += section("Displaced", found->displaced);
    text += section("Refused machines", found->refused);
    return text + section("Cascade", asked);
}

}  // namespace hf::control::place
