#include "control/rollout/observed.h"

#include "base/text.h"

namespace hf::control::rollout {

std::string to_text(const Token& token) {
    return fmt::format("{}/{}/{}/{}", token.rollout, token.stage, token.attempt, token.revision);
}

Result<Token> parse_token(std::string_view text) {
    const std::vector<std::string_view> parts = split(text, '/');
    if (parts.size() != 4 || parts[0].empty()) {
        return invalid_argument("'{}' is not a token: want UID/STAGE/ATTEMPT/REVISION",
                                text.substr(0, 80));
    }
    Token token;
    token.rollout = parts[0];
    token.stage = HF_TRY(parse_int(parts[1]).context("token's stage"));
    token.attempt = HF_TRY(parse_int(parts[2]).context("token's attempt"));
    token.revision = HF_TRY(parse_int(parts[3]).context("token's revision"));
    const bool bounded = token.stage >= 0 && token.attempt >= 1 && token.revision >= 1 &&
                         token.stage < static_cast<std::int64_t>(kStagesMax) &&
                         token.attempt <= kAttemptsMax && token.revision <= kRevisionMax;
    if (!bounded) return invalid_argument("token '{}' is out of bounds", text.substr(0, 80));
    return token;
}

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
            return invalid_argument("nodes[{}]: '{}' after '{}': want each once, in ascending order",
                                    i, nodes[i].name, nodes[i - 1].name);
        }
        if (!nodes[i].token) continue;
        HF_TRY(parse_token(to_text(*nodes[i].token)).status().context("node {}", nodes[i].name));
    }
    return {};
}

}  // namespace hf::control::rollout
