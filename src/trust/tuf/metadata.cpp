#include "trust/tuf/metadata.h"

#include <algorithm>
#include <set>

#include "base/text.h"
#include "trust/tuf/canonical.h"
#include "trust/tuf/refusal.h"

namespace hf::trust::tuf {
namespace {

constexpr int kLastYear = 2200;  // an end after it counts as in it: Instant ends in 2262

Status bad(std::string_view what) {
    return refusal(kBadFormat, "{}", what);
}

Result<const json::Object*> need_object(const json::Value& value, std::string_view key) {
    const json::Object* object = json::find_object(value, key);
    if (!object) return refusal(kBadFormat, "'{}' must be given, as an object", key);
    return object;
}

Result<const json::Array*> need_array(const json::Value& value, std::string_view key) {
    const json::Array* array = json::find_array(value, key);
    if (!array) return refusal(kBadFormat, "'{}' must be given, as a list", key);
    return array;
}

Result<std::string> need_text(const json::Value& value, std::string_view key) {
    Result<std::string> text = json::need_string(value, key);
    if (!text.ok()) return bad(text.status().message());
    return text;
}

Result<std::int64_t> need_count(const json::Value& value, std::string_view key,
                                std::int64_t least) {
    const Result<std::int64_t> number = json::need_int(value, key);
    if (!number.ok()) return bad(number.status().message());
    if (*number < least) return refusal(kBadFormat, "'{}' is {}", key, *number);
    return *number;
}

Result<std::vector<std::string>> texts_of(const json::Array& array, std::string_view key) {
    std::vector<std::string> texts;
    for (const json::Value& item : array) {
        if (!item.is_string()) return refusal(kBadFormat, "'{}' holds something but texts", key);
        texts.emplace_back(json::as_view(item.get_string()));
    }
    return texts;
}

// "2030-01-02T03:04:05Z" and no other form.
Result<Instant> read_expires(const json::Value& content) {
    std::string text = HF_TRY(need_text(content, "expires"));
    constexpr std::string_view kForm = "dddd-dd-ddTdd:dd:ddZ";
    bool good = text.size() == kForm.size();
    for (std::size_t i = 0; good && i < kForm.size(); ++i) {
        const bool digit = text[i] >= '0' && text[i] <= '9';
        good = kForm[i] == 'd' ? digit : text[i] == kForm[i];
    }
    if (good && HF_TRY(parse_int(text.substr(0, 4))) > kLastYear) {
        text.replace(0, 4, std::to_string(kLastYear));
        if (text.substr(5, 5) == "02-29") text.replace(8, 2, "28");
    }
    const Result<Instant> expires = parse_rfc3339(text);
    if (!good || !expires.ok()) return refusal(kBadFormat, "'expires' is '{}'", text);
    return *expires;
}

Result<Head> read_head(const json::Value& content, std::string_view type) {
    if (json::get_string(content, "_type") != type) {
        return refusal(kWrongType, "the type is '{}', not '{}'", json::get_string(content, "_type"),
                       type);
    }
    const std::string spec = HF_TRY(need_text(content, "spec_version"));
    if (!spec.starts_with("1.")) return refusal(kBadFormat, "'spec_version' is '{}'", spec);
    Head head;
    head.version = HF_TRY(need_count(content, "version", 1));
    head.expires = HF_TRY(read_expires(content));
    return head;
}

Result<Role> read_role(const json::Value& value) {
    Role role;
    role.key_ids = HF_TRY(texts_of(*HF_TRY(need_array(value, "keyids")), "keyids"));
    const std::set<std::string> different(role.key_ids.begin(), role.key_ids.end());
    if (different.size() != role.key_ids.size()) {
        return refusal(kDuplicateKey, "a role lists one key id twice");
    }
    role.threshold = HF_TRY(need_count(value, "threshold", 1));
    return role;
}

Result<Role> read_role_at(const json::Object& roles, std::string_view name) {
    const json::Value* value = roles.if_contains(name);
    if (!value) return refusal(kBadFormat, "role '{}' is missing", name);
    return read_role(*value);
}

Result<Keys> read_keys(const json::Object& object) {
    Keys keys;
    for (const auto& member : object) {
        const std::string scheme_name = HF_TRY(need_text(member.value(), "scheme"));
        HF_TRY(need_text(member.value(), "keytype"));
        HF_TRY(need_object(member.value(), "keyval"));
        const json::Value& value = *json::find(member.value(), "keyval");
        const std::string text = HF_TRY(need_text(value, "public"));
        const Result<crypto::Scheme> scheme = crypto::scheme_named(scheme_name);
        if (!scheme.ok()) continue;
        Result<crypto::SchemeKey> key = crypto::SchemeKey::create(*scheme, text);
        if (!key.ok()) continue;  // it signs nothing, as one of an unknown scheme
        keys.emplace(std::string(member.key()), std::move(key).value());
    }
    return keys;
}

Result<Hashes> read_hashes(const json::Object& object) {
    Hashes hashes;
    for (const auto& member : object) {
        if (!member.value().is_string()) return bad("a hash is no text");
        hashes.emplace(std::string(member.key()),
                       to_lower(json::as_view(member.value().get_string())));
    }
    if (hashes.empty()) return bad("'hashes' is empty");
    return hashes;
}

Result<MetaFile> read_meta_file(const json::Value& value) {
    MetaFile file;
    file.version = HF_TRY(need_count(value, "version", 1));
    if (json::find(value, "length")) {
        file.length = static_cast<std::uint64_t>(HF_TRY(need_count(value, "length", 1)));
    }
    if (json::find(value, "hashes")) {
        file.hashes = HF_TRY(read_hashes(*HF_TRY(need_object(value, "hashes"))));
    }
    return file;
}

bool is_top_level(std::string_view name) {
    return name == "root" || name == "timestamp" || name == "snapshot" || name == "targets";
}

Result<Delegation> read_delegation(const json::Value& value) {
    Delegation delegation;
    delegation.name = HF_TRY(need_text(value, "name"));
    if (delegation.name.empty() || is_top_level(delegation.name)) {
        return refusal(kBadFormat, "a delegation to '{}'", delegation.name);
    }
    delegation.role = HF_TRY(read_role(value));
    const json::Value* terminating = json::find(value, "terminating");
    if (!terminating || !terminating->is_bool()) return bad("'terminating' is no truth");
    delegation.terminating = terminating->get_bool();
    const json::Array* paths = json::find_array(value, "paths");
    const json::Array* prefixes = json::find_array(value, "path_hash_prefixes");
    if ((paths == nullptr) == (prefixes == nullptr)) {
        return refusal(kBadFormat, "delegation '{}' wants 'paths' or 'path_hash_prefixes'",
                       delegation.name);
    }
    if (paths) delegation.paths = HF_TRY(texts_of(*paths, "paths"));
    if (prefixes) {
        delegation.hash_prefixes = HF_TRY(texts_of(*prefixes, "path_hash_prefixes"));
    }
    return delegation;
}

Status read_delegations(const json::Value& value, Targets& targets) {
    targets.keys = HF_TRY(read_keys(*HF_TRY(need_object(value, "keys"))));
    std::set<std::string> names;
    for (const json::Value& item : *HF_TRY(need_array(value, "roles"))) {
        Delegation delegation = HF_TRY(read_delegation(item));
        if (!names.insert(delegation.name).second) {
            return refusal(kBadFormat, "two delegations to '{}'", delegation.name);
        }
        targets.delegations.push_back(std::move(delegation));
    }
    return {};
}

// One part of a path against one of a pattern: greedy, going back to the last "*" only, so linear
// in each and never exponential.
bool matches_part(std::string_view pattern, std::string_view text) {
    std::size_t p = 0;
    std::size_t t = 0;
    std::size_t star = std::string_view::npos;
    std::size_t resume = 0;
    while (t < text.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            resume = t;
        } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
            ++p;
            ++t;
        } else if (star != std::string_view::npos) {
            p = star + 1;
            t = ++resume;
        } else {
            return false;
        }
    }
    while (p < pattern.size() && pattern[p] == '*') ++p;
    return p == pattern.size();
}

