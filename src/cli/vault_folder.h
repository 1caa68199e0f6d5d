// Where this machine's vault lies, and registries beyond it.

#pragma once

#include <memory>
#include <string>

#include "cli/data_folder.h"
#include "http/client.h"
#include "vault/registry.h"
#include "vault/vault.h"

namespace hf::cli {

// The vault below data_folder(), made when there is none.
Result<std::unique_ptr<vault::Vault>> open_vault(World& world, const Arguments& arguments);

// A registry with the client and the login that it needs ($DOCKER_CONFIG/config.json, or
// ~/.docker/config.json, put into `options`). REQUIRES: reference.registry is not empty.
struct RegistryAccess {
    std::unique_ptr<http::Client> client;
    std::unique_ptr<vault::Registry> registry;
};
Result<RegistryAccess> open_registry(World& world, const vault::Reference& reference,
                                     vault::RegistryOptions options);

}  // namespace hf::cli
