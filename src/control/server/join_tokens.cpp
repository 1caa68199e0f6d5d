#include "control/server/join_tokens.h"

#include <algorithm>

#include "api/names.h"
#include "control/server/reasons.h"
#include "crypto/certificates.h"
#include "crypto/hash.h"
#include "resources/audit.h"

namespace hf::control {
namespace {

constexpr std::string_view kPrefix = "/jointokens/";
constexpr std::string_view kResource = "jointokens";
constexpr std::size_t kAuditIdBytes = 8;
constexpr std::size_t kSweepMax = 1000;  // expired tokens removed at a time

// How long an expired token is still told so, instead of that nobody knows it.
constexpr Duration kKeptAfterEnd = std::chrono::hours(24);

std::string encode(const JoinRecord& record) {
    json::Array used;
    for (const JoinClaim& claim : record.used)
        used.push_back(json::Object{{"node", claim.node}, {"key", claim.key.to_string()}});
    return json::write(json::Object{{"sha256", record.sha256.to_string()},
                                    {"uses", record.uses},
                                    {"expires", format_rfc3339_micros(record.expires)},
                                    {"node", record.node},
                                    {"site", record.site},
                                    {"used", std::move(used)}});
}

Result<JoinRecord> decode(std::string_view text) {
    const json::Value value = HF_TRY(json::parse(text));
    JoinRecord record;
    record.sha256 = HF_TRY(Digest::parse(json::get_string(value, "sha256")));
    record.uses = HF_TRY(json::need_int(value, "uses"));
    record.expires = HF_TRY(parse_rfc3339(json::get_string(value, "expires")));
    record.node = std::string(json::get_string(value, "node"));
    record.site = std::string(json::get_string(value, "site"));
    if (const json::Array* used = json::find_array(value, "used")) {
        for (const json::Value& use : *used) {
            const Digest key = HF_TRY(Digest::parse(json::get_string(use, "key")));
            record.used.push_back({std::string(json::get_string(use, "node")), key});
        }
    }
    return record;
}

Status check_offer(const JoinOffer& offer) {
    if (offer.uses < 1 || offer.uses > kMaxJoinUses) {
        return invalid_argument("uses: {}: want 1 to {}", offer.uses, kMaxJoinUses);
    }
    if (offer.validity <= Duration::zero() || offer.validity > kMaxJoinValidity) {
        return invalid_argument("validity: {}: want more than nothing and at most {}",
                                format_duration(offer.validity), format_duration(kMaxJoinValidity));
    }
    if (!offer.node.empty()) HF_TRY(api::check_name(offer.node).context("node"));
    if (!offer.site.empty()) HF_TRY(api::check_name(offer.site).context("site"));
    return {};
}

Status unknown() {
    return reasons::refuse(Code::kUnauthenticated, reasons::kJoinTokenUnknown,
                           "no such join token was given out here, or it was withdrawn; ask for a "
                           "new one");
}

}  // namespace

Result<JoinRecord> decide_join(JoinRecord record, const JoinClaim& claim, Instant now) {
    if (now >= record.expires) {
        return reasons::refuse(Code::kUnauthenticated, reasons::kJoinTokenExpired,
                               "the join token ended at {}; ask for a new one",
                               format_rfc3339(record.expires));
    }
    if (!record.node.empty() && record.node != claim.node) {
        return reasons::refuse(Code::kUnauthenticated, reasons::kJoinTokenOtherNode,
                               "the join token is for another node than '{}'", claim.node);
    }
    const bool repeated = std::any_of(
        record.used.begin(), record.used.end(),
        [&](const JoinClaim& use) { return use.node == claim.node && use.key == claim.key; });
    if (repeated) return record;
    if (record.used.size() >= static_cast<std::size_t>(record.uses)) {
        return reasons::refuse(
            Code::kUnauthenticated, reasons::kJoinTokenUsed,
            "the join token is used up; ask for a new one. If this node has "
            "never joined, somebody else used its token: tell the administrator");
    }
    record.used.push_back(claim);
    return record;
}

JoinTokens::JoinTokens(resources::Resources& resources, env::Entropy& entropy,
                       std::string_view root_pem)
    : resources_(resources),
      entropy_(entropy),
      root_(crypto::certificate_digest(root_pem).value()) {}

std::string JoinTokens::random_text(std::size_t size) {
    Bytes bytes(size);
    entropy_.fill(bytes);
    return to_hex(bytes);
}

Result<std::string> JoinTokens::issue(const JoinOffer& offer, const api::Identity& issuer) {
    HF_TRY(check_offer(offer));
    HF_TRY(remove_expired());
    const Instant now = resources_.clock().now();
    const crypto::JoinToken token{random_text(crypto::JoinToken::kIdBytes),
                                  random_text(crypto::JoinToken::kSecretBytes), root_};
    JoinRecord record;
    record.sha256 = token.digest();
    record.uses = offer.uses;
    record.expires = now + offer.validity;
    record.node = offer.node;
    record.site = offer.site;
    store::Transaction transaction;
    const std::string key = fmt::format("{}{}", kPrefix, token.id);
    transaction.compares.push_back({key, store::Revision(0)});
    transaction.puts.push_back({key, encode(record), {}});
    transaction.puts.push_back(resources::audit_entry(
        {issuer, "create", kResource, "", token.id, ""}, now, random_text(kAuditIdBytes)));
    HF_TRY(resources_.store().commit(transaction).status());
    return token.text();
}

Status JoinTokens::revoke(std::string_view id, const api::Identity& by) {
    const std::string key = fmt::format("{}{}", kPrefix, id);
    const Result<store::KeyValue> stored = resources_.store().get(key);
    if (stored.status().code() == Code::kNotFound) {
        return not_found("there is no join token '{}'", id);
    }
    HF_TRY(stored.status());
    store::Transaction transaction;
    transaction.removes.push_back(key);
    transaction.puts.push_back(resources::audit_entry({by, "delete", kResource, "", id, ""},
                                                      resources_.clock().now(),
                                                      random_text(kAuditIdBytes)));
    return resources_.store().commit(transaction).status();
}

Result<JoinTokens::Open> JoinTokens::open(std::string_view text) {
    const Result<crypto::JoinToken> token = crypto::JoinToken::parse(text);
    if (!token.ok()) {
        return reasons::refuse(Code::kUnauthenticated, reasons::kJoinTokenMalformed, "{}",
                               token.status().message());
    }
    Result<store::KeyValue> stored =
        resources_.store().get(fmt::format("{}{}", kPrefix, token->id));
    if (stored.status().code() == Code::kNotFound) return unknown();
    HF_TRY(stored.status());
    JoinRecord record = HF_TRY(decode(stored->value).context("join token {}", token->id));
    if (!crypto::same_digest(record.sha256, token->digest())) return unknown();
    return Open{token->id, std::move(record), std::move(*stored)};
}

Result<std::vector<JoinTokens::Open>> JoinTokens::list() {
    const store::ListResult all = HF_TRY(resources_.store().list(kPrefix, {}));
    std::vector<Open> tokens;
    for (const store::KeyValue& stored : all.items) {
        const std::string id = stored.key.substr(kPrefix.size());
        JoinRecord record = HF_TRY(decode(stored.value).context("join token {}", id));
        tokens.push_back({id, std::move(record), stored});
    }
    return tokens;
}

void JoinTokens::add_use(const Open& open, const JoinRecord& after,
                         store::Transaction& transaction) {
    transaction.compares.push_back({open.stored.key, open.stored.modified});
    transaction.puts.push_back({open.stored.key, encode(after), {}});
}

Status JoinTokens::remove_expired() {
    const Instant now = resources_.clock().now();
    store::Transaction transaction;
    const std::vector<Open> tokens = HF_TRY(list());
    for (const Open& token : tokens) {
        if (token.record.expires + kKeptAfterEnd <= now && transaction.removes.size() < kSweepMax)
            transaction.removes.push_back(token.stored.key);
    }
    if (transaction.removes.empty()) return {};
    return resources_.store().commit(transaction).status();
}

}  // namespace hf::control
