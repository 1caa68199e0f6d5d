#include "serve/gateway/service_index.h"

#include <algorithm>

namespace hf::serve::gateway {
namespace {

bool can_answer(const Balancer::ReplicaView& replica) {
    return replica.replica.ready && replica.health == Health::kServing;
}

}  // namespace

std::vector<IndexRow> service_index(const Gateway& gateway) {
    std::vector<IndexRow> rows;
    for (const Balancer::ServiceView& service : gateway.view()) {
        const auto& replicas = service.replicas;
        const bool ready = std::any_of(replicas.begin(), replicas.end(), can_answer);
        rows.push_back({service.service, "", ready ? "READY" : "UNAVAILABLE",
                        ready ? "" : "no replica is ready and reachable"});
    }
    return rows;
}

}  // namespace hf::serve::gateway
