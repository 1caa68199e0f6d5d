#include "control/rollout/token.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "control/rollout/spec.h"

namespace hf::control::rollout {
namespace {

constexpr std::array<std::string_view, 4> kWhys{"forward", "silent", "failed", "abort"};

}  // namespace

std::string_view why_name(Why why) {
    return kWhys[static_cast<std::size_t>(why)];
}

Result<Why> parse_why(std::string_view name) {
    const auto at = std::find(kWhys.begin(), kWhys.end(), name);
    if (at != kWhys.end()) return static_cast<Why>(at - kWhys.begin());
    return invalid_argument("'{}' is not one of forward, silent, failed, abort",
                            name.substr(0, 20));
}

std::string to_text(const Token& token) {
    return fmt::format("{}/{}/{}/{}/{}/{}", token.rollout, token.stage, token.ordinal,
                       token.attempt, token.revision, why_name(token.why));
}

Result<Token> parse_token(std::string_view text) {
    const std::vector<std::string_view> parts = split(text, '/');
    if (parts.size() != 6 || parts[0].empty()) {
        return invalid_argument("'{}' is not a token: want UID/STAGE/ORDINAL/ATTEMPT/REVISION/WHY",
                                text.substr(0, 80));
    }
    Token token;
    token.rollout = parts[0];
    token.stage = HF_TRY(parse_int(parts[1]).context("token's stage"));
    token.ordinal = HF_TRY(parse_int(parts[2]).context("token's ordinal"));
    token.attempt = HF_TRY(parse_int(parts[3]).context("token's attempt"));
    token.revision = HF_TRY(parse_int(parts[4]).context("token's revision"));
    token.why = HF_TRY(parse_why(parts[5]).context("token"));
    const bool bounded =
        token.stage >= 0 && token.ordinal >= 1 && token.attempt >= 1 && token.revision >= 1 &&
        token.stage < static_cast<std::int64_t>(kStagesMax) && token.ordinal <= kRevisionMax &&
        token.attempt <= kAttemptsMax && token.revision <= kRevisionMax;
    if (!bounded) return invalid_argument("token '{}' is out of bounds", text.substr(0, 80));
    return token;
}

}  // namespace hf::control::rollout
