#include "base/json.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/trust_roots.h"
#include "cli/vault_folder.h"
#include "trust/policy.h"
#include "vault/model_pack.h"

namespace hf::cli {
namespace {

struct Source {
    std::unique_ptr<vault::Vault> vault;
    std::optional<vault::TransferReport> transfer;  // from a registry
};

Result<vault::TransferReport> fetch(World& world, const Arguments& arguments,
                                    const vault::Reference& reference, vault::Vault& vault) {
    vault::RegistryOptions options;
    options.plain_http = arguments.flag("plain-http");
    options.deltas = arguments.flag("deltas");
    options.wait = [&world](Duration time) {
        return world.wait_for_signal(time) ? cancelled("stopped by a signal") : Status();
    };
    const RegistryAccess access = HF_TRY(open_registry(world, reference, std::move(options)));
    vault::TransferReport report = HF_TRY(access.registry->pull(vault));
    for (const std::string& remark : report.remarks) world.note(remark + "\n");
    return report;
}

// The vault that the model is in now: the folder --from, or ours, filled from a registry first.
Result<Source> find_source(World& world, const Arguments& arguments,
                           const vault::Reference& reference) {
    Source source;
    if (arguments.has("from")) {
        if (!reference.registry.empty()) {
            return invalid_argument("--from names a folder and '{}' a registry: give one of them",
                                    reference.to_string());
        }
        source.vault = HF_TRY(vault::Vault::open_existing(world.files, arguments.get("from")));
        return source;
    }
    source.vault = HF_TRY(open_vault(world, arguments));
    if (!reference.registry.empty()) {
        source.transfer = HF_TRY(fetch(world, arguments, reference, *source.vault));
    }
    return source;
}

Result<std::optional<std::string>> read_bundle(const vault::Vault& vault,
                                               const vault::PackedModel& packed) {
    if (!packed.signature) return std::optional<std::string>();
    if (packed.signature->size_bytes > trust::kMaxBundleBytes) {
        return resource_exhausted("the signature bundle has {} bytes",
                                  packed.signature->size_bytes);
    }
    const std::shared_ptr<const env::MappedFile> blob =
        HF_TRY(vault.open_blob(*packed.signature, "signature bundle"));
    return std::optional(std::string(as_text(blob->bytes())));
}

// Scans always; checks the signature when the user said whom to trust.
Result<trust::TrustDecision> judge(World& world, const Arguments& arguments,
                                   const vault::OpenModel& model,
                                   const std::optional<std::string>& bundle) {
    const trust::TrustRoots roots = HF_TRY(read_trust_roots(world, arguments));
    trust::TrustPolicy policy;
    policy.name = "of this command";
    policy.keys = roots.keys;
    policy.ca_pems = roots.ca_pems;
    policy.require_signature = !roots.keys.empty() || !roots.ca_pems.empty();
    std::vector<trust::FileToScan> files;
    for (const vault::OpenFile& file : model.files) files.push_back({file.path, file.map->bytes()});
    return trust::judge_model(policy, bundle, files, roots.now);
}

// DIR and DIR.sig, so that `holdfast verify DIR` finds both.
Status write_out(World& world, const vault::OpenModel& model,
                 const std::optional<std::string>& bundle, std::string folder) {
    while (folder.size() > 1 && folder.back() == '/') folder.pop_back();
    HF_TRY(vault::materialise(model, world.files, folder));
    if (!bundle) return {};
    return world.files.write(folder + ".sig", as_bytes(*bundle));
}

Status run(World& world, const Arguments& arguments) {
    const vault::Reference reference = HF_TRY(vault::parse_reference(arguments.get("REF")));
    const Source source = HF_TRY(find_source(world, arguments, reference));
    const vault::PackedModel packed = HF_TRY(vault::read_model(*source.vault, reference));
    const vault::OpenModel model = HF_TRY(vault::open_model(*source.vault, packed));
    const std::optional<std::string> bundle = HF_TRY(read_bundle(*source.vault, packed));
    const trust::TrustDecision decision =
        HF_TRY(judge(world, arguments, model, bundle).context("{}", reference.to_string()));
    if (arguments.has("output")) {
        HF_TRY(write_out(world, model, bundle, arguments.get("output")));
    }
    if (arguments.flag("json")) {
        json::Object out{{"reference", reference.to_string()},
                         {"digest", packed.manifest.to_string()},
                         {"files", packed.files.size()},
                         {"signer", decision.signer},
                         {"golden", packed.golden.has_value()}};
        if (source.transfer) {
            out["bytesReceived"] = source.transfer->bytes;
            out["bytesSavedByDeltas"] = source.transfer->bytes_saved;
        }
        world.out(json::write(out) + "\n");
        return {};
    }
    if (source.transfer && source.transfer->blobs_by_delta > 0) {
        world.note(fmt::format("received {}, deltas saved {}\n",
                               format_bytes(source.transfer->bytes),
                               format_bytes(source.transfer->bytes_saved)));
    }
    world.out(fmt::format("pulled {}: {} file{}, {}\n{}\n", reference.to_string(),
                          packed.files.size(), packed.files.size() == 1 ? "" : "s",
                          decision.signer.empty() ? "signature not checked (give --key)"
                                                  : "signed by " + decision.signer,
                          packed.manifest.to_string()));
    return {};
}

}  // namespace

Command pull_command() {
    return {
        "pull",
        "Fetches a model, verifies every byte, and writes it to a folder",
        {{"REF", "NAME:TAG or NAME@sha256:..., with HOST[:PORT]/ in front from a registry"}},
        {{"-o,--output", "the new folder; without it the model only comes to the vault", "DIR"},
         {"--key", "a trusted public key: refuse the model unless it is signed with it", "FILE", "",
          true},
         {"--ca", "a trusted certificate, for bundles with a certificate chain", "FILE", "", true},
         {"--from", "an OCI layout folder instead of the vault", "DIR"},
         {"--deltas",
          "fetch a file that is here in another version of that name as its difference, where the "
          "registry makes such, as `holdfast registry` does",
          ""},
         {"--plain-http", "no TLS, also to other machines than this one", ""},
         data_option(),
         {"--json", "as JSON", ""}},
        {"holdfast pull pump:1 -o pump --key release.key.pub",
         "holdfast pull localhost:5000/pumps/pump:1 -o pump",
         "holdfast pull localhost:5000/pumps/pump:2 --deltas"},
        run};
}

}  // namespace hf::cli
