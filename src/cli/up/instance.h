// Instance: all that `holdfast up` runs on one machine: store, vault, resource API, reconciler,
// node agent, inference server and receipts, over one data folder:
//
//     store.db      the resources (store/sqlite.h); one process at a time has it
//     vault/        models (vault/vault.h)
//     receipts/     the log of predictions (serve/receipts.h)
//     pki/, keys/, kubeconfig   see identity.h
//
// Owned by one thread. Destruction stops everything; drain() first lets requests end.

#pragma once

#include <memory>
#include <string>

#include "cli/world.h"
#include "http/server.h"
#include "resources/resources.h"

namespace hf::cli {

struct InstanceOptions {
    std::string data;  // the folder; made when missing
    http::ServerOptions inference;
    http::ServerOptions api;  // its TLS is made here
    std::string node_name;
};

class Instance {
public:
    virtual ~Instance() = default;

    // UNAVAILABLE when an address is taken or another process has the data folder.
    static Result<std::unique_ptr<Instance>> start(World& world, InstanceOptions options);

    virtual resources::Resources& resources() = 0;
    virtual std::string inference_url() const = 0;  // "http://127.0.0.1:8080"
    virtual std::string api_url() const = 0;        // "https://127.0.0.1:8443"
    virtual const std::string& data() const = 0;

    // Withdraws readiness and ends connections once they are answered. True when none had to be
    // cut.
    virtual bool drain(Duration grace) = 0;
};

}  // namespace hf::cli
