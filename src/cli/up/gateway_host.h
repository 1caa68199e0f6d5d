// GatewayHost: the gateway of a `holdfast server`: it follows Services, Nodes, Sites and Rollouts,
// and has requests answered by the machines that serve them, to whom it shows a certificate of
// their own authority (spiffe://TRUST-DOMAIN/gateway). When the store is away it goes on with what
// it knows.
//
// Thread "hf-routes" follows. Owned by one thread. Destruction stops everything.

#pragma once

#include <functional>
#include <memory>
#include <string>

#include "cli/world.h"
#include "crypto/certificates.h"
#include "http/server.h"
#include "resources/resources.h"
#include "serve/request_observer.h"

namespace hf::cli {

struct GatewayHostOptions {
    http::ServerOptions listen;
    std::string site;              // of this machine; replicas there come first
    crypto::Credential authority;  // signs the gateway's certificate
    std::string root_pem;
    std::string trust_domain;
    serve::RequestObserver* observer = nullptr;  // null: none
};

class GatewayHost {
public:
    virtual ~GatewayHost() = default;

    // REQUIRES: world and resources outlive it.
    static Result<std::unique_ptr<GatewayHost>> start(World& world, resources::Resources& resources,
                                                      GatewayHostOptions options);

    virtual std::string url() const = 0;

    // True when no request had to be cut.
    virtual bool drain(Duration grace) = 0;
};

}  // namespace hf::cli
