// The ModelSource that a node has by its server: the server's registry, asked as this machine, by
// deltas where they are smaller. See model_source.h.

#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/time.h"
#include "http/paced_client.h"
#include "node/model_source.h"
#include "vault/vault.h"

namespace hf::node {

struct RegistrySourceOptions {
    std::string url;                                           // "https://control.example:8443"
    std::function<Result<http::ClientOptions>()> credentials;  // asked before each transfer
    std::function<Status(Duration)> wait;                      // CANCELLED when it is to end
    std::function<void(const std::string&)> on_remark;         // what people may want to know
    http::PaceOptions pace = {};  // what is slower is broken off, and tried again later
};

// REQUIRES: vault outlives it.
std::unique_ptr<ModelSource> make_registry_source(vault::Vault& vault,
                                                  RegistrySourceOptions options);

}  // namespace hf::node
