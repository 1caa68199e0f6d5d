// What the name of a repository reaches in a vault: the view that a registry serves, and nothing
// beside it.
//
// The one idea: a vault holds the blobs of all repositories in one folder, so whoever knows a
// digest must still come through a manifest of the repository that they may read. To a repository
// NAME belong the manifests that index.json names "NAME:TAG", those that such an index lists, and
// unnamed ones whose subject belongs to it (signatures and the like, attached to a model).
// Manifests do not change, so what each reaches is read once.
//
// Borrows the Vault. Thread-safety: any thread. Errors: NOT_FOUND for a repository without a tag,
// INVALID_ARGUMENT where a tag means two manifests, DATA_LOSS for an index that cannot be read. A
// manifest that cannot be read reaches nothing: the others are still served.

#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "vault/vault.h"

namespace hf::vault {

// A manifest or index, read.
struct ManifestContents {
    std::string media_type;
    std::string artifact_type;  // its own, else its config's media type
    std::uint64_t size_bytes = 0;
    std::map<std::string, std::string> annotations;
    std::optional<Digest> subject;          // what it is attached to
    std::vector<Descriptor> manifests;      // that it lists
    std::map<Digest, std::uint64_t> blobs;  // config and layers, with their sizes
};

// INVALID_ARGUMENT for what is neither manifest nor index.
Result<ManifestContents> read_contents(const Descriptor& entry, ByteView document);

struct Repository {
    std::map<std::string, Digest> tags;
    std::map<Digest, std::shared_ptr<const ManifestContents>> manifests;

    // The size of a blob that one of the manifests names; nullopt when none does.
    std::optional<std::uint64_t> find_blob(const Digest& digest) const;
};

// What is remembered of manifests; reached, all of it is forgotten and read again.
inline constexpr std::size_t kMaxCachedBlobs = 200'000;

class Repositories final {
public:
    explicit Repositories(const Vault& vault, std::size_t cached_blobs_max = kMaxCachedBlobs)
        : vault_(vault), cached_blobs_max_(cached_blobs_max) {}

    // Sorted.
    Result<std::vector<std::string>> names() const;

    Result<Repository> find(std::string_view name);

private:
    std::shared_ptr<const ManifestContents> contents_of(const Descriptor& entry);
    void add(const Descriptor& entry, int depth, Repository& out);
    void add_attached(const std::vector<Descriptor>& unnamed, Repository& out);

    const Vault& vault_;
    const std::size_t cached_blobs_max_;
    Mutex mutex_;
    std::map<Digest, std::shared_ptr<const ManifestContents>> cache_ HF_GUARDED_BY(mutex_);
    std::size_t cached_blobs_ HF_GUARDED_BY(mutex_) = 0;
};

}  // namespace hf::vault
