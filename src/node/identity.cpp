#include "node/identity.h"

#include <algorithm>
#include <functional>

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

std::size_t count_certificates(std::string_view pem) {
    std::size_t count = 0;
    for (std::size_t at = pem.find(kCertificateEnd); at != pem.npos;
         at = pem.find(kCertificateEnd, at + 1))
        ++count;
    return count;
}

// The certificate of the chain, verified up to the bundle at `now`; its name and key are not looked
// at yet.
Result<crypto::Svid> verify(const std::string& chain, const std::string& bundle, Instant now) {
    const crypto::CertificateFacts facts = HF_TRY(crypto::read_certificate(chain));
    if (count_certificates(bundle) != 1) {
        return invalid_argument("the trust bundle has {} certificates; want the one root",
                                count_certificates(bundle));
    }
    if (facts.uris.empty()) return unauthenticated("the certificate names no node");
    const crypto::SpiffeId id = HF_TRY(crypto::SpiffeId::parse(facts.uris.front()));
    const crypto::TrustBundles bundles{{std::string(id.trust_domain()), {bundle}}};
    return crypto::verify_svid(chain, bundles, now);
}

Status check_owner(const crypto::Svid& svid, const std::string& node,
                   const crypto::PrivateKey& key) {
    if (svid.id.path() != "/node/" + node) {
        return failed_precondition("the certificate is for {}, not for the node '{}'",
                                   svid.id.text(), node);
    }
    if (svid.key.fingerprint() != key.public_key().fingerprint()) {
        return failed_precondition("the certificate is for another key than this machine's");
    }
    return {};
}

std::string endpoint(std::string url, std::string_view path) {
    while (url.ends_with('/')) url.pop_back();
    return fmt::format("{}{}", url, path);
}

Code code_of(int status) {
    switch (status) {
        case 400: return Code::kInvalidArgument;
        case 401: return Code::kUnauthenticated;
        case 403: return Code::kPermissionDenied;
        case 404: return Code::kUnimplemented;  // a server without enrolment
        case 409: return Code::kAlreadyExists;
        case 429:
        case 503: return Code::kUnavailable;
        default: return Code::kInternal;
    }
}

// The JSON of a good answer, or what the server says against it, its reason first.
Result<json::Value> ask(const http::ClientOptions& options, const http::ClientRequest& request) {
    const std::unique_ptr<http::Client> client = HF_TRY(http::Client::create(options));
    const http::Response response = HF_TRY(client->send(request));
    const Result<json::Value> body = json::parse(as_text(response.body), kMaxAnswerBytes);
    if (response.status == 200) {
        if (!body.ok() || !body->is_object())
            return internal_error("{}: the answer is no JSON object", request.url);
        return body;
    }
    const std::string_view message = body.ok() ? json::get_string(*body, "message") : "";
    if (!message.empty()) return Status(code_of(response.status), std::string(message));
    return Status(code_of(response.status),
                  fmt::format("{}: the server answers {}; is it a Holdfast server with enrolment?",
                              request.url, response.status));
}

http::ClientRequest post(const std::string& url, std::string_view path, json::Object body) {
    http::ClientRequest request;
    request.method = "POST";
    request.url = endpoint(url, path);
    request.headers.add("Content-Type", "application/json");
    request.body = to_bytes(json::write(body));
    return request;
}

http::ClientOptions pinned(const Digest& root) {
    http::ClientOptions options;
    options.tls13_only = true;
    options.pinned_ca_sha256 = root;
    options.redirects_max = 0;
    options.body_bytes_max = kMaxAnswerBytes;
    return options;
}

// Another server may do better.
bool is_passing(const Status& status) {
    return status.code() == Code::kUnavailable || status.code() == Code::kDeadlineExceeded;
}

struct Expected {
    const std::vector<std::string>& urls;
    std::string node;
    const crypto::PrivateKey& key;
    Instant now;
};

