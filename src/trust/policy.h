// TrustPolicy: what a place demands of a model before it may run there, and the decision. A pure
// function from policy and evidence; whoever gathers the evidence hands in failures too, so that a
// check which did not happen counts as failed. Fail closed: there is no evidence by default.
//
// A refusal is PERMISSION_DENIED; its message begins with a stable reason in brackets and ends in a
// remedy: [unsigned], [untrusted-signature], [file-mismatch], [not-scanned], [scan-refused],
// [format-not-allowed], [no-trusted-keys]. Thread-safety: values.

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "crypto/ecdsa.h"
#include "trust/oms.h"
#include "trust/scan.h"

namespace hf::trust {

struct TrustPolicy {
    std::string name;  // for messages
    bool require_signature = true;
    std::vector<crypto::PublicKey> keys;
    std::vector<std::string> ca_pems;
    bool require_scan = true;
    std::vector<FileFormat> allowed_formats;  // of model files; empty: any that the scanner accepts
};

struct TrustEvidence {
    // What verify_bundle said; nullopt: the model came without a signature.
    std::optional<Result<VerifiedModel>> signature;

    // The files that would run, hashed.
    std::vector<Resource> files;

    // nullopt: nobody scanned.
    std::optional<ScanResult> scan;
};

struct TrustDecision {
    bool allowed = false;
    std::string signer;            // whose signature was believed; empty when none was asked for
    std::vector<std::string> log;  // each check, in order, for events: "signature: key sha256:..."
};

// Every demand of the policy, in the order signature, files, scan, format; the first that fails is
// the refusal.
Result<TrustDecision> evaluate(const TrustPolicy& policy, const TrustEvidence& evidence);

// The roots that `policy` gives verify_bundle.
TrustRoots roots_of(const TrustPolicy& policy, Instant now);

// Gathers the evidence and decides: verifies `bundle` (nullopt: unsigned) against the files.
Result<TrustDecision> judge_model(const TrustPolicy& policy,
                                  const std::optional<std::string>& bundle,
                                  std::span<const FileToScan> files, Instant now);

}  // namespace hf::trust
