// X.509-SVIDs: certificates that say which machine holds a key (SPIFFE X509-SVID standard), and how
// one comes by it. The authority's root stays offline and signs an intermediate, which signs
// machines. A machine makes its key, which never leaves it, and sends a signing request (PKCS#10,
// RFC 2986) of which only the key counts: who it is, the authority says.
//
// Pure; the time is handed in. Thread-safe.

#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/time.h"
#include "crypto/certificates.h"
#include "crypto/ecdsa.h"
#include "crypto/spiffe.h"

namespace hf::crypto {

// A self-signed authority that may sign intermediates.
Result<Credential> make_root(std::string_view common_name, Instant now, Duration validity);

// An authority that may sign leaves only; ends with the root at the latest.
Result<Credential> issue_intermediate(const Credential& root, std::string_view common_name,
                                      Instant now, Duration validity);

// A request for `key`, signed by it, in PEM.
std::string make_signing_request(const PrivateKey& key);

// The key of a request that its holder has signed. INVALID_ARGUMENT when it is none, is not signed
// by the key that it names, or that is not on one of ecdsa.h's curves.
Result<PublicKey> read_signing_request(std::string_view pem);

struct SvidSubject {
    PublicKey key;
    SpiffeId id;
};

// In PEM, without the chain. Ends with the authority at the latest.
Result<std::string> issue_svid(const Credential& authority, const SvidSubject& subject, Instant now,
                               Duration validity);

// The roots of each trust domain, in PEM.
using TrustBundles = std::map<std::string, std::vector<std::string>, std::less<>>;

struct Svid {
    SpiffeId id;
    PublicKey key;
    std::string serial_hex;
    Instant not_before;
    Instant not_after;
};

// A chain in PEM, the leaf first, of at most 10. The roots are those of the trust domain that the
// leaf names, chosen before anything is verified. UNAUTHENTICATED says which rule is broken: one
// URI and nothing else as alternative name, no authority, for digital signatures, within its time,
// signed up to a root.
Result<Svid> verify_svid(std::string_view chain_pem, const TrustBundles& bundles, Instant now);

}  // namespace hf::crypto
