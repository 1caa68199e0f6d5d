// A machine's identity: joined once by a token that is good for one key, and renewed.

#include <fmt/format.h>

#include <ctime>
#include <set>

#include "base/json.h"
#include "crypto/certificates.h"
#include "crypto/join_token.h"
#include "http/server.h"
#include "node/identity.h"
#include "sim/power/subject.h"
#include "testing/manual_clock.h"

namespace hf::power {
namespace {

constexpr Duration kDay = std::chrono::hours(24);
constexpr int kRenewals = 2;
const std::string kFolder = "/identity";

// TLS goes by the machine's clock.
Instant machine_time() {
    return Instant(std::chrono::seconds(std::time(nullptr)));
}

// A server that gives every key that asks a certificate for the node "press".
class Authority {
public:
    Authority() {
        http::Router router;
        for (const char* path : {"/v1/enrol", "/v1/renew"}) {
            router.add("POST", path,
                       [this](const http::Request& request) { return answer(request); });
        }
        const crypto::Credential own =
            crypto::issue_server_certificate(authority_, {{}, {"127.0.0.1"}}, now_, kDay).value();
        http::ServerOptions options;
        options.tls.emplace();
        options.tls->certificate_pem =
            own.certificate_pem + authority_.certificate_pem + root_.certificate_pem;
        options.tls->key_pem = own.key.pem();
        options.tls->client_ca_pem = root_.certificate_pem;
        server_ = http::Server::start(std::move(options), std::move(router)).value();
    }

    node::JoinOptions offer() const {
        const std::string token =
            crypto::JoinToken{std::string(16, 'a'), std::string(64, 'b'),
                              crypto::certificate_digest(root_.certificate_pem).value()}
                .text();
        return {fmt::format("https://127.0.0.1:{}", server_->port()), token, "press", kFolder,
                false};
    }

    // Keys that used the token, since the last time.
    std::set<std::string> take_keys() {
        const MutexLock lock(mutex_);
        return std::exchange(keys_, {});
    }

private:
    http::Response answer(const http::Request& request) {
        const json::Value body = json::parse(as_text(request.body)).value();
        const crypto::PublicKey key =
            crypto::read_signing_request(json::get_string(body, "csr")).value();
        {
            const MutexLock lock(mutex_);
            keys_.insert(key.fingerprint().hex());
        }
        const auto id = crypto::SpiffeId::parse("spiffe://plant/node/press").value();
        const std::string leaf = crypto::issue_svid(authority_, {key, id}, now_, kDay).value();
        return http::Response::json(
            200, json::write(json::Object{{"node", "press"},
                                          {"certificateChain", leaf + authority_.certificate_pem},
                                          {"trustBundle", root_.certificate_pem},
                                          {"site", "hall"}}));
    }

    const Instant now_ = machine_time();
    const crypto::Credential root_ = crypto::make_root("root", now_ - 2 * kDay, 90 * kDay).value();
    const crypto::Credential authority_ =
        crypto::issue_intermediate(root_, "authority", now_ - 2 * kDay, 60 * kDay).value();
    Mutex mutex_;
    std::set<std::string> keys_ HF_GUARDED_BY(mutex_);
    std::unique_ptr<http::Server> server_;
};

class IdentitySubject final : public Subject {
public:
    std::string_view name() const override { return "identity"; }

    Status live(const std::shared_ptr<testing::Disk>& disk, History& history) override {
        testing::MemoryFiles files(disk);
        const node::IdentityWorld world{files, clock_};
        const auto reads = [&] { return check(*disk, history); };
        HF_TRY(reads());
        std::unique_ptr<node::Identity> identity;
        const auto join = [&]() -> Status {
            Result<std::unique_ptr<node::Identity>> opened = node::Identity::open(world, kFolder);
            if (opened.status().code() == Code::kNotFound) {
                authority_.take_keys();
                history.begin("joined");
                opened = node::Identity::join(world, authority_.offer());
                HF_TRY(check_token(history));
            }
            identity = HF_TRY(std::move(opened));
            if (!history.begun("joined")) return internal_error("an identity from nowhere");
            const bool old = history.promised("joined");
            history.finish("joined", old ? history.value("joined") : identity->serial());
            return {};
        };
        HF_TRY(bear_full_disk(*disk, join, reads));
        for (int number = 0; number < kRenewals; ++number) {
            const std::string deed = fmt::format("renewed {}", number);
            if (history.promised(deed)) continue;
            const auto renew = [&]() -> Status {
                history.begin(deed);
                HF_TRY(identity->renew());
                history.finish(deed, identity->serial());
                return {};
            };
            HF_TRY(bear_full_disk(*disk, renew, reads));
        }
        return reads();
    }

private:
    // A token is good for one key: whoever joins again after a crash has the same.
    Status check_token(History& history) {
        const std::string deed = "token used";
        for (const std::string& key : authority_.take_keys()) {
            if (history.promised(deed) && history.value(deed) != key) {
                return data_loss("the key that the token was used for is gone");
            }
            history.begin(deed);
            history.finish(deed, key);
        }
        return {};
    }

    Status check(const testing::Disk& disk, const History& history) {
        testing::MemoryFiles files = copy_of(disk);
        const auto identity = node::Identity::open({files, clock_}, kFolder);
        if (!identity.ok()) {
            const bool none = identity.status().code() == Code::kNotFound;
            if (none && !history.promised("joined")) return {};
            return data_loss("{}", identity.status().to_string());
        }
        // What an acknowledged renewal replaced does not come back.
        int last = -1;
        for (int number = 0; number < kRenewals; ++number) {
            if (history.promised(fmt::format("renewed {}", number))) last = number;
        }
        for (int number = -1; number < last; ++number) {
            const std::string old =
                history.value(number < 0 ? "joined" : fmt::format("renewed {}", number));
            if (!old.empty() && old == (*identity)->serial()) {
                return data_loss("renewal {} was acknowledged; {} is back", last, number);
            }
        }
        return {};
    }

    Authority authority_;
    testing::ManualClock clock_{machine_time()};
};

}  // namespace

std::unique_ptr<Subject> identity_subject() {
    return std::make_unique<IdentitySubject>();
}

}  // namespace hf::power
