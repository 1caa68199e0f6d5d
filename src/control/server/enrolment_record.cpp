#include "control/server/enrolment_record.h"

#include <algorithm>

#include "base/json.h"
#include "control/server/reasons.h"

namespace hf::control {
namespace {

using reasons::refuse;

constexpr std::array kStates{EnrolmentState::kActive, EnrolmentState::kRevoked,
                             EnrolmentState::kQuarantined};

Status damaged(std::string_view what) {
    return data_loss("an enrolment record is damaged: {}", what);
}

Result<Instant> need_time(const json::Value& value, std::string_view key) {
    Result<Instant> time = parse_rfc3339(json::get_string(value, key));
    if (!time.ok()) return damaged(key);
    return time;
}

Result<Digest> need_digest(std::string_view text) {
    Result<Digest> digest = Digest::parse(text);
    if (!digest.ok()) return damaged("a key's digest");
    return digest;
}

Result<EnrolmentState> parse_state(std::string_view text) {
    for (const EnrolmentState state : kStates) {
        if (name_of(state) == text) return state;
    }
    return damaged("state");
}

bool is_revoked(const EnrolmentRecord& record, const Digest& key) {
    return std::find(record.revoked_keys.begin(), record.revoked_keys.end(), key) !=
           record.revoked_keys.end();
}

Status unknown_node() {
    return refuse(Code::kUnauthenticated, reasons::kNodeUnknown,
                  "no node of this name is enrolled here; join with a token");
}

Status revoked_node(const EnrolmentRecord& record) {
    return refuse(Code::kUnauthenticated, reasons::kNodeRevoked,
                  "the enrolment of '{}' was revoked; join again with a new key and a new token",
                  record.node);
}

Status quarantined_node(const EnrolmentRecord& record) {
    return refuse(Code::kUnauthenticated, reasons::kNodeQuarantined,
                  "'{}' is quarantined ({}); an administrator clears or revokes it", record.node,
                  record.why);
}

// Key and state: what every certificate must pass, whatever it is shown for.
Status check_standing(const EnrolmentRecord* record, const ShownSvid& shown) {
    if (!record) return unknown_node();
    if (is_revoked(*record, shown.key)) return revoked_node(*record);
    if (shown.key != record->key) {
        return refuse(Code::kUnauthenticated, reasons::kSvidOtherKey,
                      "the certificate is for another key than the enrolled one of '{}'",
                      record->node);
    }
    if (record->state == EnrolmentState::kRevoked) return revoked_node(*record);
    if (record->state == EnrolmentState::kQuarantined) return quarantined_node(*record);
    return {};
}

EnrolmentDecision two_places(const EnrolmentRecord& record, std::string_view what) {
    return {refuse(Code::kUnauthenticated, reasons::kKeyInTwoPlaces,
                   "a certificate of '{}' {}: its key is in two places. The node is quarantined "
                   "until an administrator clears or revokes it",
                   record.node, what),
            Consequence::kQuarantine};
}

EnrolmentDecision decide_renewal(const EnrolmentRecord* record, const EnrolmentRequest& request,
                                 Instant now) {
    const ShownSvid& shown = *request.shown;
    const Status standing = check_standing(record, shown);
    if (!standing.ok()) return {standing};
    if (request.key != record->key) {
        return {refuse(Code::kPermissionDenied, reasons::kRenewalOtherKey,
                       "the signing request is for another key than the enrolled one; a node keeps "
                       "its key until it is revoked")};
    }
    if (now >= shown.until + kRenewalGrace) {
        return {refuse(Code::kUnauthenticated, reasons::kRenewalTooLate,
                       "the certificate ended at {}, longer than {} ago; join again with a token",
                       format_rfc3339(shown.until), format_duration(kRenewalGrace))};
    }
    if (shown.serial == record->current) return {};
    if (shown.serial != record->previous)
        return two_places(*record, "older than its previous one renews");
    if (record->seen) return two_places(*record, "renews that was replaced by one in use");
    return {};
}

EnrolmentDecision decide_join_of(const EnrolmentRecord* record, const EnrolmentRequest& request) {
    if (!record) return {};
    if (is_revoked(*record, request.key)) {
        return {refuse(Code::kPermissionDenied, reasons::kKeyRevoked,
                       "this key was revoked for '{}'; join with a new key", request.node)};
    }
    switch (record->state) {
        case EnrolmentState::kRevoked: return {};
        case EnrolmentState::kQuarantined: return {quarantined_node(*record)};
        case EnrolmentState::kActive: break;
    }
    if (request.key == record->key) return {};
    return {refuse(Code::kAlreadyExists, reasons::kNodeNameTaken,
                   "'{}' is enrolled with another key; choose another name, or have an "
                   "administrator revoke it first",
                   request.node)};
}

}  // namespace

std::string_view name_of(EnrolmentState state) {
    switch (state) {
        case EnrolmentState::kActive: return "active";
        case EnrolmentState::kRevoked: return "revoked";
        case EnrolmentState::kQuarantined: return "quarantined";
    }
    return "";
}

std::string encode(const EnrolmentRecord& record) {
    json::Array revoked_keys;
    for (const Digest& key : record.revoked_keys) revoked_keys.emplace_back(key.to_string());
    json::Object value{{"node", record.node},
                       {"site", record.site},
                       {"state", name_of(record.state)},
                       {"why", record.why},
                       {"key", record.key.to_string()},
                       {"revokedKeys", std::move(revoked_keys)},
                       {"current", record.current},
                       {"previous", record.previous},
                       {"until", format_rfc3339_micros(record.until)},
                       {"enrolled", format_rfc3339_micros(record.enrolled)},
                       {"renewed", format_rfc3339_micros(record.renewed)}};
    if (record.seen) value["seen"] = format_rfc3339_micros(*record.seen);
    return json::write(value);
}

Result<EnrolmentRecord> decode_enrolment(std::string_view text) {
    const Result<json::Value> value = json::parse(text);
    if (!value.ok()) return damaged(value.status().message());
    EnrolmentRecord record;
    record.node = std::string(json::get_string(*value, "node"));
    record.site = std::string(json::get_string(*value, "site"));
    record.state = HF_TRY(parse_state(json::get_string(*value, "state")));
    record.why = std::string(json::get_string(*value, "why"));
    record.key = HF_TRY(need_digest(json::get_string(*value, "key")));
    if (const json::Array* keys = json::find_array(*value, "revokedKeys")) {
        for (const json::Value& key : *keys) {
            if (!key.is_string()) return damaged("revokedKeys");
            record.revoked_keys.push_back(HF_TRY(need_digest(json::as_view(key.get_string()))));
        }
    }
    record.current = std::string(json::get_string(*value, "current"));
    record.previous = std::string(json::get_string(*value, "previous"));
    record.until = HF_TRY(need_time(*value, "until"));
    record.enrolled = HF_TRY(need_time(*value, "enrolled"));
    record.renewed = HF_TRY(need_time(*value, "renewed"));
    if (json::find(*value, "seen")) record.seen = HF_TRY(need_time(*value, "seen"));
    return record;
}

EnrolmentDecision decide_enrolment(const EnrolmentRecord* record, const EnrolmentRequest& request,
                                   Instant now) {
    return request.shown ? decide_renewal(record, request, now) : decide_join_of(record, request);
}

EnrolmentDecision decide_use(const EnrolmentRecord* record, const ShownSvid& shown, Instant now) {
    const Status standing = check_standing(record, shown);
    if (!standing.ok()) return {standing};
    if (now >= shown.until) {
        return {refuse(Code::kUnauthenticated, reasons::kSvidExpired,
                       "the certificate of '{}' ended at {}; renew it, which its key may until {}",
                       record->node, format_rfc3339(shown.until),
                       format_rfc3339(shown.until + kRenewalGrace))};
    }
    if (shown.serial == record->current)
        return {{}, record->seen ? Consequence::kNone : Consequence::kSeen};
    if (shown.serial != record->previous)
        return two_places(*record, "older than its previous one is in use");
    if (!record->seen || now < *record->seen + kSupersededGrace) return {};
    return {refuse(Code::kUnauthenticated, reasons::kSvidSuperseded,
                   "the certificate of '{}' was replaced, and its successor is in use since {}; "
                   "connect anew with that one",
                   record->node, format_rfc3339(*record->seen))};
}

EnrolmentRecord replaced(const EnrolmentRecord* record, const EnrolmentRequest& request,
                         const NewSvid& issued, Instant now) {
    const bool goes_on = record && record->state == EnrolmentState::kActive;
    EnrolmentRecord next = record ? *record : EnrolmentRecord();
    next.node = request.node;
    next.key = request.key;
    next.state = EnrolmentState::kActive;
    next.why.clear();
    // A successor that nobody has seen was lost on its way, and its place is free.
    const bool lost = goes_on && request.shown && request.shown->serial == record->previous;
    if (!goes_on)
        next.previous.clear();
    else if (!lost)
        next.previous = record->current;
    next.current = issued.serial;
    next.until = issued.until;
    next.seen.reset();
    next.renewed = now;
    if (!goes_on) next.enrolled = now;
    if (!request.shown) next.site = request.site;
    return next;
}

EnrolmentRecord after(EnrolmentRecord record, Consequence consequence, const Status& verdict,
                      Instant now) {
    switch (consequence) {
        case Consequence::kNone: break;
        case Consequence::kSeen: record.seen = now; break;
        case Consequence::kQuarantine:
            record.state = EnrolmentState::kQuarantined;
            record.why = std::string(reasons::of(verdict));
            break;
    }
    return record;
}

EnrolmentRecord revoked(EnrolmentRecord record, std::string_view why) {
    if (!is_revoked(record, record.key)) record.revoked_keys.push_back(record.key);
    if (record.revoked_keys.size() > kMaxRevokedKeys)
        record.revoked_keys.erase(record.revoked_keys.begin());
    record.state = EnrolmentState::kRevoked;
    record.why = std::string(why);
    return record;
}

Result<EnrolmentRecord> cleared(EnrolmentRecord record) {
    if (record.state != EnrolmentState::kQuarantined) {
        return failed_precondition("'{}' is {}, not quarantined", record.node,
                                   name_of(record.state));
    }
    record.state = EnrolmentState::kActive;
    record.why.clear();
    return record;
}

}  // namespace hf::control
