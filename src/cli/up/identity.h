// Who an instance is: its authority, the certificate of its API, and the key that signs its models.
// All are made on this machine when first needed; private files are readable by their owner only.
//
//     pki/root.key.pem, pki/root.pem             the root: signs authorities, ten years
//     pki/authority.key.pem, pki/authority.pem   the authority: signs servers and nodes, five years
//     pki/trust-domain                           what its nodes' names begin with
//     keys/release.key[.pub]                     signs models pushed here; the default TrustPolicy
//                                                believes it
//
// pki/root.key.pem may be moved to a safe place once pki/authority.pem is there: it is needed again
// only when the authority is about to end, after four years. From then on every start renews the
// authority if the root key is back; in the authority's last 30 days a start without it is refused
// and says what to do. An authority that is damaged counts as one that has ended; a damaged root is
// never overwritten: the error names it.
//
// The server's certificate is made at each start and kept in memory; it goes out with its whole
// chain, the root included, by which new nodes find the authority that their token names.

#pragma once

#include <functional>
#include <string>

#include "cli/world.h"
#include "crypto/certificates.h"
#include "http/server.h"

namespace hf::cli {

struct ApiIdentity {
    std::string ca_pem;            // the root
    crypto::Credential authority;  // issues certificates of nodes; signed by the root
    std::string trust_domain;      // "holdfast-1a2b3c4d"

    // With the root as what clients' certificates must come from. Nodes whose certificate has ended
    // get as far as the API, which tells them so (control/server/enrolment.h).
    http::Tls tls;
};

// REQUIRES: address is an IP address. `trust_domain` is for the first start; empty: one is made up.
// INVALID_ARGUMENT when it is none, FAILED_PRECONDITION when the folder has another already.
Result<ApiIdentity> load_api_identity(World& world, const std::string& data,
                                      const std::string& address,
                                      const std::string& trust_domain = "");

// The public key as PEM.
Result<std::string> load_release_key(World& world, const std::string& data);

}  // namespace hf::cli