// What the server gave, if it is what was asked for.
Result<Kept> read_answer(const json::Value& answer, const Expected& expected) {
    std::string chain = HF_TRY(json::need_string(answer, "certificateChain"));
    std::string bundle = HF_TRY(json::need_string(answer, "trustBundle"));
    crypto::Svid svid =
        HF_TRY(verify(chain, bundle, expected.now)
                   .context("the server's answer (is this machine's clock right?)"));
    HF_TRY(check_owner(svid, expected.node, expected.key).context("the server's answer"));
    return Kept{expected.urls,    expected.node,     std::string(json::get_string(answer, "site")),
                std::move(chain), std::move(bundle), expected.key,
                std::move(svid)};
}

std::string encode(const Kept& kept) {
    return json::write_pretty(
        json::Object{{"url", kept.urls.front()},
                     {"servers", json::Array(kept.urls.begin(), kept.urls.end())},
                     {"node", kept.node},
                     {"site", kept.site},
                     {"trustDomain", kept.svid.id.trust_domain()},
                     {"key", kept.key.public_key().fingerprint().to_string()},
                     {"certificateChain", kept.chain_pem},
                     {"trustBundle", kept.bundle_pem}});
}

// The key that server.json names: key.pem, or key.next.pem when a crash came between.
Result<crypto::PrivateKey> find_key(env::Files& files, const Paths& paths, const Digest& wanted) {
    for (const std::string& path : {paths.key, paths.next_key}) {
        Result<crypto::PrivateKey> key = read_key(files, path);
        if (key.ok() && key->public_key().fingerprint() == wanted) return key;
    }
    return data_loss(
        "{} is missing, damaged, or not the key of {}: put the right one back, or revoke this node "
        "and join again",
        paths.key, paths.server);
}

Status not_joined(const Paths& paths) {
    return not_found("{}: this machine has not joined a server yet", paths.server);
}

// An identity of one server's time has its address alone.
Result<std::vector<std::string>> read_servers(const json::Value& value) {
    const json::Array* list = json::find_array(value, "servers");
    std::string text = HF_TRY(json::need_string(value, "url"));
    if (list) {
        text.clear();
        for (const json::Value& each : *list) {
            if (!text.empty()) text += ',';
            if (each.is_string()) text += json::as_view(each.get_string());
        }
    }
    return parse_servers(text);
}

Result<Kept> read_kept(env::Files& files, const Paths& paths) {
    const Result<std::string> text = read_text(files, paths.server);
    if (text.status().code() == Code::kNotFound) return not_joined(paths);
    HF_TRY(text.status());
    const auto read = [&]() -> Result<Kept> {
        const json::Value value = HF_TRY(json::parse(*text, kMaxFileBytes));
        std::vector<std::string> urls = HF_TRY(read_servers(value));
        std::string node = HF_TRY(json::need_string(value, "node"));
        std::string chain = HF_TRY(json::need_string(value, "certificateChain"));
        std::string bundle = HF_TRY(json::need_string(value, "trustBundle"));
        const std::string key_name = HF_TRY(json::need_string(value, "key"));
        const Digest wanted = HF_TRY(Digest::parse(key_name));
        const crypto::CertificateFacts facts = HF_TRY(crypto::read_certificate(chain));
        // It may have ended since: whether it was ever good is asked at its last moment.
        const Instant last = facts.not_after - std::chrono::seconds(1);
        crypto::Svid svid = HF_TRY(verify(chain, bundle, last));
        crypto::PrivateKey key = HF_TRY(find_key(files, paths, wanted));
        HF_TRY(check_owner(svid, node, key));
        return Kept{
            std::move(urls),  std::move(node),   std::string(json::get_string(value, "site")),
            std::move(chain), std::move(bundle), std::move(key),
            std::move(svid)};
    };
    Result<Kept> kept = read();
    if (!kept.ok() && kept.status().code() != Code::kDataLoss)
        return data_loss("{} is damaged: {}; join again", paths.server, kept.status().message());
    return kept;
}

// Writes a file that server.json is the original of. When that fails, the next opening does it.
void mirror(env::Files& files, const std::string& path, const std::string& text,
            env::Access access) {
    const Result<std::string> there = read_text(files, path);
    if (there.ok() && *there == text) return;
    const Status tried_again_later = files.write(path, as_bytes(text), access);
    static_cast<void>(tried_again_later);
}

