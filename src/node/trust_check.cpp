#include "node/trust_check.h"

#include "crypto/certificates.h"
#include "trust/policy.h"

namespace hf::node {
namespace {

Result<trust::FileFormat> format_named(std::string_view name) {
    for (const auto format : {trust::FileFormat::kOnnx, trust::FileFormat::kTflite}) {
        if (trust::format_name(format) == name) return format;
    }
    return failed_precondition("spec.allowedFormats: this node knows no format '{}'", name);
}

Result<trust::TrustPolicy> policy_of(const api::Object& object) {
    trust::TrustPolicy policy;
    policy.name = std::string(object.name());
    const json::Value& spec = object.spec();
    policy.require_signature = json::get_bool(spec, "requireSignature", true);
    policy.require_scan = json::get_bool(spec, "requireScan", true);
    if (const json::Array* keys = json::find_array(spec, "keys")) {
        for (std::size_t i = 0; i < keys->size(); ++i) {
            const json::Value& key = (*keys)[i];
            const std::string_view pem = key.is_string() ? json::as_view(key.get_string()) : "";
            policy.keys.push_back(
                HF_TRY(crypto::PublicKey::from_pem(pem).context("spec.keys[{}]", i)));
        }
    }
    if (const json::Array* authorities = json::find_array(spec, "authorities")) {
        for (std::size_t i = 0; i < authorities->size(); ++i) {
            const json::Value& authority = (*authorities)[i];
            const std::string_view pem =
                authority.is_string() ? json::as_view(authority.get_string()) : "";
            HF_TRY(crypto::read_certificate(pem).status().context("spec.authorities[{}]", i));
            policy.ca_pems.emplace_back(pem);
        }
    }
    if (const json::Array* formats = json::find_array(spec, "allowedFormats")) {
        for (const json::Value& format : *formats) {
            const std::string_view name =
                format.is_string() ? json::as_view(format.get_string()) : "";
            policy.allowed_formats.push_back(HF_TRY(format_named(name)));
        }
    }
    return policy;
}

}  // namespace

Result<std::string> check_trust(const api::Object& policy, const ModelEvidence& evidence) {
    const trust::TrustPolicy demands =
        HF_TRY(policy_of(policy).context("TrustPolicy {}", policy.name()));
    std::optional<std::string> bundle;
    if (evidence.packed.signature) {
        const auto map =
            HF_TRY(evidence.vault.open_blob(*evidence.packed.signature, "the signature"));
        bundle = std::string(as_text(map->bytes()));
    }
    std::vector<trust::FileToScan> files;
    for (const vault::OpenFile& file : evidence.files.files) {
        files.push_back({file.path, file.map->bytes(), trust::FileTie::kOwn});
    }
    return HF_TRY(trust::judge_model(demands, bundle, files, evidence.now)).signer;
}

}  // namespace hf::node
