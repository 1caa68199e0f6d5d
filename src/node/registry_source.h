// The ModelSource that a node has by its server: the server's registry, asked as this machine, by
// deltas where they are smaller. See model_source.h.

#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/time.h"
#include "env/clock.h"
#include "env/files.h"
#include "http/paced_client.h"
#include "node/model_source.h"
#include "node/servers.h"
#include "vault/vault.h"

namespace hf::node {

struct RegistrySourceOptions {
    Servers* servers = nullptr;                                // outlives it; REQUIRES: not null
    std::function<Result<http::ClientOptions>()> credentials;  // asked before each transfer
    // How many bytes may still be written where a path lies. Empty: nobody looks.
    std::function<Result<std::uint64_t>(const std::string& path)> free_bytes;
    std::function<Status(Duration)> wait;               // CANCELLED when it is to end
    std::function<void(const std::string&)> on_remark;  // what people may want to know
    std::string account;                                // the file of the data budget's account
    http::PaceOptions pace = {};  // what is slower is broken off, and tried again later
};

struct RegistrySourceWorld {
    vault::Vault& vault;
    env::Files& files;
    const env::Clock& clock;
};

// REQUIRES: what `world` names outlives it.
std::unique_ptr<ModelSource> make_registry_source(RegistrySourceWorld world,
                                                  RegistrySourceOptions options);

}  // namespace hf::node
