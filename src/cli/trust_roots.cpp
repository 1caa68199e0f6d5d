#include "cli/trust_roots.h"

namespace hf::cli {
namespace {

constexpr std::uint64_t kMaxKeyBytes = 64u << 10;

}  // namespace

Result<std::string> read_text_file(World& world, const std::string& path, std::uint64_t max_bytes) {
    const Bytes bytes = HF_TRY(world.files.read(path, max_bytes));
    return std::string(as_text(bytes));
}

Result<trust::TrustRoots> read_trust_roots(World& world, const Arguments& arguments) {
    trust::TrustRoots roots;
    roots.now = world.clock.now();
    for (const std::string& path : arguments.all("key")) {
        const std::string pem = HF_TRY(read_text_file(world, path, kMaxKeyBytes));
        roots.keys.push_back(HF_TRY(crypto::PublicKey::from_pem(pem).context("{}", path)));
    }
    for (const std::string& path : arguments.all("ca")) {
        roots.ca_pems.push_back(HF_TRY(read_text_file(world, path, kMaxKeyBytes)));
    }
    return roots;
}

Result<crypto::PrivateKey> read_private_key(World& world, const std::string& path) {
    const std::string pem = HF_TRY(read_text_file(world, path, kMaxKeyBytes));
    return crypto::PrivateKey::from_pem(pem).context("{}", path);
}

}  // namespace hf::cli
