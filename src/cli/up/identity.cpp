#include "cli/up/identity.h"

namespace hf::cli {
namespace {

constexpr Duration kAuthorityValidity = std::chrono::hours(24 * 3650);
constexpr Duration kServerValidity = std::chrono::hours(24 * 365);
constexpr std::uint64_t kMaxPemFileBytes = 64u << 10;

Result<std::string> read_pem(World& world, const std::string& path) {
    const Bytes bytes = HF_TRY(world.files.read(path, kMaxPemFileBytes));
    return std::string(as_text(bytes));
}

Result<crypto::Credential> make_authority(World& world, const std::string& folder) {
    crypto::Credential ca =
        HF_TRY(crypto::make_ca("Holdfast local authority", world.clock.now(), kAuthorityValidity));
    HF_TRY(world.files.create_directories(folder));
    HF_TRY(
        world.files.write(folder + "/ca.key.pem", as_bytes(ca.key.pem()), env::Access::kPrivate));
    HF_TRY(world.files.write(folder + "/ca.pem", as_bytes(ca.certificate_pem)));
    return ca;
}

// An authority that is whole and outlives the certificates that it is to issue, or none.
Result<crypto::Credential> load_authority(World& world, const std::string& folder) {
    const std::string key = HF_TRY(read_pem(world, folder + "/ca.key.pem"));
    const std::string certificate = HF_TRY(read_pem(world, folder + "/ca.pem"));
    const crypto::CertificateFacts facts = HF_TRY(crypto::read_certificate(certificate));
    if (facts.not_after < world.clock.now() + kServerValidity) {
        return failed_precondition("the authority ends too soon");
    }
    return crypto::Credential{HF_TRY(crypto::PrivateKey::from_pem(key)), certificate};
}

}  // namespace

Result<ApiIdentity> load_api_identity(World& world, const std::string& data,
                                      const std::string& address) {
    const std::string folder = data + "/pki";
    Result<crypto::Credential> ca = load_authority(world, folder);
    if (!ca.ok()) ca = make_authority(world, folder);
    HF_TRY(ca.status());
    const crypto::ServerNames names{{"localhost"}, {address}};
    const crypto::Credential server =
        HF_TRY(crypto::issue_server_certificate(*ca, names, world.clock.now(), kServerValidity));
    ApiIdentity identity;
    identity.ca_pem = ca->certificate_pem;
    identity.tls.certificate_pem = server.certificate_pem;
    identity.tls.key_pem = server.key.pem();
    return identity;
}

Result<std::string> load_release_key(World& world, const std::string& data) {
    const std::string path = data + "/keys/release.key";
    if (world.files.exists(path)) {
        const std::string pem = HF_TRY(read_pem(world, path));
        return HF_TRY(crypto::PrivateKey::from_pem(pem).context("{}", path)).public_key().pem();
    }
    const crypto::PrivateKey key = crypto::PrivateKey::generate();
    HF_TRY(world.files.create_directories(data + "/keys"));
    HF_TRY(world.files.write(path, as_bytes(key.pem()), env::Access::kPrivate));
    const std::string public_pem = key.public_key().pem();
    HF_TRY(world.files.write(path + ".pub", as_bytes(public_pem)));
    return public_pem;
}

}  // namespace hf::cli
