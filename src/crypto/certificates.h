// X.509 certificates (RFC 5280) of a private authority, over OpenSSL: a self-signed authority, and
// the server and client certificates that it issues, all on P-256. Serial numbers and keys come
// from OpenSSL's generator; the time is handed in.
//
// Values, immutable, may be shared between threads. Names that a certificate cannot carry are
// INVALID_ARGUMENT. A private key is only ever written by PrivateKey::pem().

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "base/status.h"
#include "base/time.h"
#include "crypto/ecdsa.h"

namespace hf::crypto {

struct Credential {
    PrivateKey key;
    std::string certificate_pem;
};

// Certificates begin this much before `now`, for peers whose clocks run late.
inline constexpr Duration kClockSkew = std::chrono::minutes(5);

// An authority that may sign leaves but no further authorities.
Result<Credential> make_ca(std::string_view common_name, Instant now, Duration validity);

struct ServerNames {
    std::vector<std::string> dns_names;     // "holdfast.example", "*.holdfast.example"
    std::vector<std::string> ip_addresses;  // "127.0.0.1", "::1"
};

struct ClientNames {
    std::string common_name;                 // who it is
    std::vector<std::string> organizations;  // the groups it belongs to
};

// Ends after `validity`, or with the authority where that is earlier. FAILED_PRECONDITION when the
// authority is not valid at `now`, INVALID_ARGUMENT when `ca` is none or its key is another's.
Result<Credential> issue_server_certificate(const Credential& ca, const ServerNames& names,
                                            Instant now, Duration validity);
Result<Credential> issue_client_certificate(const Credential& ca, const ClientNames& names,
                                            Instant now, Duration validity);

struct CertificateFacts {
    std::string common_name;
    std::vector<std::string> organizations;
    std::vector<std::string> uris;  // alternative names
    std::string serial_hex;
    Instant not_before;
    Instant not_after;
    bool is_ca = false;
};

// What the first certificate of a PEM text says; nothing is verified.
Result<CertificateFacts> read_certificate(std::string_view pem);

// The SHA-256 of the DER of the first certificate: its fingerprint, as browsers show it.
Result<Digest> certificate_digest(std::string_view pem);

// Whether `authority` is whole and `root_pem` signed it. FAILED_PRECONDITION says what does not
// fit; times are not looked at.
Status check_authority(const Credential& authority, std::string_view root_pem);

}  // namespace hf::crypto