bool matches(std::string_view pattern, std::string_view target) {
    const std::vector<std::string_view> pattern_parts = split(pattern, '/');
    const std::vector<std::string_view> target_parts = split(target, '/');
    if (pattern_parts.size() != target_parts.size()) return false;
    for (std::size_t i = 0; i < pattern_parts.size(); ++i) {
        if (!matches_part(pattern_parts[i], target_parts[i])) return false;
    }
    return true;
}

}  // namespace

Result<Envelope> read_envelope(std::string_view bytes, std::uint64_t bytes_max) {
    if (bytes.size() > bytes_max) {
        return refusal(kTooLarge, "{} bytes, more than the {} allowed", bytes.size(), bytes_max);
    }
    Result<json::Value> parsed = json::parse(bytes, bytes_max);
    if (!parsed.ok()) return bad(parsed.status().message());
    Envelope envelope;
    HF_TRY(need_object(*parsed, "signed"));
    envelope.content = *json::find(*parsed, "signed");
    Result<std::string> canonical = canonical_json(envelope.content);
    if (!canonical.ok()) return bad(canonical.status().message());
    envelope.signed_bytes = std::move(canonical).value();
    const json::Array& signatures = *HF_TRY(need_array(*parsed, "signatures"));
    if (signatures.size() > kMaxSignatures) {
        return refusal(kTooLarge, "{} signatures, more than the {} allowed", signatures.size(),
                       kMaxSignatures);
    }
    for (const json::Value& item : signatures) {
        const std::string key_id = HF_TRY(need_text(item, "keyid"));
        const Result<Bytes> signature = from_hex(HF_TRY(need_text(item, "sig")));
        if (!envelope.signatures.emplace(key_id, signature.ok() ? *signature : Bytes()).second) {
            return refusal(kDuplicateKey, "two signatures of key id '{}'", key_id);
        }
    }
    return envelope;
}

