#include "cli/up/instance.h"

#include <pthread.h>

#include <thread>

#include "api/kinds.h"
#include "base/mutex.h"
#include "cli/commands.h"
#include "cli/kubeconfig.h"
#include "cli/up/identity.h"
#include "cli/up/serving_host.h"
#include "control/apply/reconciler.h"
#include "control/server/api_server.h"
#include "control/server/kubeconfig.h"
#include "node/agent.h"
#include "resources/bootstrap.h"
#include "serve/oip.h"
#include "store/sqlite.h"
#include "vault/vault.h"

namespace hf::cli {
namespace {

// How often watches of the API look at their time.
constexpr Duration kTick = std::chrono::seconds(1);

std::string url_of(std::string_view scheme, const std::string& address, std::uint16_t port) {
    const bool v6 = address.find(':') != std::string::npos;
    return fmt::format("{}://{}:{}", scheme, v6 ? "[" + address + "]" : address, port);
}

class RealInstance final : public Instance {
public:
    RealInstance(World& world, InstanceOptions options)
        : world_(world), options_(std::move(options)) {}

    ~RealInstance() override {
        {
            const MutexLock lock(mutex_);
            stopping_ = true;
        }
        stop_.notify_all();
        if (ticker_.joinable()) ticker_.join();
    }

    Status start() {
        HF_TRY(open_data());
        HF_TRY(start_inference());
        HF_TRY(start_api());
        HF_TRY(resources::ensure_builtin_roles(*resources_));
        HF_TRY(make_default_policy());
        reconciler_ = control::Reconciler::start(*resources_, teller("reconciler"));
        return start_agent();
    }

    resources::Resources& resources() override { return *resources_; }
    std::string inference_url() const override {
        return url_of("http", options_.inference.address, inference_->port());
    }
    std::string api_url() const override {
        return url_of("https", options_.api.address, api_->port());
    }
    const std::string& data() const override { return options_.data; }

    bool drain(Duration grace) override {
        models_.set_ready(false);
        agent_.reset();
        reconciler_.reset();
        const bool answered = inference_->drain(grace);
        // What is left on the API are watches, which clients take up again elsewhere or later.
        api_->drain(std::chrono::seconds(1));
        return answered;
    }

private:
    Status open_data() {
        HF_TRY(world_.files.create_directories(options_.data));
        store_ = HF_TRY(store::open_sqlite_store(options_.data + "/store.db", world_.clock));
        resources_ = std::make_unique<resources::Resources>(*store_, world_.clock, world_.entropy);
        vault_ = HF_TRY(vault::Vault::open(world_.files, options_.data + "/vault"));
        serve::Receipts::Options receipts;
        receipts.folder = options_.data + "/receipts";
        receipts.node = options_.node_name;
        receipts_ = HF_TRY(serve::Receipts::open({world_.files, world_.clock, world_.entropy},
                                                 std::move(receipts)));
        return {};
    }

    Status start_inference() {
        http::Router router;
        serve::add_oip_routes(router, models_, receipts_.get());
        inference_ = HF_TRY(http::Server::start(options_.inference, std::move(router)));
        host_.set_base_url(inference_url());
        return {};
    }

    Status start_api() {
        ApiIdentity identity =
            HF_TRY(load_api_identity(world_, options_.data, options_.api.address));
        tokens_ = std::make_unique<control::Tokens>(*resources_, world_.entropy);
        api_server_ =
            std::make_unique<control::ApiServer>(*resources_, *tokens_, std::string(kVersion));
        http::Router router;
        control::add_api_routes(router, *api_server_);
        options_.api.tls = std::move(identity.tls);
        api_ = HF_TRY(http::Server::start(options_.api, std::move(router)));
        const std::string path = options_.data + "/kubeconfig";
        const std::string token = HF_TRY(admin_token(path));
        const std::string text = control::kubeconfig({api_url(), identity.ca_pem, token});
        HF_TRY(world_.files.write(path, as_bytes(text), env::Access::kPrivate));
        ticker_ = std::thread([this] {
            pthread_setname_np(pthread_self(), "hf-tick");
            MutexLock lock(mutex_);
            const auto stopping = [this]() HF_REQUIRES(mutex_) { return stopping_; };
            while (!stop_.wait_for(lock, kTick, stopping)) api_server_->tick();
        });
        return {};
    }

    // The token of the last start when it is still good, so that copies of it keep working.
    Result<std::string> admin_token(const std::string& kubeconfig) {
        const Result<Kubeconfig> old = read_kubeconfig(world_, kubeconfig);
        if (old.ok() && tokens_->authenticate(old->token).ok()) return old->token;
        return tokens_->issue(control::admin_identity(), control::admin_identity());
    }

    // What is pushed with this folder's release key may run; nothing else may, until someone says
    // so. A policy that is there already is left as it is.
    Status make_default_policy() {
        const std::string key = HF_TRY(load_release_key(world_, options_.data));
        api::Object policy = api::Object::make("TrustPolicy", "", "default");
        policy.edit_spec()["keys"] = json::Array{json::Value(key)};
        resources::WriteOptions write;
        write.who = api::Identity::of_system("up");
        const Status status = resources_->create(std::move(policy), write).status();
        return status.code() == Code::kAlreadyExists ? Status() : status;
    }

    // Says on the terminal what a part cannot do: where the store is in trouble, nobody reads it
    // there.
    std::function<void(const Status&)> teller(std::string part) {
        return [this, part = std::move(part)](const Status& trouble) {
            world_.note(fmt::format("{}: {}\n", part, trouble.message()));
        };
    }

    Status start_agent() {
        const env::Machine machine = world_.describe_machine();
        node::AgentOptions agent;
        agent.name = options_.node_name;
        agent.facts.cpus = machine.cpus;
        agent.facts.memory_bytes = machine.memory_bytes;
        agent.facts.architecture = machine.architecture;
        agent.facts.instruction_sets = machine.instruction_sets;
        agent.facts.version = kVersion;
        agent.facts.url = inference_url();
        agent.on_trouble = teller("node");
        agent_ = HF_TRY(
            node::Agent::start({*resources_, *vault_, host_, world_.clock}, std::move(agent)));
        return {};
    }

    World& world_;
    InstanceOptions options_;
    serve::Models models_;
    ServingHost host_{models_, world_.clock};
    std::unique_ptr<store::Store> store_;
    std::unique_ptr<resources::Resources> resources_;
    std::unique_ptr<vault::Vault> vault_;
    std::unique_ptr<serve::Receipts> receipts_;
    std::unique_ptr<control::Tokens> tokens_;
    std::unique_ptr<control::ApiServer> api_server_;
    std::unique_ptr<http::Server> inference_;
    std::unique_ptr<http::Server> api_;
    std::unique_ptr<control::Reconciler> reconciler_;
    std::unique_ptr<node::Agent> agent_;

    Mutex mutex_;
    ConditionVariable stop_;
    bool stopping_ HF_GUARDED_BY(mutex_) = false;
    std::thread ticker_;
};

}  // namespace

Result<std::unique_ptr<Instance>> Instance::start(World& world, InstanceOptions options) {
    auto instance = std::make_unique<RealInstance>(world, std::move(options));
    HF_TRY(instance->start());
    return std::unique_ptr<Instance>(std::move(instance));
}

}  // namespace hf::cli
