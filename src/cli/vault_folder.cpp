#include "cli/vault_folder.h"

namespace hf::cli {
namespace {

// The text of the Docker configuration; empty where there is none.
Result<std::string> read_docker_config(World& world) {
    std::string folder = world.environment("DOCKER_CONFIG").value_or("");
    if (folder.empty()) {
        const std::string home = world.environment("HOME").value_or("");
        if (home.empty()) return std::string();
        folder = home + "/.docker";
    }
    const Result<Bytes> bytes =
        world.files.read(folder + "/config.json", vault::kMaxDockerConfigBytes);
    if (bytes.ok()) return std::string(as_text(*bytes));
    if (bytes.status().code() == Code::kNotFound) return std::string();
    return bytes.status();
}

}  // namespace

Result<std::unique_ptr<vault::Vault>> open_vault(World& world, const Arguments& arguments) {
    const std::string folder = HF_TRY(data_folder(world, arguments)) + "/vault";
    return vault::Vault::open(world.files, folder).context("vault {}", folder);
}

Result<RegistryAccess> open_registry(World& world, const vault::Reference& reference,
                                     vault::RegistryOptions options) {
    options.docker_config = HF_TRY(read_docker_config(world));
    RegistryAccess access;
    access.client = HF_TRY(http::Client::create({}));
    access.registry =
        std::make_unique<vault::Registry>(*access.client, reference, std::move(options));
    return access;
}

}  // namespace hf::cli
