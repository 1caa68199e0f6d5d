// Bearer tokens. A token is "hf.<id>.<secret>"; the store keeps only the SHA-256 of the whole text,
// under the id, with whom it stands for. A token of a ServiceAccount ends with the account.
//
// Thread-safety: all methods from any thread. UNAUTHENTICATED never says which part was wrong.

#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "resources/resources.h"

namespace hf::control {

class Tokens final {
public:
    // REQUIRES: all outlive this.
    Tokens(resources::Resources& resources, env::Entropy& entropy);

    // For a person or a part of Holdfast. The token is in the answer and nowhere else.
    Result<std::string> issue(const api::Identity& who, const api::Identity& issuer,
                              std::optional<Instant> expires = std::nullopt);

    // For a ServiceAccount that exists; NOT_FOUND otherwise.
    Result<std::string> issue_for_account(const resources::ObjectKey& account,
                                          const api::Identity& issuer,
                                          std::optional<Instant> expires);

    Result<api::Identity> authenticate(std::string_view token);

    // The token is not good any more. UNAUTHENTICATED when it was none.
    Status revoke(std::string_view token, const api::Identity& by);

private:
    struct Grant {
        api::Identity who;
        std::string account_ns, account_name, account_uid;  // empty: no ServiceAccount
        std::optional<Instant> expires;
    };
    Result<std::string> store_token(const Grant& grant, const api::Identity& issuer);
    std::string random_text(std::size_t bytes);

    resources::Resources& resources_;
    env::Entropy& entropy_;
};

// The first administrator, in system:masters.
api::Identity admin_identity();

}  // namespace hf::control
