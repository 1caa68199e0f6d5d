#include "node/identity.h"

#include "api/names.h"
#include "base/json.h"
#include "crypto/hash.h"
#include "crypto/join_token.h"

namespace hf::node {
namespace {

using Kept = Identity::Kept;

constexpr std::uint64_t kMaxFileBytes = 256u << 10;
constexpr std::size_t kMaxAnswerBytes = 256u << 10;
constexpr Duration kLockPatience = std::chrono::seconds(30);
constexpr int kJitterPart = 10;  // of half the certificate's life, to either side
constexpr std::string_view kScheme = "https://";
constexpr std::string_view kCertificateEnd = "-----END CERTIFICATE-----";

struct Paths {
    std::string folder, server, svid, bundle, key, next_key, lock;

    explicit Paths(const std::string& in)
        : folder(in),
          server(in + "/server.json"),
          svid(in + "/svid.pem"),
          bundle(in + "/bundle.pem"),
          key(in + "/key.pem"),
          next_key(in + "/key.next.pem"),
          lock(in + "/lock") {}
};

Result<std::string> read_text(env::Files& files, const std::string& path) {
    const Bytes bytes = HF_TRY(files.read(path, kMaxFileBytes));
    return std::string(as_text(bytes));
}

Result<crypto::PrivateKey> read_key(env::Files& files, const std::string& path) {
    const std::string pem = HF_TRY(read_text(files, path));
    Result<crypto::PrivateKey> key = crypto::PrivateKey::from_pem(pem);
    if (!key.ok()) return data_loss("{}: {}", path, key.status().message());
    return key;
}

Result<crypto::PrivateKey> read_or_make_key(env::Files& files, const std::string& path) {
    if (files.exists(path)) return read_key(files, path);
    crypto::PrivateKey key = crypto::PrivateKey::generate();
    const std::string pem = key.pem();
    HF_TRY(files.write(path, as_bytes(pem), env::Access::kPrivate));
    return key;
}

// What a certificate says once it is known to be whole, at a time at which it was good.
Result<crypto::Svid> read_svid(const std::string& chain, const std::string& bundle) {
    const crypto::CertificateFacts facts = HF_TRY(crypto::read_certificate(chain));
    const crypto::SpiffeId* none = nullptr;
    static_cast<void>(none);
    return crypto::verify_svid(chain, {}, facts.not_after);
}

}  // namespace
}  // namespace hf::node
