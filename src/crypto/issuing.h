// How certificates are made and read: what certificates.h and svid.h share. Internal to this
// module.

#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "crypto/certificates.h"
#include "crypto/openssl.h"
#include "crypto/spiffe.h"

namespace hf::crypto {

enum class Role : unsigned char {
    kRoot,       // may sign authorities
    kAuthority,  // may sign leaves only
    kServer,
    kClient,
    kNode,  // an X.509-SVID: server and client, no subject, one URI
};

struct Draft {
    Role role = Role::kAuthority;
    ClientNames subject;         // not of nodes
    ServerNames alternatives;    // of servers
    std::optional<SpiffeId> id;  // of nodes
    Instant not_before;
    Instant not_after;
};

struct Issuer {
    X509* certificate = nullptr;  // null: self-signed
    EVP_PKEY* key = nullptr;
};

Instant instant_of(const ASN1_TIME* time);
openssl::Key handle_of(const PrivateKey& key);
openssl::Key handle_of(const PublicKey& key);
Result<openssl::Certificate> parse_certificate(std::string_view pem);
std::string serial_of(X509* certificate);  // in hex
std::string pem_of(X509* certificate);

// The certificate of `key`, in PEM.
Result<std::string> sign_draft(const Draft& draft, EVP_PKEY* key, const Issuer& issuer);

// The same by an authority: from a little before `now` on, never longer than the authority's own.
// FAILED_PRECONDITION when that is not valid at `now`, INVALID_ARGUMENT when it is none.
struct Term {
    Instant now;
    Duration validity;
};
Result<std::string> issue(const Credential& authority, Draft draft, EVP_PKEY* key, Term term);
Result<Credential> issue_with_new_key(const Credential& authority, Draft draft, Term term);

// Self-signed, of a new key.
Result<Credential> make_authority(Role role, std::string_view common_name, Term term);

}  // namespace hf::crypto