void write_mirrors(env::Files& files, const Paths& paths, const Kept& kept) {
    mirror(files, paths.svid, kept.chain_pem, env::Access::kShared);
    mirror(files, paths.bundle, kept.bundle_pem, env::Access::kShared);
    const Digest own = kept.key.public_key().fingerprint();
    const Result<crypto::PrivateKey> next = read_key(files, paths.next_key);
    if (!next.ok() || next->public_key().fingerprint() != own) return;
    const Status moved = files.write(paths.key, as_bytes(kept.key.pem()), env::Access::kPrivate);
    if (!moved.ok()) return;
    const Status tried_again_later = files.remove(paths.next_key);
    static_cast<void>(tried_again_later);
}

// What the first server says that can be asked; each is asked once at most.
Result<json::Value> ask_any(
    Servers& servers, const std::function<Result<json::Value>(const std::string& url)>& ask_one) {
    for (std::size_t left = servers.count();; --left) {
        const std::string url = servers.current();
        Result<json::Value> answer = ask_one(url);
        if (answer.ok() || !is_passing(answer.status()) || left <= 1) return answer;
        servers.failed(url);
    }
}

// From here on the new identity counts.
Status commit(env::Files& files, const Paths& paths, const Kept& kept) {
    const std::string text = encode(kept);
    HF_TRY(files.write(paths.server, as_bytes(text), env::Access::kPrivate));
    write_mirrors(files, paths, kept);
    return {};
}

// The key to join with. A new one waits in key.next.pem, where a join that is tried again finds it.
Result<crypto::PrivateKey> key_to_join(env::Files& files, const Paths& paths, bool new_key) {
    if (!new_key || !files.exists(paths.key)) return read_or_make_key(files, paths.key);
    const Result<Kept> kept = read_kept(files, paths);
    if (kept.ok()) write_mirrors(files, paths, *kept);
    return read_or_make_key(files, paths.next_key);
}

}  // namespace

Identity::Identity(Private, IdentityWorld world, std::string folder, Kept kept)
    : world_(world), folder_(std::move(folder)), servers_(kept.urls), kept_(std::move(kept)) {}

Result<std::unique_ptr<Identity>> Identity::join(IdentityWorld world, const JoinOptions& options) {
    const crypto::JoinToken token = HF_TRY(crypto::JoinToken::parse(options.token));
    const std::vector<std::string> urls = HF_TRY(parse_servers(options.url));
    HF_TRY(api::check_name(options.name).context("the node's name"));
    const Paths paths(options.folder);
    HF_TRY(world.files.create_directories(paths.folder));
    const std::unique_ptr<env::FileLock> lock =
        HF_TRY(world.files.lock_within(paths.lock, kLockPatience));
    const crypto::PrivateKey key = HF_TRY(key_to_join(world.files, paths, options.new_key));
    const json::Object body{{"node", options.name}, {"csr", crypto::make_signing_request(key)}};
    Servers servers(urls);
    const json::Value answer = HF_TRY(ask_any(servers, [&](const std::string& url) {
        http::ClientRequest request = post(url, "/v1/enrol", body);
        request.headers.add("Authorization", "Bearer " + options.token);
        return ask(pinned(token.root), request);
    }));
    Kept kept = HF_TRY(read_answer(answer, {urls, options.name, key, world.clock.now()}));
    const Digest root = HF_TRY(crypto::certificate_digest(kept.bundle_pem));
    if (root != token.root) {
        return failed_precondition("the server's trust bundle is not the authority of the token");
    }
    HF_TRY(commit(world.files, paths, kept));
    return std::make_unique<Identity>(Private{}, world, options.folder, std::move(kept));
}

