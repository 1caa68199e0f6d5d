#include "cli/commands.h"
#include "cli/model_folder.h"
#include "cli/trust_roots.h"

namespace hf::cli {
namespace {

// "pump" of "models/pump/".
std::string base_name(const std::string& path) {
    const std::size_t last = path.find_last_not_of('/');
    if (last == std::string::npos) return "model";
    const std::size_t slash = path.rfind('/', last);
    return path.substr(slash == std::string::npos ? 0 : slash + 1, last - slash);
}

Status run(World& world, const Arguments& arguments) {
    const std::string path = arguments.get("MODEL");
    std::string signature = arguments.get("signature");
    if (signature.empty()) signature = path + ".sig";
    const crypto::PrivateKey key = HF_TRY(read_private_key(world, arguments.get("key")));
    trust::ModelToSign model;
    model.ignore_paths = default_ignored_paths();
    for (const std::string& extra : arguments.all("ignore-path"))
        model.ignore_paths.push_back(extra);
    const std::string own = path_below(path, signature);
    if (!own.empty()) model.ignore_paths.push_back(own);
    model.resources = HF_TRY(hash_model(world, path, model.ignore_paths));
    model.name = base_name(path);
    const std::string bundle = HF_TRY(trust::sign_model(model, key));
    HF_TRY(world.files.write(signature, as_bytes(bundle)));
    world.out(fmt::format("signed {} file{} with key {}\nwrote {}\n", model.resources.size(),
                          model.resources.size() == 1 ? "" : "s",
                          key.public_key().fingerprint().to_string(), signature));
    return {};
}

}  // namespace

Command sign_command() {
    return {
        "sign",
        "Signs a model, a file or a whole folder, in OpenSSF Model Signing format",
        {{"MODEL", "the file or folder"}},
        {{"--key", "the private key, from `holdfast keygen` or openssl", "FILE", "", false, true},
         {"--signature", "where the bundle goes; MODEL.sig unless given", "FILE"},
         {"--ignore-path", "leave out this path, relative to MODEL", "PATH", "", true}},
        {"holdfast sign model.onnx --key release.key",
         "holdfast sign models/pump --key release.key --signature pump.sig"},
        run};
}

}  // namespace hf::cli
