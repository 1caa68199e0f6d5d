// Token: names one order of a roll-out on a node's record, and says what it was for, so that the
// records alone tell a State that was lost or is old what its successors decided.
//
// Pure values.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace hf::control::rollout {

inline constexpr std::int64_t kRevisionMax = std::int64_t{1} << 53;

enum class Why : unsigned char {
    kForward,  // the new version
    kSilent,   // back, because the node was unreachable for too long; it may get another
    kFailed,   // back, because its attempts are used up; it gets no other
    kAbort,    // back, like all
};
std::string_view why_name(Why why);
Result<Why> parse_why(std::string_view name);

// Equal tokens are the same order, however often it is written.
struct Token {
    std::string rollout;  // the Rollout's uid
    std::int64_t stage = 0;
    std::int64_t ordinal = 1;   // of the node in the stage: it was the first, the second, ...
    std::int64_t attempt = 1;   // of this node, in all stages
    std::int64_t revision = 0;  // of the State that decided it; grows from order to order of a node
    Why why = Why::kForward;
    friend bool operator==(const Token&, const Token&) = default;
};

// "UID/STAGE/ORDINAL/ATTEMPT/REVISION/WHY". INVALID_ARGUMENT when the text is not of this form.
std::string to_text(const Token& token);
Result<Token> parse_token(std::string_view text);

}  // namespace hf::control::rollout
