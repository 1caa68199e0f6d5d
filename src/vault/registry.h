// A client of OCI registries (distribution-spec 1.1): models to and from a Vault.
//
// Whatever arrives is believed by its digest only; sizes are those that the manifest announces and
// no byte more. Transfers are resumed where they broke off. Over TLS, except to this machine itself
// or where the caller says otherwise; a login never goes to another host than it was written for,
// and an upload never to a plain address when the registry has TLS.
//
// With `deltas`, a file that the vault has in another version under the same name is fetched as its
// difference (registry_delta.h), where the registry makes such: Holdfast's own does. One delta is
// tried for a blob; when there is none, or what comes is not sound, the blob is fetched whole and
// the report says why.
//
// Not thread-safe. Errors: NOT_FOUND, UNAUTHENTICATED, PERMISSION_DENIED (each with the registry's
// own words), UNAVAILABLE (not reached), DATA_LOSS (other bytes than promised), RESOURCE_EXHAUSTED
// (larger than a bound).

#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/time.h"
#include "http/client.h"
#include "vault/reference.h"
#include "vault/registry_auth.h"
#include "vault/registry_delta.h"
#include "vault/vault.h"

namespace hf::vault {

// How often, and how long at most, a registry that is busy with another delta is waited for.
inline constexpr int kMaxDeltaWaits = 10;
inline constexpr Duration kMaxDeltaWait = std::chrono::seconds(30);

struct RegistryOptions {
    bool plain_http = false;    // to other machines too; to this one it is the rule
    bool always_tls = false;    // to this machine too
    std::string docker_config;  // the text of a Docker config.json; empty: no login
    std::uint64_t blob_bytes_max = std::uint64_t{16} << 30;
    std::uint64_t chunk_bytes = 16u << 20;  // larger blobs go up in pieces of this size
    int attempts_max = 4;  // in a row without one more byte across, or from the start
    bool deltas = false;

    // Asked once a pull, before its first blob is fetched, with the bytes of all that the vault
    // lacks; an error is what the pull answers, and nothing was written. Empty: always allowed.
    std::function<Status(std::uint64_t)> admit;

    // Waits that long before a busy registry is asked for a delta again; an error ends the pull.
    // Empty: nothing is waited for, and the blob is fetched whole.
    std::function<Status(Duration)> wait;

    // Where bytes are counted. `may_receive` is asked once what a pull is about to fetch is known,
    // and again before a blob that was to come as a delta is fetched whole; its error ends the
    // pull. `on_received` hears of all bodies, piece by piece, also of what came to nothing.
    std::function<Status(std::uint64_t bytes)> may_receive;
    std::function<void(std::uint64_t bytes)> on_received;
};

struct TransferReport {
    Descriptor manifest;
    std::size_t blobs_sent = 0;     // or received
    std::size_t blobs_present = 0;  // already on the other side
    std::uint64_t bytes = 0;        // sent or received, of blobs and deltas

    // Of the blobs received: those that came as deltas, and the bytes that this kept off the link.
    std::size_t blobs_by_delta = 0;
    std::uint64_t bytes_saved = 0;
    std::vector<std::string> remarks;  // why a delta was asked for and not used, a line each
};

class Registry final {
public:
    // REQUIRES: reference.registry is not empty. `client` must outlive it.
    Registry(http::Client& client, const Reference& reference, RegistryOptions options);

    // Fetches the model into the vault and names it there by reference.local(). Only models are
    // fetched: any other artifact is INVALID_ARGUMENT before its blobs are.
    Result<TransferReport> pull(Vault& vault);

    // Sends `manifest` and all that it names, then tags it as the reference says.
    Result<TransferReport> push(const Vault& vault, const Descriptor& manifest);

private:
    struct Upload;

    // A pull under way.
    struct Transfer {
        Vault& vault;
        Push& push;
        const DeltaBases& bases;
        TransferReport& report;
        bool given_up = false;  // the caller's hooks said so: nothing else is tried
    };
    struct DeltaFetch {
        const Descriptor& base;
        const Descriptor& blob;
        env::FileWriter& file;
        std::uint64_t& received;
    };

    std::string url(std::string_view path) const;
    Result<http::Response> send(http::ClientRequest request);
    Result<Bytes> fetch_manifest();
    Status ask_before(const Transfer& transfer, const std::vector<Descriptor>& blobs);
    Result<std::uint64_t> cost_of(const Transfer& transfer, const Descriptor& blob);
    Status fetch_missing(Transfer& transfer, const Descriptor& blob);
    Status fetch_by_delta(Transfer& transfer, const Descriptor& blob, const Descriptor& base);
    Status fetch_delta(Transfer& transfer, const DeltaFetch& fetch);
    Status fetch_blob(Push& push, const Descriptor& blob);
    Result<bool> can_resume(std::string_view path, std::uint64_t offset);
    Result<bool> has_blob(const Descriptor& blob);
    Status send_blob(const Descriptor& blob, ByteView bytes);
    Result<std::string> start_upload();
    Result<std::string> follow(const std::string& from, const http::Response& response) const;
    Status send_whole(const Descriptor& blob, ByteView bytes);
    Status send_in_chunks(const Descriptor& blob, ByteView bytes);
    Status send_chunk(Upload& upload, ByteView bytes);
    Status find_progress(Upload& upload);
    Status finish_upload(const std::string& location, const Descriptor& blob, ByteView body);
    Status put_manifest(const Descriptor& manifest, ByteView bytes);
    Status refusal(const http::Response& response, std::string_view what) const;
    static bool is_passing(const Status& status);  // another attempt may do better

    http::Client& client_;
    Reference reference_;
    RegistryOptions options_;
    std::string origin_;  // "https://host:port"
    Authorizer authorizer_;
};

}  // namespace hf::vault
