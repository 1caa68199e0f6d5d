// A vault as an OCI registry (distribution-spec 1.1), for reading: manifests, blobs, tags,
// referrers, the catalogue, and deltas between blobs (docs/reference/registry.md).
//
// The one idea: a path names a repository, and only what that repository's manifests reach is
// served below it (repository.h). Who may read is decided by the caller's hook, before anything is
// looked up. Blobs are mapped, verified once while they stay open, and sent in pieces; none is
// copied whole. Pushing is refused: models come into a vault through `holdfast push` and `pull`.
//
// Borrows the Vault. Thread-safety: any thread. Every error is an answer in the specification's
// form.

#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "base/mutex.h"
#include "http/server.h"
#include "vault/delta_store.h"
#include "vault/registry_protocol.h"
#include "vault/repository.h"
#include "vault/vault.h"

namespace hf::vault {

inline constexpr std::string_view kDeltaType = "application/vnd.holdfast.delta.v1";

// Blobs that stay mapped, for to verify one is to read all of it.
inline constexpr std::size_t kMaxOpenBlobs = 32;

// What one answer is sent in.
inline constexpr std::size_t kBlobPieceBytes = 256u << 10;

// After which a client may ask again for a delta that could not be made at once.
inline constexpr int kDeltaRetrySeconds = 5;

struct RegistryServerOptions {
    // Asked before anything is looked up. UNAUTHENTICATED becomes 401 with a challenge for a name
    // and password (Basic: what docker and skopeo keep in their configuration), PERMISSION_DENIED
    // 403. The catalogue lists the repositories whose tags (kTags) the caller may read. Empty:
    // everybody may read everything. Called on any thread.
    std::function<Status(const http::Request& request, const RegistryRequest& what)> may_read;

    std::string realm = "holdfast";  // of the challenge
    DeltaStoreOptions deltas;
};

class RegistryServer final {
public:
    RegistryServer(Vault& vault, RegistryServerOptions options);

    // REQUIRES: the route's pattern is "/v2/{rest...}".
    http::Response answer(const http::Request& request);

private:
    http::Response answer(const http::Request& request, const RegistryRequest& what);
    http::Response refuse_reader(const Status& status) const;
    http::Response catalog(const http::Request& request);
    http::Response manifest(const http::Request& request, const RegistryRequest& what);
    http::Response blob(const http::Request& request, const RegistryRequest& what);
    http::Response tags(const http::Request& request, const RegistryRequest& what);
    http::Response referrers(const http::Request& request, const RegistryRequest& what);
    http::Response delta(const http::Request& request, const RegistryRequest& what);
    Status may_read(const http::Request& request, const RegistryRequest& what) const;
    Result<std::shared_ptr<const env::MappedFile>> open(const Digest& digest);

    Vault& vault_;
    const RegistryServerOptions options_;
    Repositories repositories_;
    DeltaStore deltas_;

    using OpenBlob = std::pair<Digest, std::shared_ptr<const env::MappedFile>>;
    Mutex mutex_;
    std::deque<OpenBlob> open_ HF_GUARDED_BY(mutex_);  // the latest first
};

// Everything below /v2/. `server` must outlive the router's server. On a router of the Open
// Inference Protocol, whose paths begin with /v2/models, its routes win.
void add_registry_routes(http::Router& router, RegistryServer& server);

}  // namespace hf::vault
