#include "cli/up/gateway_host.h"

#include <pthread.h>

#include <thread>

#include "api/kinds.h"
#include "base/mutex.h"
#include "cli/up/gateway_routes.h"
#include "cli/up/telling.h"
#include "crypto/svid.h"
#include "resources/mirror.h"
#include "serve/gateway/gateway.h"
#include "serve/gateway/grpc_routes.h"

namespace hf::cli {
namespace {

constexpr Duration kCertificateLife = std::chrono::hours(24);
// How long at most until a failed look at the store is repeated.
constexpr Duration kLookAgain = std::chrono::seconds(1);

// Requests under way each hold a worker of the door.
constexpr std::size_t kWorkers = 32;

class RealGatewayHost final : public GatewayHost {
public:
    RealGatewayHost(World& world, resources::Resources& resources, GatewayHostOptions options)
        : world_(world),
          options_(std::move(options)),
          services_(resources, api::service_kind(), waker()),
          nodes_(resources, api::node_kind(), waker()),
          sites_(resources, api::site_kind(), waker()),
          rollouts_(resources, api::rollout_kind(), waker()) {}

    ~RealGatewayHost() override {
        {
            const MutexLock lock(mutex_);
            stopping_ = true;
        }
        changed_.notify_all();
        if (follower_.joinable()) follower_.join();
        server_.reset();
    }

    Status start() {
        HF_TRY(renew());
        serve::gateway::GatewayOptions options;
        options.site = options_.site;
        options.client_options = [this](const serve::gateway::Replica& replica) {
            return client_options(replica);
        };
        std::array<std::uint8_t, sizeof options.seed> seed{};
        world_.entropy.fill(seed);
        std::memcpy(&options.seed, seed.data(), seed.size());
        gateway_ = HF_TRY(serve::gateway::Gateway::create(std::move(options), world_.clock));
        http::Router router;
        serve::gateway::add_gateway_routes(router, *gateway_);
        serve::gateway::add_gateway_grpc(router, options_.listen, *gateway_, world_.clock);
        router.add("GET", "/metrics", [this](const http::Request&) {
            std::string text = gateway_->metrics();
            if (options_.observer) text += options_.observer->metrics();
            return http::Response::text(200, text);
        });
        if (options_.observer) options_.listen.observe = options_.observer->observe();
        options_.listen.workers = kWorkers;
        server_ = HF_TRY(http::Server::start(options_.listen, std::move(router)));
        follower_ = std::thread([this] {
            pthread_setname_np(pthread_self(), "hf-routes");
            follow();
        });
        return {};
    }

    std::string url() const override {
        return url_of("http", options_.listen.address, server_->port());
    }

    bool drain(Duration grace) override {
        gateway_->set_ready(false);
        return server_->drain(grace);
    }

private:
    std::function<void()> waker() {
        return [this] {
            {
                const MutexLock lock(mutex_);
                news_ = true;
            }
            changed_.notify_all();
        };
    }

    Status read() {
        HF_TRY(services_.update());
        HF_TRY(nodes_.update());
        HF_TRY(sites_.update());
        HF_TRY(rollouts_.update());
        return {};
    }

    void follow() {
        const std::function<void(const Status&)> tell = teller(world_, "gateway");
        Status last;
        MutexLock lock(mutex_);
        while (!stopping_) {
            news_ = false;
            lock.unlock();
            Status status = read();
            if (status.ok()) {
                status =
                    gateway_->set_routes(gateway_routes({services_.objects(), nodes_.objects(),
                                                         sites_.objects(), rollouts_.objects()}));
            }
            if (!status.ok() && status != last) tell(status);
            last = status;
            lock.lock();
            changed_.wait_for(lock, kLookAgain,
                              [this]() HF_REQUIRES(mutex_) { return stopping_ || news_; });
        }
    }

    // A new certificate for a new key.
    Status renew() {
        const Instant now = world_.clock.now();
        const crypto::PrivateKey key = crypto::PrivateKey::generate();
        const crypto::SpiffeId id = HF_TRY(
            crypto::SpiffeId::parse(fmt::format("spiffe://{}/gateway", options_.trust_domain)));
        const std::string leaf = HF_TRY(
            crypto::issue_svid(options_.authority, {key.public_key(), id}, now, kCertificateLife));
        const MutexLock lock(own_);
        certificate_pem_ = leaf + options_.authority.certificate_pem;
        key_pem_ = key.pem();
        renew_at_ = now + kCertificateLife / 2;
        return {};
    }

    bool is_due() {
        const MutexLock lock(own_);
        return world_.clock.now() >= renew_at_;
    }

    // From any of the gateway's threads.
    http::ClientOptions client_options(const serve::gateway::Replica& replica) {
        http::ClientOptions options;
        if (!replica.url.starts_with("https:")) return options;
        if (is_due()) {
            // One that could not be made is made the next time; the old one is good for half a day.
            const Status ignored = renew();
            (void)ignored;
        }
        const MutexLock lock(own_);
        options.ca_pem = options_.root_pem;
        options.certificate_pem = certificate_pem_;
        options.key_pem = key_pem_;
        options.tls13_only = true;
        options.server_uri =
            fmt::format("spiffe://{}/node/{}", options_.trust_domain, replica.node);
        return options;
    }

    World& world_;
    GatewayHostOptions options_;

    // The thread's.
    resources::Mirror services_;
    resources::Mirror nodes_;
    resources::Mirror sites_;
    resources::Mirror rollouts_;

    Mutex own_;
    std::string certificate_pem_ HF_GUARDED_BY(own_);
    std::string key_pem_ HF_GUARDED_BY(own_);
    Instant renew_at_ HF_GUARDED_BY(own_);

    Mutex mutex_;
    ConditionVariable changed_;
    bool stopping_ HF_GUARDED_BY(mutex_) = false;
    bool news_ HF_GUARDED_BY(mutex_) = false;

    std::unique_ptr<serve::gateway::Gateway> gateway_;
    std::unique_ptr<http::Server> server_;
    std::thread follower_;
};

}  // namespace

Result<std::unique_ptr<GatewayHost>> GatewayHost::start(World& world,
                                                        resources::Resources& resources,
                                                        GatewayHostOptions options) {
    auto host = std::make_unique<RealGatewayHost>(world, resources, std::move(options));
    HF_TRY(host->start());
    return std::unique_ptr<GatewayHost>(std::move(host));
}

}  // namespace hf::cli
