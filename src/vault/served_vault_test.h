// A vault in memory that is served as a registry, for tests of both sides: as a function, and over
// a real server on loopback.

#pragma once

#include <map>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "http/server.h"
#include "testing/memory_files.h"
#include "vault/model_pack.h"
#include "vault/registry_server.h"

namespace hf::vault {

using FileContents = std::map<std::string, Bytes>;

// Packs the files as a model; the manifest. An empty name adds it without one.
inline Descriptor push_model(Vault& vault, const std::string& name, const FileContents& contents) {
    const std::unique_ptr<Push> push = vault.begin_push().value();
    PackedModel model;
    for (const auto& [path, bytes] : contents) {
        const Descriptor blob = push->put(bytes, kWeightType).value();
        model.files.push_back({path, blob.media_type, blob.digest, blob.size_bytes});
    }
    const ModelDocuments documents = pack_model(model);
    EXPECT_TRUE(push->put(as_bytes(documents.config), kConfigType).ok());
    const Descriptor manifest = push->put(as_bytes(documents.manifest), kManifestType).value();
    EXPECT_EQ(push->tag(manifest, name), Status());
    return manifest;
}

// Stores any manifest or index under `name`.
inline Descriptor push_document(Vault& vault, const std::string& name, const json::Object& document,
                                std::string_view type = kManifestType) {
    const std::unique_ptr<Push> push = vault.begin_push().value();
    const Descriptor manifest = push->put(as_bytes(json::write(document)), type).value();
    EXPECT_EQ(push->tag(manifest, name), Status());
    return manifest;
}

struct ServedVault {
    testing::MemoryFiles files;
    std::unique_ptr<Vault> vault = Vault::open(files, "/v").value();
    std::unique_ptr<RegistryServer> registry;
    http::Router router;

    explicit ServedVault(RegistryServerOptions options = {})
        : registry(std::make_unique<RegistryServer>(*vault, std::move(options))) {
        add_registry_routes(router, *registry);
    }

    // The answer, its stream collected into the body.
    http::Response ask(const std::string& target, const std::string& method = "GET",
                       const http::Headers& headers = {}) const {
        http::Request request;
        request.method = method;
        request.target = target;
        request.headers = headers;
        http::Response response = http::dispatch(router, std::move(request));
        while (response.stream) {
            const std::optional<Bytes> piece = response.stream->next();
            if (!piece) break;
            EXPECT_FALSE(piece->empty());
            EXPECT_LE(piece->size(), kBlobPieceBytes);
            response.body.insert(response.body.end(), piece->begin(), piece->end());
        }
        return response;
    }

    // "200", or "404 BLOB_UNKNOWN".
    std::string outcome(const std::string& target, const std::string& method = "GET",
                        const http::Headers& headers = {}) const {
        const http::Response response = ask(target, method, headers);
        const std::string status = std::to_string(response.status);
        const Result<json::Value> body = json::parse(as_text(response.body));
        const json::Array* errors = body.ok() ? json::find_array(*body, "errors") : nullptr;
        if (!errors) return status;
        return fmt::format("{} {}", status, json::get_string(errors->front(), "code"));
    }

    std::unique_ptr<http::Server> listen() const { return http::Server::start({}, router).value(); }
};

inline std::string blob_url(const std::string& name, ByteView bytes) {
    return "/v2/" + name + "/blobs/" + crypto::sha256(bytes).to_string();
}

inline std::string header(const http::Response& response, std::string_view name) {
    return std::string(response.headers.get(name).value_or("-"));
}

inline std::string text(const http::Response& response) {
    return std::string(as_text(response.body));
}

}  // namespace hf::vault
