#include "control/rollout/observed.h"

namespace hf::control::rollout {

Status check(const Observed& observed) {
    if (observed.rollout.empty() || observed.rollout.find('/') != std::string::npos) {
        return invalid_argument("rollout: want its uid, without '/'");
    }
    const std::vector<NodeState>& nodes = observed.nodes;
    if (nodes.size() > static_cast<std::size_t>(kNodesMax)) {
        return invalid_argument("nodes: there are {}; want at most {}", nodes.size(), kNodesMax);
    }
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        if (nodes[i].name.empty()) return invalid_argument("nodes[{}]: it has no name", i);
        if (i > 0 && nodes[i].name <= nodes[i - 1].name) {
            return invalid_argument(
                "nodes[{}]: '{}' after '{}': want each once, in ascending order", i, nodes[i].name,
                nodes[i - 1].name);
        }
        if (!nodes[i].token) continue;
        const Token& token = *nodes[i].token;
        if (token.rollout != observed.rollout) continue;
        HF_TRY(parse_token(to_text(token)).status().context("node {}", nodes[i].name));
    }
    return {};
}

}  // namespace hf::control::rollout