Result<Root> read_root(const Envelope& envelope) {
    const json::Value& content = envelope.content;
    Root root;
    root.head = HF_TRY(read_head(content, "root"));
    root.consistent_snapshot = json::get_bool(content, "consistent_snapshot");
    root.keys = HF_TRY(read_keys(*HF_TRY(need_object(content, "keys"))));
    const json::Object& roles = *HF_TRY(need_object(content, "roles"));
    root.root = HF_TRY(read_role_at(roles, "root"));
    root.timestamp = HF_TRY(read_role_at(roles, "timestamp"));
    root.snapshot = HF_TRY(read_role_at(roles, "snapshot"));
    root.targets = HF_TRY(read_role_at(roles, "targets"));
    return root;
}

Result<Timestamp> read_timestamp(const Envelope& envelope) {
    Timestamp timestamp;
    timestamp.head = HF_TRY(read_head(envelope.content, "timestamp"));
    const json::Object& meta = *HF_TRY(need_object(envelope.content, "meta"));
    const json::Value* snapshot = meta.if_contains("snapshot.json");
    if (!snapshot || meta.size() != 1) return bad("'meta' must be of snapshot.json alone");
    timestamp.snapshot = HF_TRY(read_meta_file(*snapshot));
    return timestamp;
}

Result<Snapshot> read_snapshot(const Envelope& envelope) {
    constexpr std::string_view kSuffix = ".json";
    Snapshot snapshot;
    snapshot.head = HF_TRY(read_head(envelope.content, "snapshot"));
    for (const auto& member : *HF_TRY(need_object(envelope.content, "meta"))) {
        std::string name(member.key());
        if (!name.ends_with(kSuffix)) return refusal(kBadFormat, "'meta' lists '{}'", name);
        name.resize(name.size() - kSuffix.size());
        snapshot.meta.emplace(std::move(name), HF_TRY(read_meta_file(member.value())));
    }
    return snapshot;
}

Result<Targets> read_targets(const Envelope& envelope) {
    Targets targets;
    targets.head = HF_TRY(read_head(envelope.content, "targets"));
    for (const auto& member : *HF_TRY(need_object(envelope.content, "targets"))) {
        TargetFile file;
        file.length = static_cast<std::uint64_t>(HF_TRY(need_count(member.value(), "length", 0)));
        file.hashes = HF_TRY(read_hashes(*HF_TRY(need_object(member.value(), "hashes"))));
        if (const json::Value* custom = json::find(member.value(), "custom")) {
            file.custom = *custom;
        }
        targets.targets.emplace(std::string(member.key()), std::move(file));
    }
    if (const json::Value* delegations = json::find(envelope.content, "delegations")) {
        HF_TRY(read_delegations(*delegations, targets));
    }
    return targets;
}

Status check_signatures(const Envelope& envelope, const Keys& keys, const Role& role) {
    std::set<Digest> signers;
    for (const std::string& key_id : role.key_ids) {
        const auto key = keys.find(key_id);
        const auto signature = envelope.signatures.find(key_id);
        if (key == keys.end() || signature == envelope.signatures.end()) continue;
        if (!key->second.verify(as_bytes(envelope.signed_bytes), signature->second)) continue;
        signers.insert(key->second.fingerprint());
    }
    if (static_cast<std::int64_t>(signers.size()) >= role.threshold) return {};
    return refusal(kThreshold, "{} of its {} keys have signed, and {} must", signers.size(),
                   role.key_ids.size(), role.threshold);
}

bool covers(const Delegation& delegation, std::string_view target) {
    for (const std::string& pattern : delegation.paths) {
        if (matches(pattern, target)) return true;
    }
    if (delegation.hash_prefixes.empty()) return false;
    const std::string hash = crypto::sha256(as_bytes(target)).hex();
    for (const std::string& prefix : delegation.hash_prefixes) {
        if (!prefix.empty() && hash.starts_with(prefix)) return true;
    }
    return false;
}

}  // namespace hf::trust::tuf
