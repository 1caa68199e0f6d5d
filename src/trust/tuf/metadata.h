// The metadata of The Update Framework, version 1.0: what each role says, read from the bytes that
// it came in. Reading checks form only; who signed, and whether it is new enough, is for update.h.
//
//     { "signatures": [ { "keyid", "sig" (hex) } ... ],
//       "signed": { "_type", "spec_version" "1.x", "version", "expires", ... } }
//
// Members that nobody knows are let pass; they are signed too. Refusals as in refusal.h:
// tuf-format, tuf-type, tuf-duplicate-key. Pure. Thread-safety: values.

#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/time.h"
#include "crypto/scheme_key.h"
#include "trust/tuf/hashes.h"

namespace hf::trust::tuf {

// How large metadata may be where nothing that was verified says how large it is.
inline constexpr std::uint64_t kMaxRootBytes = 512u << 10;
inline constexpr std::uint64_t kMaxTimestampBytes = 16u << 10;
inline constexpr std::uint64_t kMaxSnapshotBytes = 2u << 20;
inline constexpr std::uint64_t kMaxTargetsBytes = 5u << 20;
inline constexpr std::uint64_t kMaxPromisedBytes = 32u << 20;  // whatever the role above says
inline constexpr std::size_t kMaxSignatures = 256;

// Metadata as it came: what was signed and by whom, nothing of it believed yet.
struct Envelope {
    std::string signed_bytes;                 // canonical JSON
    std::map<std::string, Bytes> signatures;  // by key id; empty where they were no hexadecimal
    json::Value content;                      // what "signed" says
};

struct Role {
    std::vector<std::string> key_ids;
    std::int64_t threshold = 1;
};

// By key id. Keys of schemes that nobody here knows are not in it: they sign nothing.
using Keys = std::map<std::string, crypto::SchemeKey, std::less<>>;

struct Head {
    std::int64_t version = 0;
    Instant expires;
};

struct Root {
    Head head;
    bool consistent_snapshot = false;
    Keys keys;
    Role root;
    Role timestamp;
    Role snapshot;
    Role targets;
};

// What one role says of another's file.
struct MetaFile {
    std::int64_t version = 0;
    std::optional<std::uint64_t> length;
    Hashes hashes;
};

struct Timestamp {
    Head head;
    MetaFile snapshot;
};

struct Snapshot {
    Head head;
    std::map<std::string, MetaFile, std::less<>> meta;  // by role: "targets", ...
};

struct TargetFile {
    std::uint64_t length = 0;
    Hashes hashes;
    json::Value custom;  // null when there is none
};

struct Delegation {
    std::string name;
    Role role;
    bool terminating = false;
    std::vector<std::string> paths;          // patterns; or else
    std::vector<std::string> hash_prefixes;  // of the SHA-256 of the target's path
};

struct Targets {
    Head head;
    std::map<std::string, TargetFile, std::less<>> targets;  // by path
    Keys keys;
    std::vector<Delegation> delegations;
};

Result<Envelope> read_envelope(std::string_view bytes, std::uint64_t bytes_max);

Result<Root> read_root(const Envelope& envelope);
Result<Timestamp> read_timestamp(const Envelope& envelope);
Result<Snapshot> read_snapshot(const Envelope& envelope);
Result<Targets> read_targets(const Envelope& envelope);

// OK when as many different keys as the role asks for have signed; tuf-threshold otherwise. One key
// counts once, under however many ids it is listed.
Status check_signatures(const Envelope& envelope, const Keys& keys, const Role& role);

// Whether the delegation is of this target: by a pattern, in which "*" and "?" stand for anything
// but "/", or by the beginning of its path's hash.
bool covers(const Delegation& delegation, std::string_view target);

}  // namespace hf::trust::tuf
