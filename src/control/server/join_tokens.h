// Join tokens: how a new machine shows once that an administrator expects it (crypto/join_token.h
// has the text). The store keeps the SHA-256 of the whole text under "/jointokens/<id>", with how
// often it may be used, by which node and until when; and who has used it under
// "/joinclaims/<id>/<place>", of which there are as many as uses. So a use writes one small key,
// and a thousand machines that come with one token at once do not wait for each other.
//
// What a use changes is committed by the caller in one transaction with what the use is for, and
// compares: of two that take the same place, one wins and the other decides again; and none wins
// once the token is withdrawn. The same node with the same key may use a token again, because the
// answer to its first use may have been lost.
//
// Thread-safety: all methods from any thread.

#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/join_token.h"
#include "resources/resources.h"

namespace hf::control {

inline constexpr std::int64_t kMaxJoinUses = 1000;
inline constexpr Duration kMaxJoinValidity = std::chrono::hours(24 * 30);

struct JoinOffer {
    Duration validity = std::chrono::hours(1);
    std::int64_t uses = 1;
    std::string node;  // only this one may use it; empty: any
    std::string site;  // where its nodes stand; may be empty
};

struct JoinClaim {
    std::string node;
    Digest key;  // PublicKey::fingerprint()
};

struct JoinRecord {
    Digest sha256;
    std::int64_t uses = 1;
    Instant expires;
    std::string node, site;
    std::vector<JoinClaim> used;
};

// The record after this use; as it was when it is the repetition of one. UNAUTHENTICATED begins
// with a reason of reasons.h. Pure.
Result<JoinRecord> decide_join(JoinRecord record, const JoinClaim& claim, Instant now);

class JoinTokens final {
public:
    // `root_pem`: the authority that tokens name. REQUIRES: it is a certificate; the others outlive
    // this.
    JoinTokens(resources::Resources& resources, env::Entropy& entropy, std::string_view root_pem);

    // The token is in the answer and nowhere else. INVALID_ARGUMENT names the field.
    Result<std::string> issue(const JoinOffer& offer, const api::Identity& issuer);

    // The token with this id is not good any more. NOT_FOUND when there is none.
    Status revoke(std::string_view id, const api::Identity& by);

    struct Open {
        std::string id;
        JoinRecord record;
        store::KeyValue stored;
        std::set<std::int64_t> taken;  // places
    };
    // Of a token that was issued here, expired or used up as it may be. UNAUTHENTICATED never says
    // which part was wrong.
    Result<Open> open(std::string_view text);

    // All that are kept; expired ones go a day later, when the next one is issued.
    Result<std::vector<Open>> list();

    // Adds to a transaction what a use changes, `after` it as decide_join() says.
    void add_use(const Open& open, const JoinRecord& after, store::Transaction& transaction);

private:
    Status read_claims(Open& open);
    Status remove_expired();
    std::string random_text(std::size_t bytes);

    resources::Resources& resources_;
    env::Entropy& entropy_;
    const Digest root_;
};

}  // namespace hf::control
