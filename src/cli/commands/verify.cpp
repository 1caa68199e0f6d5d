#include "base/json.h"
#include "cli/commands.h"
#include "cli/model_folder.h"
#include "cli/trust_roots.h"

namespace hf::cli {
namespace {

Status run(World& world, const Arguments& arguments) {
    const std::string path = arguments.get("MODEL");
    std::string signature = arguments.get("signature");
    if (signature.empty()) signature = path + ".sig";
    const trust::TrustRoots roots = HF_TRY(read_trust_roots(world, arguments));
    if (roots.keys.empty() && roots.ca_pems.empty()) {
        return invalid_argument("say whom to trust: --key PUBLIC_KEY, or --ca CERTIFICATE");
    }
    const std::string bundle = HF_TRY(read_text_file(world, signature, trust::kMaxBundleBytes));
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
