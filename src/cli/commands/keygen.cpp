#include "cli/commands.h"
#include "crypto/ecdsa.h"

namespace hf::cli {
namespace {

Status run(World& world, const Arguments& arguments) {
    const std::string path = arguments.get("FILE");
    const std::string public_path = path + ".pub";
    for (const std::string& target : {path, public_path}) {
        if (world.files.exists(target)) {
            return already_exists("{} exists; a key is never overwritten, choose another name",
                                  target);
        }
    }
    const crypto::PrivateKey key = crypto::PrivateKey::generate();
    HF_TRY(world.files.write(path, as_bytes(key.pem()), env::Access::kPrivate));
    HF_TRY(world.files.write(public_path, as_bytes(key.public_key().pem())));
    world.out(fmt::format("{} (keep it secret)\n{} (give it to whoever verifies)\nfingerprint {}\n",
                          path, public_path, key.public_key().fingerprint().to_string()));
    return {};
}

}  // namespace

Command keygen_command() {
    return {"keygen",
            "Makes a key pair for signing models (EC P-256)",
            {{"FILE", "where the private key goes; the public one goes to FILE.pub"}},
            {},
            {"holdfast keygen release.key"},
            run};
}

}  // namespace hf::cli
