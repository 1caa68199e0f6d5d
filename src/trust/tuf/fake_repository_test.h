// A repository of The Update Framework for tests: metadata as JSON that a test may change at will,
// signed by keys of seeds, published under the names that clients ask for; and a client's disk.
// All of it is in this header, so that the tests of other modules can use it too.

#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "crypto/ed25519.h"
#include "crypto/hash.h"
#include "trust/tuf/canonical.h"
#include "trust/tuf/refusal.h"
#include "trust/tuf/update.h"

namespace hf::trust::tuf {

struct TestKey {
    explicit TestKey(std::uint8_t seed);

    crypto::Ed25519PrivateKey key;
    std::string id;
    json::Object content;  // as a list of keys has it
};

class FakeRepository final {
public:
    explicit FakeRepository(Instant now);

    // What the role says from the next publish() on.
    json::Object& content(const std::string& role) { return content_[role]; }
    json::Object& role(const std::string& name);  // of the root: keyids, threshold
    std::vector<TestKey>& signers(const std::string& role) { return signers_[role]; }

    // Makes `key` one that may sign for a top-level role, and does.
    void add_key(const std::string& role, const TestKey& key);

    // Takes all keys of the role away and gives it this one.
    void change_key(const std::string& role, const TestKey& key);

    void add_target(const std::string& role, const std::string& path, std::string_view bytes,
                    json::Object custom = {});

    // A target of the top role with this digest, "sha256:HEX".
    void vouch(const std::string& path, const std::string& digest) {
        json::Object hashes{{"sha256", digest.substr(digest.find(':') + 1)}};
        content_["targets"]["targets"].as_object()[path] =
            json::Object{{"length", 1}, {"hashes", std::move(hashes)}};
    }

    // Lets `from` delegate to `to`, which gets an own key and no targets yet.
    void delegate(const std::string& from, const std::string& to,
                  const std::vector<std::string>& paths, const TestKey& key);

    // Signs it under its next version, and lists that where it has to be.
    void publish(const std::vector<std::string>& roles);

    std::map<std::string, std::string> files;  // by name, "2.root.json"
    bool with_hashes = true;

private:
    std::string expires_;
    std::map<std::string, json::Object> content_;
    std::map<std::string, std::vector<TestKey>> signers_;
};

// Metadata with these signatures; one more of each signer for every time it is named.
std::string signed_metadata(const json::Object& content, const std::vector<TestKey>& signers);

// A client: what it keeps, and what it asked for.
struct FakeClient {
    Kept kept;
    std::vector<std::string> requests;

    // A whole update at `now`, and then the searches. The first refusal, or OK.
    Status update(const FakeRepository& repository, Instant now,
                  const std::vector<std::string>& targets = {});

