// Who an instance is: the authority of its data folder, the certificate of its API, and the key
// that signs its models. All are made on this machine when first needed; private files are readable
// by their owner only.
//
//     pki/ca.key.pem, pki/ca.pem   the authority; made anew when it is about to end
//     keys/release.key[.pub]       signs models pushed here; the default TrustPolicy believes it
//
// The server's certificate is made at each start and kept in memory.

#pragma once

#include <functional>
#include <string>

#include "cli/world.h"
#include "crypto/certificates.h"
#include "http/server.h"

namespace hf::cli {

struct ApiIdentity {
    std::string ca_pem;
    http::Tls tls;
};

// REQUIRES: address is an IP address.
Result<ApiIdentity> load_api_identity(World& world, const std::string& data,
                                      const std::string& address);

// The public key as PEM.
Result<std::string> load_release_key(World& world, const std::string& data);

}  // namespace hf::cli
