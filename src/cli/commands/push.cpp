#include <algorithm>

#include "base/json.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/companions.h"
#include "cli/ensemble_file.h"
#include "cli/ensemble_push.h"
#include "cli/golden.h"
#include "cli/model_folder.h"
#include "cli/model_scan.h"
#include "cli/trust_roots.h"
#include "cli/vault_folder.h"
#include "crypto/hash.h"
#include "graph/load.h"
#include "vault/model_pack.h"

namespace hf::cli {
namespace {

// A model on its way in: scanned files, and what is made of them.
struct Candidate {
    vault::Reference reference;
    ModelFiles model;
    trust::ScanResult scan;
    std::size_t entry = 0;  // the index of the file to load

    const std::string& entry_path() const { return scan.files[entry].path; }
    bool holds_ensemble() const {
        return std::any_of(scan.files.begin(), scan.files.end(),
                           [](const trust::ScannedFile& file) { return is_ensemble(file.path); });
    }
};

bool is_runnable(trust::FileFormat format) {
    return format == trust::FileFormat::kOnnx || format == trust::FileFormat::kTflite;
}

bool is_model(trust::FileFormat format) {
    return is_runnable(format) || format == trust::FileFormat::kSafetensors;
}

// The one file to load: --entry, or the only ensemble, or the only model.
Result<std::size_t> find_entry(const trust::ScanResult& scan, const std::string& wanted) {
    std::vector<std::size_t> found;
    const auto take = [&](auto matches) {
        for (std::size_t i = 0; i < scan.files.size(); ++i) {
            if (matches(scan.files[i])) found.push_back(i);
        }
    };
    if (!wanted.empty()) {
        take([&](const trust::ScannedFile& f) {
            return f.path == wanted && (is_model(f.format) || is_ensemble(f.path));
        });
        if (found.empty()) return not_found("--entry: '{}' is no model in there", wanted);
        return found.front();
    }
    take([](const trust::ScannedFile& f) { return is_ensemble(f.path); });
    if (found.empty()) take([](const trust::ScannedFile& f) { return is_runnable(f.format); });
    if (found.empty()) take([](const trust::ScannedFile& f) { return is_model(f.format); });
    if (found.size() == 1) return found.front();
    return invalid_argument(
        "{} files are {}; say which one is to run with --entry, as in --entry {}", found.size(),
        is_ensemble(scan.files[found.front()].path) ? "ensembles" : "models",
        scan.files[found.front()].path);
}

// A bundle that was made of one file says nothing of what lies beside it.
Status check_alone(const ModelFiles& model, const std::string& path) {
    const std::string name = path.substr(path.rfind('/') + 1);
    if (is_ensemble(name)) {
        return invalid_argument(
            "--signature of {} says nothing of its members; sign and push their folder, or sign "
            "with --key",
            name);
    }
    for (const trust::FileToScan& file : model.files) {
        for (const std::string_view ending : kCompanionEndings) {
            if (file.path != name + std::string(ending)) continue;
            return invalid_argument(
                "{} lies beside the model, and --signature is of the model alone; sign and push "
                "their folder, or sign with --key",
                file.path);
        }
    }
    return {};
}

Result<Candidate> read_candidate(World& world, const Arguments& arguments) {
    const std::string path = arguments.get("MODEL");
    Candidate candidate;
    candidate.reference = HF_TRY(vault::parse_reference(arguments.get("REF")));
    if (candidate.reference.tag.empty()) {
        return invalid_argument("'{}': a model is pushed under a tag, as in {}:1",
                                arguments.get("REF"), candidate.reference.name);
    }
    std::vector<std::string> ignored = default_ignored_paths();
    const std::string own = path_below(path, arguments.get("signature"));
    if (!own.empty()) ignored.push_back(own);
    candidate.model = is_ensemble(path)
                          ? HF_TRY(open_ensemble_files(world, path))
                          : HF_TRY(open_model_files(world, path, ignored, kCompanionEndings));
    if (arguments.has("signature")) HF_TRY(check_alone(candidate.model, path));
    candidate.scan = trust::scan_model(candidate.model.files, {});
    HF_TRY(candidate.scan.status().context("{} is not pushed", path));
    candidate.entry = HF_TRY(find_entry(candidate.scan, arguments.get("entry")));
    if (candidate.holds_ensemble()) {
        const vault::OpenModel files = as_opened(candidate.model);
        HF_TRY(
            check_ensemble(world, files, candidate.entry_path()).context("{} is not pushed", path));
    }
    return candidate;
}

// The entry as a graph, with external data from the files that were scanned.
Result<graph::Graph> load_entry(const Candidate& candidate) {
    const trust::FileToScan& entry = candidate.model.files[candidate.entry];
    const std::size_t slash = entry.path.rfind('/');
    const std::string folder =
        slash == std::string::npos ? std::string() : entry.path.substr(0, slash + 1);
    const graph::ExternalData data =
        [&](std::string_view relative) -> Result<graph::ExternalBytes> {
        for (const trust::FileToScan& file : candidate.model.files) {
            if (file.path == folder + std::string(relative)) {
                return graph::ExternalBytes{file.bytes, nullptr};
            }
        }
        return not_found("external data '{}'", relative);
    };
    return graph::load(entry.bytes, data).context("{}", entry.path);
}

std::string_view media_type_of(trust::FileFormat format) {
    return format == trust::FileFormat::kText ? vault::kDocType : vault::kWeightType;
}

// The bundle to store: made now with --key, read with --signature, or none.
Result<std::string> make_signature(World& world, const Arguments& arguments,
                                   const vault::PackedModel& packed) {
    if (arguments.has("key") && arguments.has("signature")) {
        return invalid_argument("--key signs now, --signature brings a bundle: give one of them");
    }
    if (arguments.has("signature")) {
        const std::string path = arguments.get("signature");
        std::string bundle = HF_TRY(read_text_file(world, path, trust::kMaxBundleBytes));
        // Nobody is trusted here, so a sound bundle ends in UNAUTHENTICATED.
        const Status status = trust::verify_bundle(bundle, {{}, {}, world.clock.now()}).status();
        if (status.code() == Code::kInvalidArgument) return status.context("{}", path);
        return bundle;
    }
    if (!arguments.has("key")) return std::string();
    const crypto::PrivateKey key = HF_TRY(read_private_key(world, arguments.get("key")));
    trust::ModelToSign model;
    model.name = packed.name;
    model.ignore_paths = default_ignored_paths();
    for (const vault::PackedFile& file : packed.files) {
        model.resources.push_back({file.path, file.digest});
    }
    return trust::sign_model(model, key);
}

Result<std::string> golden_text(const Candidate& candidate, const Arguments& arguments) {
    const std::int64_t samples = HF_TRY(arguments.integer("golden", 0, vault::kMaxGoldenSamples));
    const std::int64_t seed =
        HF_TRY(arguments.integer("seed", 0, std::numeric_limits<std::int64_t>::max()));
    if (samples > 0 && candidate.holds_ensemble()) {
        const GoldenChoice choice{static_cast<std::size_t>(samples),
                                  static_cast<std::uint64_t>(seed)};
        const vault::OpenModel files = as_opened(candidate.model);
        return vault::write_golden(
            HF_TRY(make_ensemble_golden(files, candidate.entry_path(), choice)));
    }
    if (samples == 0 || !is_runnable(candidate.scan.files[candidate.entry].format)) {
        return std::string();
    }
    const Result<vault::Golden> golden =
        make_golden(HF_TRY(load_entry(candidate)), static_cast<std::size_t>(samples),
                    static_cast<std::uint64_t>(seed));
    if (!golden.ok()) {
        return golden.status().context("{}: no golden outputs (--golden 0 pushes without)",
                                       candidate.scan.files[candidate.entry].path);
    }
    return vault::write_golden(*golden);
}

Result<vault::Descriptor> store(World& world, const Arguments& arguments, vault::Vault& vault,
                                const Candidate& candidate) {
    const std::string golden = HF_TRY(golden_text(candidate, arguments));
    const std::unique_ptr<vault::Push> push = HF_TRY(vault.begin_push());
    vault::PackedModel packed;
    packed.name = candidate.reference.name;
    packed.entry = candidate.entry_path();
    packed.format = candidate.holds_ensemble()
                        ? "ensemble"
                        : trust::format_name(candidate.scan.files[candidate.entry].format);
    for (std::size_t i = 0; i < candidate.model.files.size(); ++i) {
        const trust::FileToScan& file = candidate.model.files[i];
        const vault::Descriptor blob =
            HF_TRY(push->put(file.bytes, media_type_of(candidate.scan.files[i].format))
                       .context("{}", file.path));
        packed.files.push_back({file.path, blob.media_type, blob.digest, blob.size_bytes});
    }
    if (!golden.empty()) packed.golden = HF_TRY(push->put(as_bytes(golden), vault::kGoldenType));
    const std::string bundle = HF_TRY(make_signature(world, arguments, packed));
    if (!bundle.empty()) {
        packed.signature = HF_TRY(push->put(as_bytes(bundle), vault::kSignatureType));
    }
    const vault::ModelDocuments documents = vault::pack_model(packed);
    HF_TRY(push->put(as_bytes(documents.config), vault::kConfigType));
    const vault::Descriptor manifest =
        HF_TRY(push->put(as_bytes(documents.manifest), vault::kManifestType));
    HF_TRY(push->tag(manifest, candidate.reference.local()));
    return manifest;
}

Status run(World& world, const Arguments& arguments) {
    const Candidate candidate = HF_TRY(read_candidate(world, arguments));
    std::unique_ptr<vault::Vault> vault;
    if (arguments.has("to")) {
        vault = HF_TRY(vault::Vault::open(world.files, arguments.get("to")));
    } else {
        vault = HF_TRY(open_vault(world, arguments));
    }
    const vault::Descriptor manifest = HF_TRY(store(world, arguments, *vault, candidate));
    std::string place = vault->folder();
    if (!candidate.reference.registry.empty()) {
        vault::RegistryOptions options;
        options.plain_http = arguments.flag("plain-http");
        const RegistryAccess access =
            HF_TRY(open_registry(world, candidate.reference, std::move(options)));
        HF_TRY(access.registry->push(*vault, manifest));
        place = "registry " + candidate.reference.registry;
    }
    if (arguments.flag("json")) {
        world.out(json::write(json::Object{{"reference", candidate.reference.to_string()},
                                           {"digest", manifest.digest.to_string()},
                                           {"files", candidate.model.files.size()},
                                           {"place", place}}) +
                  "\n");
    } else {
        world.out(fmt::format("pushed {} to {}\n{}\n", candidate.reference.to_string(), place,
                              manifest.digest.to_string()));
    }
    return {};
}

}  // namespace

Command push_command() {
    return {
        "push",
        "Scans, packs and stores a model, with golden outputs and a signature",
        {{"MODEL",
          "the file or folder; NAME.ensemble.json goes with the models beside it that it names"},
         {"REF", "NAME:TAG in the vault, or HOST[:PORT]/NAME:TAG in a registry"}},
        {{"--key", "sign with this private key", "FILE"},
         {"--signature", "store this bundle, from `holdfast sign` or model-signing", "FILE"},
         {"--to", "an OCI layout folder instead of the vault", "DIR"},
         {"--entry", "which file to run, where several are models", "PATH"},
         {"--golden", "how many golden samples, of each model of an ensemble", "N", "1"},
         {"--seed", "of the golden inputs", "N", std::to_string(kGoldenSeed)},
         {"--plain-http", "no TLS, also to other machines than this one", ""},
         data_option(),
         {"--json", "as JSON", ""}},
        {"holdfast push model.onnx pump:1 --key release.key",
         "holdfast push models/pump localhost:5000/pumps/pump:1",
         "holdfast push models/cascade.ensemble.json digits:1 --key release.key"},
        run};
}

}  // namespace hf::cli