Result<std::unique_ptr<Identity>> Identity::open(IdentityWorld world, const std::string& folder) {
    const Paths paths(folder);
    if (!world.files.exists(paths.server)) return not_joined(paths);
    // Without the lock, on a disk that is read only, the identity can still be used.
    const Result<std::unique_ptr<env::FileLock>> lock =
        world.files.lock_within(paths.lock, kLockPatience);
    Kept kept = HF_TRY(read_kept(world.files, paths));
    if (lock.ok()) write_mirrors(world.files, paths, kept);
    return std::make_unique<Identity>(Private{}, world, folder, std::move(kept));
}

Status Identity::keep_servers(std::vector<std::string> urls) {
    {
        // A unit's file says the same at every start, also on a disk that is full.
        const MutexLock guard(mutex_);
        if (kept_.urls == urls) return {};
    }
    const Paths paths(folder_);
    const std::unique_ptr<env::FileLock> lock =
        HF_TRY(world_.files.lock_within(paths.lock, kLockPatience));
    Kept kept = HF_TRY(read_kept(world_.files, paths));
    kept.urls = urls;
    HF_TRY(commit(world_.files, paths, kept));
    servers_.replace(std::move(urls));
    const MutexLock guard(mutex_);
    kept_ = std::move(kept);
    return {};
}

Status Identity::renew() {
    const Paths paths(folder_);
    const std::unique_ptr<env::FileLock> lock =
        HF_TRY(world_.files.lock_within(paths.lock, kLockPatience));
    // Another process may have joined or renewed meanwhile.
    const Kept before = HF_TRY(read_kept(world_.files, paths));
    const Digest root = HF_TRY(crypto::certificate_digest(before.bundle_pem));
    http::ClientOptions options = pinned(root);
    options.certificate_pem = before.chain_pem;
    options.key_pem = before.key.pem();
    const json::Object body{{"csr", crypto::make_signing_request(before.key)}};
    const json::Value answer = HF_TRY(ask_any(servers_, [&](const std::string& url) {
        return ask(options, post(url, "/v1/renew", body));
    }));
    Kept after =
        HF_TRY(read_answer(answer, {before.urls, before.node, before.key, world_.clock.now()}));
    if (after.svid.id != before.svid.id) {
        return failed_precondition("the server renews {} as {}", before.svid.id.text(),
                                   after.svid.id.text());
    }
    HF_TRY(commit(world_.files, paths, after));
    const MutexLock guard(mutex_);
    kept_ = std::move(after);
    return {};
}

Instant Identity::next_renewal(Instant now) const {
    const MutexLock lock(mutex_);
    const crypto::Svid& svid = kept_.svid;
    const Duration half = (svid.not_after - svid.not_before) / 2;
    const Digest spread = crypto::sha256(as_bytes(svid.serial_hex));
    const auto random = load_le<std::uint16_t>(spread.bytes().data());
    const Duration width = half / kJitterPart;
    // From a tenth earlier to a tenth later, by what the serial happens to be.
    const Duration shift = width / 0x8000 * random - width;
    return std::max(now, svid.not_before + half + shift);
}

Instant Identity::began() const {
    const MutexLock lock(mutex_);
    return kept_.svid.not_before;
}

Identity::Standing Identity::standing(Instant now) const {
    const MutexLock lock(mutex_);
    return now < kept_.svid.not_after ? Standing::kGood : Standing::kExpired;
}

http::ClientOptions Identity::client_options() const {
    const MutexLock lock(mutex_);
    http::ClientOptions options;
    options.tls13_only = true;
    options.pinned_ca_sha256 = crypto::certificate_digest(kept_.bundle_pem).value();
    options.certificate_pem = kept_.chain_pem;
    options.key_pem = kept_.key.pem();
    return options;
}

std::string Identity::root_pem() const {
    const MutexLock lock(mutex_);
    return kept_.bundle_pem;
}

std::string Identity::node() const {
    const MutexLock lock(mutex_);
    return kept_.node;
}

std::string Identity::site() const {
    const MutexLock lock(mutex_);
    return kept_.site;
}

std::string Identity::trust_domain() const {
    const MutexLock lock(mutex_);
    return std::string(kept_.svid.id.trust_domain());
}

std::string Identity::serial() const {
    const MutexLock lock(mutex_);
    return kept_.svid.serial_hex;
}

}  // namespace hf::node
