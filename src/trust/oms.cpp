#include "trust/oms.h"

#include <algorithm>
#include <map>

#include "base/json.h"
#include "base/text.h"
#include "crypto/dsse.h"
#include "crypto/hash.h"

namespace hf::trust {
namespace {

constexpr std::string_view kMediaType = "application/vnd.dev.sigstore.bundle.v0.3+json";
constexpr std::string_view kPayloadType = "application/vnd.in-toto+json";
constexpr std::string_view kStatementType = "https://in-toto.io/Statement/v1";
constexpr std::string_view kPredicateType = "https://model_signing/signature/v1.0";

// SHA-256 over the raw digests in the order of the list.
Digest root_digest(const std::vector<Resource>& resources) {
    crypto::Sha256 hash;
    for (const Resource& resource : resources) hash.update(resource.digest.bytes());
    return hash.finish();
}

json::Object statement_of(const ModelToSign& model, const std::vector<Resource>& resources) {
    json::Array list;
    for (const Resource& resource : resources) {
        list.push_back(
            {{"name", resource.name}, {"algorithm", "sha256"}, {"digest", resource.digest.hex()}});
    }
    json::Array ignored;
    for (const std::string& path : model.ignore_paths) ignored.emplace_back(path);
    const json::Object serialization{{"method", "files"},
                                     {"hash_type", "sha256"},
                                     {"allow_symlinks", false},
                                     {"ignore_paths", std::move(ignored)}};
    const json::Object subject{{"name", model.name},
                               {"digest", {{"sha256", root_digest(resources).hex()}}}};
    return {{"_type", kStatementType},
            {"subject", json::Array{subject}},
            {"predicateType", kPredicateType},
            {"predicate", {{"serialization", serialization}, {"resources", std::move(list)}}}};
}

Result<Digest> parse_hex_digest(std::string_view hex) {
    return Digest::parse("sha256:" + std::string(hex));
}

Result<std::vector<Resource>> parse_resources(const json::Value& predicate) {
    const json::Array* list = json::find_array(predicate, "resources");
    if (!list || list->empty())
        return invalid_argument("[no-resources] the statement lists no file");
    std::vector<Resource> resources;
    for (const json::Value& item : *list) {
        Resource resource;
        resource.name = json::get_string(item, "name");
        if (!is_resource_path(resource.name)) {
            return invalid_argument("[bad-path] '{}' is not a path below the model", resource.name);
        }
        if (json::get_string(item, "algorithm") != "sha256") {
            return unimplemented("[hash-algorithm] '{}' of '{}': only sha256 is supported",
                                 json::get_string(item, "algorithm"), resource.name);
        }
        resource.digest = HF_TRY(parse_hex_digest(json::get_string(item, "digest"))
                                     .context("[bad-digest] '{}'", resource.name));
        resources.push_back(std::move(resource));
    }
    return resources;
}

Status check_subject(const json::Value& statement, const std::vector<Resource>& resources) {
    const json::Array* subjects = json::find_array(statement, "subject");
    if (!subjects || subjects->size() != 1) {
        return invalid_argument("[subject-count] want exactly one subject");
    }
    const json::Value& subject = subjects->front();
    if (json::get_string(subject, "name").empty()) {
        return invalid_argument("[subject-name] the subject has no name");
    }
    const json::Value* hex = json::find_path(subject, {"digest", "sha256"});
    const bool same =
        hex && hex->if_string() && json::as_view(*hex->if_string()) == root_digest(resources).hex();
    if (!same) {
        return data_loss(
            "[root-digest-mismatch] the subject's digest is not that of the listed files");
    }
    return {};
}

Result<VerifiedModel> parse_statement(std::string_view payload) {
    const json::Value statement =
        HF_TRY(json::parse(payload, kMaxBundleBytes).context("[bad-statement]"));
    if (json::get_string(statement, "_type") != kStatementType) {
        return invalid_argument("[statement-type] want {}", kStatementType);
    }
    if (json::get_string(statement, "predicateType") != kPredicateType) {
        return invalid_argument("[predicate-type] want {}", kPredicateType);
    }
    const json::Value* predicate = json::find(statement, "predicate");
    if (!predicate) return invalid_argument("[no-predicate] the statement has no predicate");
    const json::Value* serialization = json::find(*predicate, "serialization");
    if (!serialization || json::get_string(*serialization, "method") != "files") {
        return unimplemented("[serialization] only the method 'files' is supported");
    }
    VerifiedModel model;
    model.resources = HF_TRY(parse_resources(*predicate));
    if (const json::Array* ignored = json::find_array(*serialization, "ignore_paths")) {
        for (const json::Value& path : *ignored) {
            if (!path.if_string()) return invalid_argument("[ignore-paths] want strings");
            model.ignore_paths.emplace_back(json::as_view(*path.if_string()));
        }
    }
    HF_TRY(check_subject(statement, model.resources));
    return model;
}

// The signer's key by the bundle's verification material, if the roots trust it.
Result<std::pair<crypto::PublicKey, std::string>> find_signer(const json::Value& material,
                                                              const TrustRoots& roots) {
    if (const json::Value* named = json::find(material, "publicKey")) {
        const std::string_view hint = json::get_string(*named, "hint");
        for (const crypto::PublicKey& key : roots.keys) {
            // Bundles from before 1.1.0 carry the key itself and no hint; then any trusted key may
            // match.
            const bool old_style = hint.empty() && json::find(*named, "rawBytes");
            if (old_style || hint == key.fingerprint().hex()) {
                return std::pair(key, "key " + key.fingerprint().to_string());
            }
        }
        return unauthenticated(
            "[untrusted-key] signed with key {}, which is not among the trusted ones", hint);
    }
    const json::Value* chain = json::find_path(material, {"x509CertificateChain", "certificates"});
    if (chain && chain->if_array()) {
        std::vector<Bytes> certificates;
        for (const json::Value& item : *chain->if_array()) {
            certificates.push_back(HF_TRY(
                from_base64(json::get_string(item, "rawBytes")).context("[bad-certificate]")));
        }
        crypto::PublicKey key =
            HF_TRY(crypto::PublicKey::from_chain(certificates, roots.ca_pems, roots.now)
                       .context("[untrusted-certificate]"));
        HF_TRY(crypto::check_signs_code(certificates.front()).context("[untrusted-certificate]"));
        std::string signer = "certificate key " + key.fingerprint().to_string();
        return std::pair(std::move(key), std::move(signer));
    }
    if (json::find(material, "certificate")) {
        const json::Array* entries = json::find_array(material, "tlogEntries");
        if (!entries || entries->empty()) {
            return invalid_argument("[no-tlog-entries] a keyless bundle needs a log entry");
        }
        return unimplemented(
            "[keyless] verifying keyless bundles needs Sigstore's online roots; sign "
            "with a key or a certificate");
    }
    return invalid_argument(
        "[no-verification-material] the bundle names no key and no certificate");
}

struct Envelope {
    Bytes payload;
    Bytes signature;
};

Result<Envelope> parse_envelope(const json::Value& bundle) {
    const json::Value* envelope = json::find(bundle, "dsseEnvelope");
    if (!envelope) return invalid_argument("[no-envelope] the bundle has no dsseEnvelope");
    if (json::get_string(*envelope, "payloadType") != kPayloadType) {
        return invalid_argument("[payload-type] want {}", kPayloadType);
    }
    const json::Array* signatures = json::find_array(*envelope, "signatures");
    if (!signatures || signatures->size() != 1) {
        return invalid_argument("[signature-count] want exactly one signature");
    }
    Envelope parsed;
    parsed.payload =
        HF_TRY(from_base64(json::get_string(*envelope, "payload")).context("[bad-payload]"));
    parsed.signature = HF_TRY(
        from_base64(json::get_string(signatures->front(), "sig")).context("[bad-signature]"));
    return parsed;
}

}  // namespace

bool is_resource_path(std::string_view path) {
    if (path.empty() || !is_utf8(path) || path.find('\0') != std::string_view::npos) return false;
    for (std::string_view part : split(path, '/')) {
        if (part.empty() || part == "." || part == "..") return false;
    }
    return true;
}

Result<std::string> sign_model(const ModelToSign& model, const crypto::PrivateKey& key) {
    if (model.resources.empty()) return invalid_argument("an empty model cannot be signed");
    std::vector<Resource> resources = model.resources;
    std::sort(resources.begin(), resources.end(),
              [](const Resource& a, const Resource& b) { return a.name < b.name; });
    for (std::size_t i = 0; i < resources.size(); ++i) {
        const bool twice = i > 0 && resources[i].name == resources[i - 1].name;
        if (!is_resource_path(resources[i].name) || twice) {
            return invalid_argument("'{}' is no proper path, or listed twice", resources[i].name);
        }
    }
    const std::string payload = json::write(statement_of(model, resources));
    const Bytes signature = key.sign(crypto::dsse_pae(kPayloadType, as_bytes(payload)));
    const json::Object material{{"publicKey", {{"hint", key.public_key().fingerprint().hex()}}},
                                {"tlogEntries", json::Array()}};
    const json::Object envelope{
        {"payload", to_base64(as_bytes(payload))},
        {"payloadType", kPayloadType},
        {"signatures", json::Array{json::Object{{"sig", to_base64(signature)}, {"keyid", ""}}}}};
    return json::write(json::Object{{"mediaType", kMediaType},
                                    {"verificationMaterial", material},
                                    {"dsseEnvelope", envelope}}) +
           "\n";
}

Result<VerifiedModel> verify_bundle(std::string_view text, const TrustRoots& roots) {
    const json::Value bundle = HF_TRY(json::parse(text, kMaxBundleBytes).context("[bad-bundle]"));
    if (json::get_string(bundle, "mediaType") != kMediaType) {
        return invalid_argument("[media-type] want {}", kMediaType);
    }
    const json::Value* material = json::find(bundle, "verificationMaterial");
    if (!material) {
        return invalid_argument("[no-verification-material] the bundle names no signer");
    }
    const Envelope envelope = HF_TRY(parse_envelope(bundle));
    const auto [key, signer] = HF_TRY(find_signer(*material, roots));
    if (!key.verify(crypto::dsse_pae(kPayloadType, envelope.payload), envelope.signature)) {
        return unauthenticated(
            "[bad-signature] the signature does not fit the payload and the key");
    }
    VerifiedModel model = HF_TRY(parse_statement(as_text(envelope.payload)));
    model.signer = signer;
    return model;
}

Status compare_files(const VerifiedModel& model, const std::vector<Resource>& on_disk) {
    std::map<std::string, Digest> present;
    for (const Resource& resource : on_disk) present[resource.name] = resource.digest;
    for (const Resource& resource : model.resources) {
        const auto found = present.find(resource.name);
        if (found == present.end()) return data_loss("[missing-file] '{}'", resource.name);
        if (found->second != resource.digest) {
            return data_loss("[changed-file] '{}' is {}, signed was {}", resource.name,
                             found->second.to_string(), resource.digest.to_string());
        }
        present.erase(found);
    }
    if (!present.empty()) {
        return data_loss("[extra-file] '{}' is not part of what was signed",
                         present.begin()->first);
    }
    return {};
}

}  // namespace hf::trust
