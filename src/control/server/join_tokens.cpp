#include "control/server/join_tokens.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "api/names.h"
#include "base/text.h"
#include "control/server/reasons.h"
#include "crypto/certificates.h"
#include "crypto/hash.h"
#include "resources/audit.h"

namespace hf::control {
namespace {

constexpr std::string_view kPrefix = "/jointokens/";
constexpr std::string_view kClaimsPrefix = "/joinclaims/";
constexpr std::string_view kResource = "jointokens";
constexpr std::size_t kAuditIdBytes = 8;
constexpr std::size_t kSweepMax = 100;  // keys removed in one transaction

// How long an expired token is still told so, instead of that nobody knows it.
constexpr Duration kKeptAfterEnd = std::chrono::hours(24);

std::string claims_of(std::string_view id) {
    return fmt::format("{}{}/", kClaimsPrefix, id);
}

std::string encode(const JoinRecord& record) {
    return json::write(json::Object{{"sha256", record.sha256.to_string()},
                                    {"uses", record.uses},
                                    {"expires", format_rfc3339_micros(record.expires)},
                                    {"node", record.node},
                                    {"site", record.site}});
}

std::string encode(const JoinClaim& claim) {
    return fmt::format("{} {}", claim.node, claim.key.to_string());
}

Result<JoinClaim> decode_claim(std::string_view text) {
    const std::size_t space = text.find(' ');
    if (space == std::string_view::npos) return data_loss("'{}' is no use of a token", text);
    const Digest key = HF_TRY(Digest::parse(text.substr(space + 1)));
    return JoinClaim{std::string(text.substr(0, space)), key};
}

Result<JoinRecord> decode(std::string_view text) {
    const json::Value value = HF_TRY(json::parse(text));
    JoinRecord record;
    record.sha256 = HF_TRY(Digest::parse(json::get_string(value, "sha256")));
    record.uses = HF_TRY(json::need_int(value, "uses"));
    record.expires = HF_TRY(parse_rfc3339(json::get_string(value, "expires")));
    record.node = std::string(json::get_string(value, "node"));
    record.site = std::string(json::get_string(value, "site"));
    // Where the first versions of Holdfast kept the uses.
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
    Open open{token->id, std::move(record), std::move(*stored), {}};
    HF_TRY(read_claims(open));
    return open;
}

Status JoinTokens::read_claims(Open& open) {
    const std::string prefix = claims_of(open.id);
    const store::ListResult claims = HF_TRY(resources_.store().list(prefix, {}));
    for (const store::KeyValue& item : claims.items) {
        open.taken.insert(
            HF_TRY(parse_int(item.key.substr(prefix.size())).context("{}", item.key)));
        open.record.used.push_back(HF_TRY(decode_claim(item.value).context("{}", item.key)));
    }
    return {};
}

Result<std::vector<JoinTokens::Open>> JoinTokens::list() {
    const store::ListResult all = HF_TRY(resources_.store().list(kPrefix, {}));
    std::vector<Open> tokens;
    for (const store::KeyValue& stored : all.items) {
        const std::string id = stored.key.substr(kPrefix.size());
        JoinRecord record = HF_TRY(decode(stored.value).context("join token {}", id));
        tokens.push_back({id, std::move(record), stored, {}});
        HF_TRY(read_claims(tokens.back()));
    }
    return tokens;
}

// One of the free places by chance, so that those who come at once seldom want the same.
void JoinTokens::add_use(const Open& open, const JoinRecord& after,
                         store::Transaction& transaction) {
    transaction.compares.push_back({open.stored.key, open.stored.modified});
    if (after.used.size() == open.record.used.size()) return;  // again
    const auto kept = static_cast<std::int64_t>(open.record.used.size() - open.taken.size());
    std::vector<std::int64_t> free;
    for (std::int64_t place = kept; place < after.uses; ++place) {
        if (!open.taken.contains(place)) free.push_back(place);
    }
    std::array<std::uint8_t, 2> chance{};
    entropy_.fill(chance);
    const std::size_t drawn = (std::size_t{chance[0]} << 8 | chance[1]) % free.size();
    const std::string key = fmt::format("{}{}", claims_of(open.id), free[drawn]);
    transaction.compares.push_back({key, store::Revision(0)});
    transaction.puts.push_back({key, encode(after.used.back()), {}});
}

Status JoinTokens::remove_expired() {
    const Instant now = resources_.clock().now();
    std::vector<std::string> gone;
    std::set<std::string> kept;
    const store::ListResult tokens = HF_TRY(resources_.store().list(kPrefix, {}));
    for (const store::KeyValue& token : tokens.items) {
        std::string id = token.key.substr(kPrefix.size());
        const JoinRecord record = HF_TRY(decode(token.value).context("join token {}", id));
        if (record.expires + kKeptAfterEnd <= now) {
            gone.push_back(token.key);
        } else {
            kept.insert(std::move(id));
        }
    }
    // The uses of tokens that are gone, withdrawn ones too.
    const store::ListResult claims = HF_TRY(resources_.store().list(kClaimsPrefix, {}));
    for (const store::KeyValue& claim : claims.items) {
        const std::string rest = claim.key.substr(kClaimsPrefix.size());
        if (!kept.contains(rest.substr(0, rest.find('/')))) gone.push_back(claim.key);
    }
    for (std::size_t at = 0; at < gone.size(); at += kSweepMax) {
        store::Transaction sweep;
        const std::size_t end = std::min(at + kSweepMax, gone.size());
        sweep.removes.assign(std::make_move_iterator(gone.begin() + static_cast<long>(at)),
                             std::make_move_iterator(gone.begin() + static_cast<long>(end)));
        HF_TRY(resources_.store().commit(sweep).status());
    }
    return {};
}

}  // namespace hf::control