    std::vector<TargetFile> found;                        // of the last update
    std::int64_t version(const std::string& role) const;  // 0: it is not kept
};

namespace detail {

inline json::Array ids_of(const std::vector<TestKey>& keys) {
    json::Array ids;
    for (const TestKey& key : keys) ids.emplace_back(key.id);
    return ids;
}

inline json::Object head(std::string_view type, std::string_view expires) {
    return {{"_type", type}, {"spec_version", "1.0.34"}, {"version", 0}, {"expires", expires}};
}

}  // namespace detail

inline TestKey::TestKey(std::uint8_t seed)
    : key(crypto::Ed25519PrivateKey::from_seed(Bytes(32, seed)).value()) {
    content = {{"keytype", "ed25519"},
               {"scheme", "ed25519"},
               {"keyval", json::Object{{"public", to_hex(key.public_key().raw())}}}};
    id = crypto::sha256(as_bytes(canonical_json(content).value())).hex();
}

inline std::string signed_metadata(const json::Object& content,
                                   const std::vector<TestKey>& signers) {
    const std::string message = canonical_json(content).value();
    json::Array signatures;
    for (const TestKey& signer : signers) {
        signatures.push_back(json::Object{{"keyid", signer.id},
                                          {"sig", to_hex(signer.key.sign(as_bytes(message)))}});
    }
    return json::write(json::Object{{"signatures", signatures}, {"signed", content}});
}

inline FakeRepository::FakeRepository(Instant now)
    : expires_(
          format_rfc3339(std::chrono::floor<std::chrono::seconds>(now) + std::chrono::hours(24))) {
    for (const char* role : {"root", "timestamp", "snapshot", "targets"}) {
        content_[role] = detail::head(role, expires_);
    }
    content_["root"]["consistent_snapshot"] = true;
    content_["root"]["keys"] = json::Object();
    content_["root"]["roles"] = json::Object();
    content_["timestamp"]["meta"] = json::Object();
    content_["snapshot"]["meta"] = json::Object();
    content_["targets"]["targets"] = json::Object();
    std::uint8_t seed = 1;
    for (const char* role : {"root", "timestamp", "snapshot", "targets"}) {
        change_key(role, TestKey(seed++));
    }
    publish({"root", "targets", "snapshot", "timestamp"});
}

inline json::Object& FakeRepository::role(const std::string& name) {
    return content_["root"]["roles"].as_object()[name].as_object();
}

inline void FakeRepository::add_key(const std::string& name, const TestKey& key) {
    content_["root"]["keys"].as_object()[key.id] = key.content;
    role(name)["keyids"].as_array().emplace_back(key.id);
    signers_[name].push_back(key);
}

inline void FakeRepository::change_key(const std::string& name, const TestKey& key) {
    content_["root"]["roles"].as_object()[name] =
        json::Object{{"keyids", json::Array()}, {"threshold", 1}};
    signers_[name].clear();
    add_key(name, key);
}

inline void FakeRepository::add_target(const std::string& role, const std::string& path,
                                       std::string_view bytes, json::Object custom) {
    json::Object file{{"length", bytes.size()},
                      {"hashes", json::Object{{"sha256", crypto::sha256(as_bytes(bytes)).hex()}}}};
    if (!custom.empty()) file["custom"] = std::move(custom);
    content_[role]["targets"].as_object()[path] = std::move(file);
}

inline void FakeRepository::delegate(const std::string& from, const std::string& to,
                                     const std::vector<std::string>& paths, const TestKey& key) {
    json::Value& delegations = content_[from]["delegations"];
    if (delegations.is_null()) {
        delegations = json::Object{{"keys", json::Object()}, {"roles", json::Array()}};
    }
    delegations.as_object()["keys"].as_object()[key.id] = key.content;
    json::Array patterns;
    for (const std::string& path : paths) patterns.emplace_back(path);
    delegations.as_object()["roles"].as_array().push_back(
        json::Object{{"name", to},
                     {"keyids", detail::ids_of({key})},
                     {"threshold", 1},
                     {"terminating", false},
                     {"paths", patterns}});
    std::vector<TestKey>& signers = signers_[to];
    const auto is_same = [&](const TestKey& other) { return other.id == key.id; };
    if (std::none_of(signers.begin(), signers.end(), is_same)) signers.push_back(key);
    if (content_.contains(to)) return;
    content_[to] = detail::head("targets", expires_);
    content_[to]["targets"] = json::Object();
}

inline void FakeRepository::publish(const std::vector<std::string>& roles) {
    for (const std::string& name : roles) {
        json::Object& said = content_[name];
        said["version"] = said["version"].as_int64() + 1;
        const std::string bytes = signed_metadata(said, signers_[name]);
        const std::string file = name + ".json";
        files[file] = bytes;
        files[fmt::format("{}.{}", said["version"].as_int64(), file)] = bytes;
        json::Object meta{{"version", said["version"]}};
        if (with_hashes) {
            meta["length"] = bytes.size();
            meta["hashes"] = json::Object{{"sha256", crypto::sha256(as_bytes(bytes)).hex()}};
        }
        if (name == "root" || name == "timestamp") continue;
        content_[name == "snapshot" ? "timestamp" : "snapshot"]["meta"].as_object()[file] = meta;
    }
}

inline Status FakeClient::update(const FakeRepository& repository, Instant now,
                                 const std::vector<std::string>& targets) {
    requests.clear();
    found.clear();
    Update update(kept, now);
    const auto follow = [&](Turn turn) {
        while (true) {
            for (const Change& change : turn.changes) {
                if (change.bytes) {
                    kept[change.role] = *change.bytes;
                } else {
                    kept.erase(change.role);
                }
            }
            if (!turn.request) return turn.refused;
            const std::string name = turn.request->file_name();
            requests.push_back(name);
            const auto file = repository.files.find(name);
            turn = file == repository.files.end() ? update.on_missing()
                                                  : update.on_bytes(file->second);
        }
    };
    Status status = follow(update.start());
    for (std::size_t i = 0; i < targets.size() && status.ok(); ++i) {
        status = follow(update.find(targets[i]));
        if (!status.ok()) return status;
        if (!update.found()) return refusal(kNoTarget, "no target '{}'", targets[i]);
        found.push_back(*update.found());
    }
    return status;
}

inline std::int64_t FakeClient::version(const std::string& role) const {
    const auto bytes = kept.find(role);
    if (bytes == kept.end()) return 0;
    return json::parse(bytes->second).value().at("signed").at("version").as_int64();
}

}  // namespace hf::trust::tuf
