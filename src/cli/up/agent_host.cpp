#include "cli/up/agent_host.h"

#include <pthread.h>

#include <thread>

#include "base/mutex.h"
#include "cli/up/telling.h"
#include "node/identity.h"
#include "node/registry_source.h"
#include "node/remote_control_plane.h"

namespace hf::cli {
namespace {

// After which a renewal that failed is tried again, and the longest that the thread sleeps: clocks
// jump.
constexpr Duration kRenewAgain = std::chrono::minutes(1);
constexpr Duration kRenewLook = std::chrono::minutes(10);

// The inference door shows who this machine is, and lets in whom its server knows.
std::optional<http::Tls> tls_of(const node::Identity& identity) {
    const http::ClientOptions own = identity.client_options();
    http::Tls tls;
    tls.certificate_pem = own.certificate_pem;
    tls.key_pem = own.key_pem;
    tls.client_ca_pem = identity.root_pem();
    tls.tls13_only = true;
    return tls;
}

// Another machine is asked as this one, and believed when it is who it should be.
http::ClientOptions asks_as(const node::Identity& identity,
                            const serve::gateway::Replica& replica) {
    http::ClientOptions options;
    if (!replica.url.starts_with("https:")) return options;
    const http::ClientOptions own = identity.client_options();
    options.certificate_pem = own.certificate_pem;
    options.key_pem = own.key_pem;
    options.ca_pem = identity.root_pem();
    options.tls13_only = true;
    options.server_uri = fmt::format("spiffe://{}/node/{}", identity.trust_domain(), replica.node);
    return options;
}

class RealAgentHost final : public AgentHost {
public:
    RealAgentHost(World& world, AgentHostOptions options)
        : world_(world), options_(std::move(options)) {}

    ~RealAgentHost() override {
        {
            const MutexLock lock(mutex_);
            stopping_ = true;
        }
        stop_.notify_all();
        if (renewer_.joinable()) renewer_.join();
    }

    Status start() {
        HF_TRY(world_.files.create_directories(options_.data));
        identity_ = HF_TRY(join_or_open());
        time_floor_.emplace(world_.files, world_.clock, options_.data + "/time-floor");
        raise_time_floor(identity_->began());
        vault_ = HF_TRY(vault::Vault::open(world_.files, options_.data + "/vault"));
        node::RemoteOptions remote;
        remote.servers = &identity_->servers();
        remote.node = identity_->node();
        remote.credentials = [this]() -> Result<node::RemoteOptions::Credentials> {
            return node::RemoteOptions::Credentials{identity_->client_options(),
                                                    identity_->serial()};
        };
        remote.on_server_time = [this](Instant now) { raise_time_floor(now); };
        control_plane_ = node::make_remote_control_plane(std::move(remote));
        node::RegistrySourceOptions source;
        source.servers = &identity_->servers();
        source.credentials = [this]() -> Result<http::ClientOptions> {
            return identity_->client_options();
        };
        source.free_bytes = world_.free_bytes;
        source.wait = [this](Duration pause) -> Status {
            MutexLock lock(mutex_);
            const auto stopping = [this]() HF_REQUIRES(mutex_) { return stopping_; };
            return stop_.wait_for(lock, pause, stopping) ? cancelled("stopped") : Status();
        };
        source.account = options_.data + "/data-budget.json";
        source.on_remark = [this](const std::string& remark) { world_.note(remark + "\n"); };
        source.pace = options_.pace;
        source_ =
            node::make_registry_source({*vault_, world_.files, world_.clock}, std::move(source));
        NodeOptions node;
        node.data = options_.data;
        node.name = identity_->node();
        node.inference = options_.inference;
        node.advertise = options_.advertise;
        node.jurisdiction = options_.jurisdiction;
        node.measure = options_.measure;
        node.updates = options_.updates;
        node.door_extras = options_.door_extras;
        node.observer = options_.observer;
        node.sleep_after = options_.sleep_after;
        node.tls = tls_of(*identity_);
        node.asks_as = [this](const serve::gateway::Replica& replica) {
            return asks_as(*identity_, replica);
        };
        node_ = HF_TRY(NodeHost::start(
            world_, {*vault_, *control_plane_, source_.get(), &*time_floor_}, std::move(node)));
        renewer_ = std::thread([this] {
            pthread_setname_np(pthread_self(), "hf-identity");
            renew_in_time();
        });
        return {};
    }

