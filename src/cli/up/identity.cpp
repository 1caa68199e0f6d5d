#include "cli/up/identity.h"

#include "base/text.h"
#include "crypto/spiffe.h"
#include "crypto/svid.h"

namespace hf::cli {
namespace {

constexpr Duration kDay = std::chrono::hours(24);
constexpr Duration kRootValidity = 3650 * kDay;
constexpr Duration kAuthorityValidity = 1825 * kDay;
constexpr Duration kServerValidity = 365 * kDay;

// An authority with less than the first left is renewed when the root key is there, with less than
// the second it must be.
constexpr Duration kRenewalWanted = kServerValidity;
constexpr Duration kRenewalNeeded = 30 * kDay;

constexpr std::uint64_t kMaxPemFileBytes = 64u << 10;
constexpr std::size_t kDomainBytes = 4;

Result<std::string> read_pem(World& world, const std::string& path) {
    const Bytes bytes = HF_TRY(world.files.read(path, kMaxPemFileBytes));
    return std::string(as_text(bytes));
}

// "pki/root": the two files of an authority.
struct Pair {
    std::string key_path, certificate_path;

    explicit Pair(const std::string& stem)
        : key_path(stem + ".key.pem"), certificate_path(stem + ".pem") {}
};

// The key first: a certificate that is there has its key on the disk too.
Status write_pair(World& world, const Pair& pair, const crypto::Credential& credential) {
    const std::string key = credential.key.pem();
    HF_TRY(world.files.write(pair.key_path, as_bytes(key), env::Access::kPrivate));
    return world.files.write(pair.certificate_path, as_bytes(credential.certificate_pem));
}

Result<crypto::Credential> read_pair(World& world, const Pair& pair) {
    const std::string key_pem = HF_TRY(read_pem(world, pair.key_path));
    crypto::PrivateKey key =
        HF_TRY(crypto::PrivateKey::from_pem(key_pem).context("{}", pair.key_path));
    std::string certificate = HF_TRY(read_pem(world, pair.certificate_path));
    return crypto::Credential{std::move(key), std::move(certificate)};
}

Result<Duration> time_left(World& world, const Pair& pair, const std::string& certificate) {
    const crypto::CertificateFacts facts =
        HF_TRY(crypto::read_certificate(certificate).context("{}", pair.certificate_path));
    return facts.not_after - world.clock.now();
}

// The root's certificate, made when there is none, or anew when it ends before long and its key is
// here.
Result<std::string> load_root(World& world, const Pair& root) {
    const bool there = world.files.exists(root.certificate_path);
    if (there) {
        std::string pem = HF_TRY(read_pem(world, root.certificate_path));
        const Duration left = HF_TRY(time_left(world, root, pem));
        if (left >= kRenewalNeeded) return pem;
        if (!world.files.exists(root.key_path)) {
            return failed_precondition(
                "{} ends in {} days: put its key back to {} and start again, which makes a new "
                "root; nodes must then join again",
                root.certificate_path, left / kDay, root.key_path);
        }
    }
    const crypto::Credential made =
        HF_TRY(crypto::make_root("Holdfast root", world.clock.now(), kRootValidity));
    HF_TRY(write_pair(world, root, made));
    return made.certificate_pem;
}

Result<crypto::Credential> issue_authority(World& world, const Pair& root, const Pair& authority) {
    const crypto::Credential signer = HF_TRY(read_pair(world, root));
    crypto::Credential made =
        HF_TRY(crypto::issue_intermediate(signer, "Holdfast authority", world.clock.now(),
                                          kAuthorityValidity)
                   .context("{} and {}", root.key_path, root.certificate_path));
    HF_TRY(write_pair(world, authority, made));
    return made;
}

Status need_root_key(const Pair& root, const Pair& authority, std::string_view trouble) {
    return failed_precondition(
        "{} {}, and the root key that signs a new one is not here: put it back to {} and start "
        "again; afterwards it may be moved away",
        authority.certificate_path, trouble, root.key_path);
}

Result<crypto::Credential> load_authority(World& world, const Pair& root, const Pair& authority,
                                          const std::string& root_pem) {
    const bool signer = world.files.exists(root.key_path);
    if (!world.files.exists(authority.certificate_path)) {
        if (!signer) return need_root_key(root, authority, "is missing");
        return issue_authority(world, root, authority);
    }
    Result<crypto::Credential> kept = read_pair(world, authority);
    const Status fits = kept.ok() ? crypto::check_authority(*kept, root_pem) : kept.status();
    if (!fits.ok()) {
        // What an interrupted renewal leaves; the root key is the owner's word for a new one.
        if (signer) return issue_authority(world, root, authority);
        return need_root_key(root, authority, fmt::format("cannot be used: {}", fits.message()));
    }
    const Duration left = HF_TRY(time_left(world, authority, kept->certificate_pem));
    if (left >= kRenewalWanted) return kept;
    if (signer) return issue_authority(world, root, authority);
    if (left >= kRenewalNeeded) return kept;
    return need_root_key(
        root, authority,
        left <= Duration::zero() ? "has ended" : fmt::format("ends in {} days", left / kDay));
}

Result<std::string> load_trust_domain(World& world, const std::string& path,
                                      const std::string& wanted) {
    if (!wanted.empty()) HF_TRY(crypto::SpiffeId::check_trust_domain(wanted));
    if (world.files.exists(path)) {
        const std::string text = HF_TRY(read_pem(world, path));
        std::string kept(trim(text));
        HF_TRY(crypto::SpiffeId::check_trust_domain(kept).context("{}", path));
        if (wanted.empty() || wanted == kept) return kept;
        return failed_precondition(
            "{} says '{}', not '{}': the names of all nodes begin with it, so it cannot be changed",
            path, kept, wanted);
    }
    Bytes random(kDomainBytes);
    world.entropy.fill(random);
    std::string name = wanted.empty() ? fmt::format("holdfast-{}", to_hex(random)) : wanted;
    HF_TRY(world.files.write(path, as_bytes(name + "\n")));
    return name;
}

}  // namespace

Result<ApiIdentity> load_api_identity(World& world, const std::string& data,
                                      const ApiNames& names) {
    const std::string folder = data + "/pki";
    const Pair root(folder + "/root"), own(folder + "/authority");
    HF_TRY(world.files.create_directories(folder));
    std::string domain =
        HF_TRY(load_trust_domain(world, folder + "/trust-domain", names.trust_domain));
    std::string root_pem = HF_TRY(load_root(world, root));
    crypto::Credential authority = HF_TRY(load_authority(world, root, own, root_pem));
    crypto::ServerNames known{{"localhost"}, {names.address}};
    for (const std::string& host : names.hosts) {
        const bool address = host.find_first_not_of("0123456789.") == std::string::npos ||
                             host.find(':') != std::string::npos;
        (address ? known.ip_addresses : known.dns_names).push_back(host);
    }
    const crypto::Credential server = HF_TRY(
        crypto::issue_server_certificate(authority, known, world.clock.now(), kServerValidity));
    http::Tls tls;
    tls.certificate_pem = server.certificate_pem + authority.certificate_pem + root_pem;
    tls.key_pem = server.key.pem();
    tls.client_ca_pem = root_pem + authority.certificate_pem;
    tls.admit_expired_clients = true;
    return ApiIdentity{std::move(root_pem), std::move(authority), std::move(domain),
                       std::move(tls)};
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
