// Why a machine or a person is refused: one stable word each, with which the message of the refusal
// begins ("svid-expired: ...") and which its audit entry carries. Programs and people look for
// these; docs/reference/enrolment.md and docs/reference/attacks.md say what to do about each.
// "forbidden" is in audit entries only: there the message is in Kubernetes' words.

#pragma once

#include <string_view>
#include <utility>

#include "base/status.h"

namespace hf::control::reasons {

inline constexpr std::string_view kRequestMalformed = "request-malformed";
inline constexpr std::string_view kJoinTokenMissing = "join-token-missing";
inline constexpr std::string_view kJoinTokenMalformed = "join-token-malformed";
inline constexpr std::string_view kJoinTokenUnknown = "join-token-unknown";
inline constexpr std::string_view kJoinTokenExpired = "join-token-expired";
inline constexpr std::string_view kJoinTokenUsed = "join-token-used";
inline constexpr std::string_view kJoinTokenOtherNode = "join-token-other-node";
inline constexpr std::string_view kNodeNameTaken = "node-name-taken";
inline constexpr std::string_view kNodeUnknown = "node-unknown";
inline constexpr std::string_view kNodeRevoked = "node-revoked";
inline constexpr std::string_view kNodeQuarantined = "node-quarantined";
inline constexpr std::string_view kKeyRevoked = "key-revoked";
inline constexpr std::string_view kKeyInTwoPlaces = "key-in-two-places";
inline constexpr std::string_view kSvidMissing = "svid-missing";
inline constexpr std::string_view kSvidNotServed = "svid-not-served";
inline constexpr std::string_view kSvidOldTls = "svid-old-tls";
inline constexpr std::string_view kSvidNotOneUri = "svid-not-one-uri";
inline constexpr std::string_view kSvidOtherTrustDomain = "svid-other-trust-domain";
inline constexpr std::string_view kSvidNotANode = "svid-not-a-node";
inline constexpr std::string_view kSvidIsAuthority = "svid-is-authority";
inline constexpr std::string_view kSvidExpired = "svid-expired";
inline constexpr std::string_view kSvidOtherKey = "svid-other-key";
inline constexpr std::string_view kSvidSuperseded = "svid-superseded";
inline constexpr std::string_view kRenewalTooLate = "renewal-too-late";
inline constexpr std::string_view kRenewalOtherKey = "renewal-other-key";
inline constexpr std::string_view kNotYourWord = "not-your-word";
inline constexpr std::string_view kOwnRollout = "own-rollout";
inline constexpr std::string_view kNotANode = "not-a-node";
inline constexpr std::string_view kNotItsService = "not-its-service";
inline constexpr std::string_view kNotItsModel = "not-its-model";
inline constexpr std::string_view kNodeForbidden = "node-forbidden";
inline constexpr std::string_view kNodeOfAnother = "node-of-another";
inline constexpr std::string_view kNodeOtherSite = "node-other-site";
inline constexpr std::string_view kForbidden = "forbidden";
inline constexpr std::string_view kGrantNotHeld = "grant-not-held";  // api/access.cpp says it
inline constexpr std::string_view kPolicyNotGranted = "policy-not-granted";

// "REASON: text".
template <typename... Args>
Status refuse(Code code, std::string_view reason, fmt::format_string<Args...> format,
              Args&&... args) {
    return Status(code,
                  fmt::format("{}: {}", reason, fmt::format(format, std::forward<Args>(args)...)));
}

// The reason that a refusal begins with.
inline std::string_view of(const Status& status) {
    return status.message().substr(0, status.message().find(':'));
}

// Whether the text has the form of a reason, and not that of a sentence.
inline bool is_reason(std::string_view text) {
    constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz-";
    return !text.empty() && text.find_first_not_of(kLetters) == std::string_view::npos;
}

}  // namespace hf::control::reasons
