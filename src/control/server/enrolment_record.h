// What the server knows of each enrolled node, and the decisions about it, as pure functions:
// whether a machine gets a certificate, and whether one that it shows is good.
//
// A node has one key for as long as it is enrolled, and certificates (SVIDs) for it in a row, told
// apart by their serials. The record has the current and the previous. A renewal whose answer is
// lost leaves the node with the previous one, so that stays good until the current one has been
// seen; from then on the node has no use for it, and a short grace is for connections that were
// open. Therefore two holders of one key cannot both go on: whoever renews by a certificate that
// was replaced and its successor seen, or shows one older than the previous, shows that the key is
// in two places. The node is quarantined until an administrator has looked.
//
// Refusals begin with a reason of reasons.h. Values; nothing here reads a clock or the store.

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "base/status.h"
#include "base/time.h"

namespace hf::control {

// How long the previous certificate is good after the current one was seen.
inline constexpr Duration kSupersededGrace = std::chrono::minutes(5);

// How long after its end a certificate still renews: for machines that were switched off. Later
// they join again with a token.
inline constexpr Duration kRenewalGrace = std::chrono::hours(24 * 30);

// Keys that were revoked and cannot come back under the same name; the oldest is forgotten first.
inline constexpr std::size_t kMaxRevokedKeys = 16;

enum class EnrolmentState : unsigned char { kActive, kRevoked, kQuarantined };
std::string_view name_of(EnrolmentState state);  // "active", "revoked", "quarantined"

struct EnrolmentRecord {
    std::string node;
    std::string site;  // may be empty
    EnrolmentState state = EnrolmentState::kActive;
    std::string why;  // it is not active
    Digest key;
    std::vector<Digest> revoked_keys;
    std::string current, previous;  // serials; the latter may be empty
    std::optional<Instant> seen;    // when the current certificate was first used
    Instant until;                  // the current certificate's end
    Instant enrolled, renewed;
};

std::string encode(const EnrolmentRecord& record);

// DATA_LOSS when the stored text is none.
Result<EnrolmentRecord> decode_enrolment(std::string_view text);

// The certificate that a request came with, verified up to our root.
struct ShownSvid {
    std::string serial;
    Digest key;
    Instant until;
};

struct EnrolmentRequest {
    std::string node;
    Digest key;                      // of the signing request
    std::string site;                // of the join token
    std::optional<ShownSvid> shown;  // none: by join token
};

// What becomes of the record when somebody is refused, or comes.
enum class Consequence : unsigned char { kNone, kSeen, kQuarantine };

struct EnrolmentDecision {
    Status verdict;  // OK: issue, then put replaced() into the store
    Consequence consequence = Consequence::kNone;
};

// `record` is null for a name that was never enrolled.
EnrolmentDecision decide_enrolment(const EnrolmentRecord* record, const EnrolmentRequest& request,
                                   Instant now);

// Whether the certificate is good for requests.
EnrolmentDecision decide_use(const EnrolmentRecord* record, const ShownSvid& shown, Instant now);

struct NewSvid {
    std::string serial;
    Instant until;
};

// The record after a certificate was issued upon a good decision.
EnrolmentRecord replaced(const EnrolmentRecord* record, const EnrolmentRequest& request,
                         const NewSvid& issued, Instant now);

// As it is after a consequence, a revocation, and an administrator's word that all is well.
// INVALID_ARGUMENT and FAILED_PRECONDITION: there is nothing to be cleared.
EnrolmentRecord after(EnrolmentRecord record, Consequence consequence, const Status& verdict,
                      Instant now);
EnrolmentRecord revoked(EnrolmentRecord record, std::string_view why);
Result<EnrolmentRecord> cleared(EnrolmentRecord record);

}  // namespace hf::control
