#include "control/server/tokens.h"

#include "base/text.h"
#include "crypto/hash.h"
#include "resources/audit.h"

namespace hf::control {
namespace {

constexpr std::string_view kPrefix = "/tokens/";
constexpr std::size_t kIdBytes = 8;
constexpr std::size_t kSecretBytes = 32;
constexpr std::size_t kMaxTokenBytes = 512;

Status refused() {
    return unauthenticated(
        "the bearer token is not good: it is unknown, expired or its account is "
        "gone");
}

// The id of "hf.<id>.<secret>".
Result<std::string> id_of(std::string_view token) {
    const std::vector<std::string_view> parts = split(token.substr(0, kMaxTokenBytes + 1), '.');
    const bool formed = token.size() <= kMaxTokenBytes && parts.size() == 3 && parts[0] == "hf" &&
                        from_hex(parts[1]).ok() && parts[1].size() == 2 * kIdBytes;
    if (!formed) return refused();
    return std::string(parts[1]);
}

}  // namespace

api::Identity admin_identity() {
    return {"admin", {std::string(api::kMastersGroup), std::string(api::kAuthenticatedGroup)}};
}

Tokens::Tokens(resources::Resources& resources, env::Entropy& entropy)
    : resources_(resources), entropy_(entropy) {}

std::string Tokens::random_text(std::size_t size) {
    Bytes bytes(size);
    entropy_.fill(bytes);
    return to_hex(bytes);
}

Result<std::string> Tokens::issue(const api::Identity& who, const api::Identity& issuer,
                                  std::optional<Instant> expires) {
    return store_token({who, "", "", "", expires}, issuer);
}

Result<std::string> Tokens::issue_for_account(const resources::ObjectKey& account,
                                              const api::Identity& issuer,
                                              std::optional<Instant> expires) {
    const api::Object object = HF_TRY(resources_.get(account));
    return store_token({api::Identity::of_service_account(account.ns, account.name), account.ns,
                        account.name, std::string(object.uid()), expires},
                       issuer);
}

Result<std::string> Tokens::store_token(const Grant& grant, const api::Identity& issuer) {
    const std::string id = random_text(kIdBytes);
    const std::string token = fmt::format("hf.{}.{}", id, random_text(kSecretBytes));
    json::Array groups;
    for (const std::string& group : grant.who.groups) groups.emplace_back(group);
    json::Object record{{"sha256", crypto::sha256(as_bytes(token)).hex()},
                        {"user", grant.who.user},
                        {"groups", std::move(groups)}};
    if (!grant.account_uid.empty()) {
        record["account"] = json::Object{{"namespace", grant.account_ns},
                                         {"name", grant.account_name},
                                         {"uid", grant.account_uid}};
    }
    if (grant.expires) record["expires"] = format_rfc3339(*grant.expires);
    store::Transaction transaction;
    const std::string key = fmt::format("{}{}", kPrefix, id);
    transaction.compares.push_back({key, store::Revision(0)});
    transaction.puts.push_back({key, json::write(record), {}});
    transaction.puts.push_back(resources::audit_entry(
        {issuer, "create", "serviceaccounts/token", grant.account_ns,
         grant.account_name.empty() ? grant.who.user : grant.account_name, grant.account_uid},
        resources_.clock().now(), id));
    HF_TRY(resources_.store().commit(transaction).status());
    return token;
}

Result<api::Identity> Tokens::authenticate(std::string_view token) {
    const std::string id = HF_TRY(id_of(token));
    const Result<store::KeyValue> stored = resources_.store().get(fmt::format("{}{}", kPrefix, id));
    if (stored.status().code() == Code::kNotFound) return refused();
    HF_TRY(stored.status());
    const json::Value record = HF_TRY(json::parse(stored->value));
    const Digest known =
        HF_TRY(Digest::parse(fmt::format("sha256:{}", json::get_string(record, "sha256"))));
    if (!crypto::same_digest(known, crypto::sha256(as_bytes(token)))) return refused();
    if (const std::string_view expires = json::get_string(record, "expires"); !expires.empty()) {
        if (HF_TRY(parse_rfc3339(expires)) <= resources_.clock().now()) return refused();
    }
    if (const json::Value* account = json::find(record, "account")) {
        const Result<api::Object> object = resources_.get(
            {&api::service_account_kind(), std::string(json::get_string(*account, "namespace")),
             std::string(json::get_string(*account, "name"))});
        if (!object.ok() || object->uid() != json::get_string(*account, "uid")) return refused();
    }
    api::Identity who{std::string(json::get_string(record, "user")), {}};
    if (const json::Array* groups = json::find_array(record, "groups")) {
        for (const json::Value& group : *groups) {
            if (group.is_string()) who.groups.emplace_back(json::as_view(group.get_string()));
        }
    }
    return who;
}

Status Tokens::revoke(std::string_view token, const api::Identity& by) {
    const api::Identity who = HF_TRY(authenticate(token));
    const std::string id = HF_TRY(id_of(token));
    store::Transaction transaction;
    transaction.removes.push_back(fmt::format("{}{}", kPrefix, id));
    transaction.puts.push_back(
        resources::audit_entry({by, "delete", "serviceaccounts/token", "", who.user, ""},
                               resources_.clock().now(), random_text(kIdBytes)));
    return resources_.store().commit(transaction).status();
}

}  // namespace hf::control
