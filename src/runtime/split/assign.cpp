#include "runtime/split/assign.h"

#include <algorithm>
#include <set>

#include "base/text.h"
#include "runtime/split/backend.h"
#include "runtime/split/partition.h"

namespace hf::runtime {
namespace {

std::string operator_of(const graph::Node& node) {
    return node.domain.empty() ? node.op : node.domain + "." + node.op;
}

bool is_offered(const Offer& offer, const graph::Node& node) {
    const auto& names = offer.operators;
    return names.empty() || std::find(names.begin(), names.end(), operator_of(node)) != names.end();
}

}  // namespace

void Assignment::refuse(std::size_t node, std::string_view owner_name, std::string_view why) {
    owners[node] = nobody;
    if (!refused[node].empty()) refused[node] += "; ";
    refused[node] += fmt::format("{}: {}", owner_name, why);
}

Status check_operators(const graph::Graph& graph, const std::vector<Offer>& offers) {
    std::set<std::string> there;
    for (const graph::Node& node : graph.nodes) there.insert(operator_of(node));
    for (const Offer& offer : offers) {
        for (const std::string& name : offer.operators) {
            if (there.contains(name)) continue;
            return invalid_argument("the model has no operator '{}'{}", name,
                                    suggestion(name, {there.begin(), there.end()}, "operators"));
        }
    }
    return {};
}

Result<Assignment> assign(const graph::Graph& graph, const std::vector<Offer>& offers) {
    Assignment made;
    made.nobody = offers.size();
    made.owners.assign(graph.nodes.size(), made.nobody);
    made.refused.resize(graph.nodes.size());
    for (std::size_t i = 0; i < offers.size(); ++i) {
        const Backend& backend = *offers[i].backend;
        const Refusals refusals = HF_TRY(backend.refusals(graph).context("{}", backend.name()));
        HF_CHECK(refusals.size() == graph.nodes.size(), "{}", backend.name());
        for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
            const graph::Node& node = graph.nodes[n];
            if (made.owners[n] != made.nobody || !is_offered(offers[i], node)) continue;
            const Status ours = can_be_offered(graph, node, backend);
            const std::string why = ours.ok() ? refusals[n] : std::string(ours.message());
            if (why.empty()) {
                made.owners[n] = i;
            } else {
                made.refuse(n, backend.name(), why);
            }
        }
    }
    return made;
}

}  // namespace hf::runtime
