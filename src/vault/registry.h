// A client of OCI registries (distribution-spec 1.1): models to and from a Vault.
//
// Whatever arrives is believed by its digest only; sizes are those that the manifest announces and
// no byte more. Transfers are resumed where they broke off. Over TLS, except to this machine itself
// or where the caller says otherwise; a login never goes to another host than it was written for,
// and an upload never to a plain address when the registry has TLS.
//
// Not thread-safe. Errors: NOT_FOUND, UNAUTHENTICATED, PERMISSION_DENIED (each with the registry's
// own words), UNAVAILABLE (not reached), DATA_LOSS (other bytes than promised), RESOURCE_EXHAUSTED
// (larger than a bound).

#pragma once

#include <memory>
#include <string>

#include "http/client.h"
#include "vault/reference.h"
#include "vault/registry_auth.h"
#include "vault/vault.h"

namespace hf::vault {

struct RegistryOptions {
    bool plain_http = false;    // to other machines too; to this one it is the rule
    std::string docker_config;  // the text of a Docker config.json; empty: no login
    std::uint64_t blob_bytes_max = std::uint64_t{16} << 30;
    std::uint64_t chunk_bytes = 16u << 20;  // larger blobs go up in pieces of this size
    int attempts_max = 4;                   // in a row, without one more byte across
};

struct TransferReport {
    Descriptor manifest;
    std::size_t blobs_sent = 0;     // or received
    std::size_t blobs_present = 0;  // already on the other side
    std::uint64_t bytes = 0;        // sent or received
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

    std::string url(std::string_view path) const;
    Result<http::Response> send(http::ClientRequest request);
    Result<Bytes> fetch_manifest();
    Status fetch_blob(Push& push, const Descriptor& blob);
    Result<bool> can_resume(const Descriptor& blob, std::uint64_t offset);
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

    http::Client& client_;
    Reference reference_;
    RegistryOptions options_;
    std::string origin_;  // "https://host:port"
    Authorizer authorizer_;
};

}  // namespace hf::vault
