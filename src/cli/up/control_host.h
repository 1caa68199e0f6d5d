// ControlHost: the control plane of `holdfast up` and `holdfast server` over one data folder:
// store, resource API, reconciler.
//
//     store.db                  the resources (store/sqlite.h); one process at a time has it;
//                               not with a store of its own (etcd), which servers share
//     server-id                 the name of this server among those that share a store
//     pki/, keys/, kubeconfig   see identity.h
//
// Owned by one thread. Destruction stops everything; drain() first lets requests end.

#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/store_choice.h"
#include "cli/world.h"
#include "http/server.h"
#include "resources/resources.h"
#include "serve/request_observer.h"
#include "vault/vault.h"

namespace hf::cli {

struct ControlOptions {
    std::string data;                // the folder; made when missing
    http::ServerOptions api;         // its TLS is made here
    std::vector<std::string> hosts;  // what clients call this machine, beside its address
    std::string trust_domain;        // for the first start; empty: one is made up
    std::optional<http::ServerOptions> gateway;  // where predictions are asked for; none: nowhere
    std::string site;                            // of this machine, for the gateway
    serve::RequestObserver* observer = nullptr;  // the gateway's; null: none
    StoreChoice store;                           // without a URL: store.db in the folder
};

class ControlHost {
public:
    virtual ~ControlHost() = default;

    // `vault` is where model references are looked up. UNAVAILABLE when the address is taken or
    // another process has the data folder. REQUIRES: world and vault outlive it.
    static Result<std::unique_ptr<ControlHost>> start(World& world, vault::Vault& vault,
                                                      ControlOptions options);

    virtual resources::Resources& resources() = 0;
    virtual std::string api_url() const = 0;      // "https://127.0.0.1:8443"
    virtual std::string gateway_url() const = 0;  // empty without one

    // A node of this process is alive.
    virtual void heard(const std::string& node) = 0;

    // Ends connections once they are answered. True when no prediction had to be cut.
    virtual bool drain(Duration grace) = 0;
};

}  // namespace hf::cli
