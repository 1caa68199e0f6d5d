#include "base/json.h"
#include "cli/commands.h"
#include "cli/model_folder.h"

namespace hf::cli {
namespace {

constexpr std::uint64_t kMaxKeyBytes = 64u << 10;

Result<std::string> read_text(World& world, const std::string& path, std::uint64_t max_bytes) {
    const Bytes bytes = HF_TRY(world.files.read(path, max_bytes));
    return std::string(as_text(bytes));
}

Result<trust::TrustRoots> read_roots(World& world, const Arguments& arguments) {
    trust::TrustRoots roots;
    roots.now = world.clock.now();
    for (const std::string& path : arguments.all("key")) {
        const std::string pem = HF_TRY(read_text(world, path, kMaxKeyBytes));
        roots.keys.push_back(HF_TRY(crypto::PublicKey::from_pem(pem).context("{}", path)));
    }
    for (const std::string& path : arguments.all("ca")) {
        roots.ca_pems.push_back(HF_TRY(read_text(world, path, kMaxKeyBytes)));
    }
    if (roots.keys.empty() && roots.ca_pems.empty()) {
        return invalid_argument("say whom to trust: --key PUBLIC_KEY, or --ca CERTIFICATE");
    }
    return roots;
}

Status run(World& world, const Arguments& arguments) {
    const std::string path = arguments.get("MODEL");
    std::string signature = arguments.get("signature");
    if (signature.empty()) signature = path + ".sig";
    const trust::TrustRoots roots = HF_TRY(read_roots(world, arguments));
    const std::string bundle = HF_TRY(read_text(world, signature, trust::kMaxBundleBytes));
    const trust::VerifiedModel model =
        HF_TRY(trust::verify_bundle(bundle, roots).context("{}", signature));
    std::vector<std::string> ignored = default_ignored_paths();
    ignored.insert(ignored.end(), model.ignore_paths.begin(), model.ignore_paths.end());
    const std::string own = path_below(path, signature);
    if (!own.empty()) ignored.push_back(own);
    const std::vector<trust::Resource> files = HF_TRY(hash_model(world, path, ignored));
    HF_TRY(trust::compare_files(model, files).context("{}", path));
    if (arguments.flag("json")) {
        world.out(
            json::write(json::Object{
                {"verified", true}, {"signer", model.signer}, {"files", model.resources.size()}}) +
            "\n");
    } else {
        world.out(fmt::format("verified: {} file{}, signed by {}\n", model.resources.size(),
                              model.resources.size() == 1 ? "" : "s", model.signer));
    }
    return {};
}

}  // namespace

Command verify_command() {
    return {
        "verify",
        "Verifies a model against its signature; any change, missing or extra file is refused",
        {{"MODEL", "the file or folder"}},
        {{"--key", "a trusted public key", "FILE", "", true},
         {"--ca", "a trusted certificate, for bundles with a certificate chain", "FILE", "", true},
         {"--signature", "the bundle; MODEL.sig unless given", "FILE"},
         {"--json", "as JSON", ""}},
        {"holdfast verify model.onnx --key release.key.pub"},
        run};
}

}  // namespace hf::cli