    std::string node() const override { return identity_->node(); }
    std::string server() const override { return identity_->url(); }
    std::string inference_url() const override { return node_->inference_url(); }
    bool drain(Duration grace) override { return node_->drain(grace); }

private:
    Result<std::unique_ptr<node::Identity>> join_or_open() {
        const node::IdentityWorld world{world_.files, world_.clock};
        const std::string folder = options_.data + "/identity";
        Result<std::unique_ptr<node::Identity>> known = node::Identity::open(world, folder);
        const bool joins = !options_.server.empty() || !options_.token.empty();
        if (known.ok() && !options_.new_key) {
            if (!options_.server.empty()) HF_TRY(follow_servers(**known));
            return known;
        }
        if (known.status().code() == Code::kNotFound && !joins) {
            return not_found(
                "this machine has not joined a server. On the server: holdfast token create; "
                "here: {} agent --join URL --token TOKEN --name NAME",
                world_.program);
        }
        if (!joins) return known;
        if (options_.server.empty() || options_.token.empty() || options_.name.empty()) {
            return invalid_argument("to join, all of --join, --token and --name are needed");
        }
        return node::Identity::join(
            world, {options_.server, options_.token, options_.name, folder, options_.new_key});
    }

    // Which servers there are may change in the life of a machine.
    Status follow_servers(node::Identity& identity) const {
        std::vector<std::string> urls = HF_TRY(node::parse_servers(options_.server));
        return identity.keep_servers(std::move(urls)).context("--join");
    }

    // A floor that cannot be kept counts until the process ends, and is kept at the next try.
    void raise_time_floor(Instant moment) {
        const Status counts_all_the_same = time_floor_->saw(moment);
        static_cast<void>(counts_all_the_same);
    }

    void renew_in_time() {
        Status last;
        MutexLock lock(mutex_);
        const auto stopping = [this]() HF_REQUIRES(mutex_) { return stopping_; };
        while (!stopping_) {
            const Instant now = world_.clock.now();
            Duration pause = identity_->next_renewal(now) - now;
            if (pause <= Duration::zero()) {
                lock.unlock();
                Status renewed = identity_->renew();
                if (renewed.ok()) {
                    raise_time_floor(identity_->began());
                    renewed = node_->renew_tls(*tls_of(*identity_));
                }
                if (!renewed.ok() && renewed != last) {
                    world_.note(fmt::format("identity: {}\n", renewed.message()));
                }
                last = renewed;
                lock.lock();
                pause = renewed.ok() ? Duration::zero() : kRenewAgain;
            }
            stop_.wait_for(lock, std::min(pause, kRenewLook), stopping);
        }
    }

    World& world_;
    const AgentHostOptions options_;
    std::unique_ptr<node::Identity> identity_;
    std::optional<node::TimeFloor> time_floor_;
    std::unique_ptr<vault::Vault> vault_;
    std::unique_ptr<node::ControlPlane> control_plane_;
    std::unique_ptr<node::ModelSource> source_;

    Mutex mutex_;
    ConditionVariable stop_;
    bool stopping_ HF_GUARDED_BY(mutex_) = false;

    std::unique_ptr<NodeHost> node_;  // before what its threads use
    std::thread renewer_;
};

}  // namespace

Result<std::unique_ptr<AgentHost>> AgentHost::start(World& world, AgentHostOptions options) {
    auto host = std::make_unique<RealAgentHost>(world, std::move(options));
    HF_TRY(host->start());
    return std::unique_ptr<AgentHost>(std::move(host));
}

}  // namespace hf::cli
