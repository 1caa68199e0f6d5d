// OpenSSF Model Signing 1.0: a Sigstore bundle with a DSSE envelope around an in-toto statement
// that lists a model's files with their SHA-256 digests. Key and certificate methods, EC P-256,
// P-384 and P-521.
//
// Verification is fail-closed. An error's message begins with a stable reason in brackets, for
// example
// "[root-digest-mismatch]"; the reasons are listed in docs/reference/model-signing.md. Stricter
// than the standard in one place: the statement's root digest is recomputed.
//
// Pure: callers hash the files. Thread-safety: values.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "base/status.h"
#include "base/time.h"
#include "crypto/ecdsa.h"

namespace hf::trust {

inline constexpr std::size_t kMaxBundleBytes = 16u << 20;

// A file of the model: path relative to the model's folder with "/", or the base name of a one-file
// model.
struct Resource {
    std::string name;
    Digest digest;
    friend bool operator==(const Resource&, const Resource&) = default;
};

struct ModelToSign {
    std::string name;                 // informational; never empty
    std::vector<Resource> resources;  // at least one; any order
    std::vector<std::string> ignore_paths;
};

// The bundle as JSON text. INVALID_ARGUMENT for no resources or a path that the standard forbids.
Result<std::string> sign_model(const ModelToSign& model, const crypto::PrivateKey& key);

// Whom the verifier believes.
struct TrustRoots {
    std::vector<crypto::PublicKey> keys;
    std::vector<std::string> ca_pems;
    Instant now;  // for the validity of certificates
};

struct VerifiedModel {
    std::vector<Resource> resources;  // as the statement lists them
    std::vector<std::string> ignore_paths;
    std::string signer;  // "key sha256:..." or "certificate key sha256:..."
};

// Structure, signature and statement. UNAUTHENTICATED when nobody trusted signed it;
// INVALID_ARGUMENT when it is not a bundle of this standard; UNIMPLEMENTED for keyless bundles,
// which need an online service.
Result<VerifiedModel> verify_bundle(std::string_view bundle, const TrustRoots& roots);

// DATA_LOSS names the first file that is missing, changed or not listed.
Status compare_files(const VerifiedModel& model, const std::vector<Resource>& on_disk);

// The standard's rule for names: relative, UTF-8, no empty part, no "." or "..".
bool is_resource_path(std::string_view path);

}  // namespace hf::trust
