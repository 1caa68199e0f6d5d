#include "trust/policy.h"

#include <algorithm>

#include "base/text.h"
#include "crypto/hash.h"

namespace hf::trust {
namespace {

bool is_model_format(FileFormat format) {
    return format == FileFormat::kOnnx || format == FileFormat::kTflite ||
           format == FileFormat::kSafetensors;
}

std::string policy_text(const TrustPolicy& policy) {
    return policy.name.empty() ? "the trust policy" : "trust policy '" + policy.name + "'";
}

Status check_signature(const TrustPolicy& policy, const TrustEvidence& evidence,
                       TrustDecision& decision) {
    if (!policy.require_signature) {
        decision.log.emplace_back("signature: not required");
        return {};
    }
    if (policy.keys.empty() && policy.ca_pems.empty()) {
        return permission_denied(
            "[no-trusted-keys] {} requires a signature and trusts no key; add one to it",
            policy_text(policy));
    }
    if (!evidence.signature) {
        return permission_denied(
            "[unsigned] {} requires a signature and the model has none; push it with --key",
            policy_text(policy));
    }
    if (!evidence.signature->ok()) {
        return permission_denied("[untrusted-signature] {}; sign it with a key that {} trusts",
                                 evidence.signature->status().message(), policy_text(policy));
    }
    const VerifiedModel& model = **evidence.signature;
    const Status same = compare_files(model, evidence.files);
    if (!same.ok()) {
        return permission_denied("[file-mismatch] {}; pull the model again, or sign it anew",
                                 same.message());
    }
    decision.signer = model.signer;
    decision.log.push_back(
        fmt::format("signature: {} files, {}", model.resources.size(), model.signer));
    return {};
}

Status check_scan(const TrustPolicy& policy, const TrustEvidence& evidence,
                  TrustDecision& decision) {
    if (!policy.require_scan) {
        decision.log.emplace_back("scan: not required");
        return {};
    }
    if (!evidence.scan) {
        return permission_denied("[not-scanned] {} requires a scan and there was none",
                                 policy_text(policy));
    }
    const Status status = evidence.scan->status();
    if (!status.ok()) return permission_denied("[scan-refused] {}", status.message());
    decision.log.push_back(fmt::format("scan: {} files accepted", evidence.scan->files.size()));
    return {};
}

Status check_formats(const TrustPolicy& policy, const TrustEvidence& evidence,
                     TrustDecision& decision) {
    if (policy.allowed_formats.empty()) return {};
    std::vector<std::string> allowed;
    for (FileFormat format : policy.allowed_formats) allowed.emplace_back(format_name(format));
    if (!evidence.scan) {
        return permission_denied(
            "[not-scanned] {} allows only {}, and without a scan the format is not known",
            policy_text(policy), join(allowed, ", "));
    }
    for (const ScannedFile& file : evidence.scan->files) {
        const bool good = std::find(policy.allowed_formats.begin(), policy.allowed_formats.end(),
                                    file.format) != policy.allowed_formats.end();
        if (good || !is_model_format(file.format)) continue;
        return permission_denied("[format-not-allowed] {} is {}; {} allows only {}", file.path,
                                 format_name(file.format), policy_text(policy),
                                 join(allowed, ", "));
    }
    decision.log.push_back("format: " + join(allowed, " or "));
    return {};
}

}  // namespace

Result<TrustDecision> evaluate(const TrustPolicy& policy, const TrustEvidence& evidence) {
    TrustDecision decision;
    HF_TRY(check_signature(policy, evidence, decision));
    HF_TRY(check_scan(policy, evidence, decision));
    HF_TRY(check_formats(policy, evidence, decision));
    decision.allowed = true;
    return decision;
}

TrustRoots roots_of(const TrustPolicy& policy, Instant now) {
    return {policy.keys, policy.ca_pems, now};
}

Result<TrustDecision> judge_model(const TrustPolicy& policy,
                                  const std::optional<std::string>& bundle,
                                  std::span<const FileToScan> files, Instant now) {
    TrustEvidence evidence;
    if (bundle) evidence.signature = verify_bundle(*bundle, roots_of(policy, now));
    for (const FileToScan& file : files) {
        evidence.files.push_back({file.path, crypto::sha256(file.bytes)});
    }
    evidence.scan = scan_model(files, ScanLimits());
    return evaluate(policy, evidence);
}

}  // namespace hf::trust
