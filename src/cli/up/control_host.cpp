#include "cli/up/control_host.h"

#include <pthread.h>

#include <algorithm>
#include <thread>

#include "api/kinds.h"
#include "base/mutex.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/kubeconfig.h"
#include "cli/up/api_connections.h"
#include "cli/up/gateway_host.h"
#include "cli/up/identity.h"
#include "cli/up/telling.h"
#include "cli/weight_tensors.h"
#include "control/apply/fenced_store.h"
#include "control/apply/leadership.h"
#include "control/apply/presence.h"
#include "control/apply/reconciler.h"
#include "control/server/admin_routes.h"
#include "control/server/api_server.h"
#include "control/server/kubeconfig.h"
#include "control/server/model_access.h"
#include "control/server/node_routes.h"
#include "control/server/policy_admission.h"
#include "env/time_zones.h"
#include "resources/bootstrap.h"
#include "vault/registry_server.h"

namespace hf::cli {
namespace {

// How often watches of the API look at their time.
constexpr Duration kTick = std::chrono::seconds(1);

// Of the API's door. Most of a worker's time goes into waiting for the disk, which those share who
// wait together.
constexpr std::size_t kMaxApiRequests = 1024;
constexpr std::size_t kApiWorkers = 16;

class RealControlHost final : public ControlHost {
public:
    RealControlHost(World& world, vault::Vault& vault, ControlOptions options)
        : world_(world), vault_(vault), options_(std::move(options)) {}

    ~RealControlHost() override {
        {
            const MutexLock lock(mutex_);
            stopping_ = true;
        }
        stop_.notify_all();
        if (ticker_.joinable()) ticker_.join();
        // Nobody asks any more, then nobody decides any more, then another may lead.
        gateway_.reset();
        api_.reset();
        presence_.reset();
        {
            const MutexLock lock(mutex_);
            woken_ = nullptr;
        }
        reconciler_.reset();
        leadership_.reset();
    }

    Status start() {
        HF_TRY(world_.files.create_directories(options_.data));
        StoreChoice choice = options_.store;
        if (choice.url.empty()) choice.url = "sqlite:" + options_.data + "/store.db";
        store_ = HF_TRY(open_store(world_, choice));
        resources_ = std::make_unique<resources::Resources>(*store_, world_.clock, world_.entropy);
        resources_->set_admission(control::admission_of(*resources_));
        HF_TRY(resources::ensure_builtin_roles(*resources_));
        HF_TRY(make_default_policy());
        HF_TRY(start_deciding(choice.is_etcd()));
        return start_api();
    }

    resources::Resources& resources() override { return *resources_; }
    std::string api_url() const override {
        return url_of("https", options_.api.address, api_->port());
    }
    void heard(const std::string& node) override { hear(node); }

    std::string gateway_url() const override { return gateway_ ? gateway_->url() : ""; }

    bool drain(Duration grace) override {
        const bool answered = !gateway_ || gateway_->drain(grace);
        // What is left on the API are watches, which clients take up again elsewhere or later.
        api_->drain(std::chrono::seconds(1));
        return answered;
    }

private:
    // When it is to be heard again.
    Duration hear(const std::string& node) {
        if (presence_) presence_->heard(node);
        return reconciler_->heard(node);
    }

    // What this server does when it leads, and how it comes to.
    Status start_deciding(bool shared) {
        const std::string name = HF_TRY(server_name());
        control::LeadershipOptions leadership;
        leadership.name = name;
        leadership.on_change = [this, shared](bool leads) {
            if (shared) {
                world_.note(leads ? "this server leads now\n" : "this server leads no longer\n");
            }
            const MutexLock lock(mutex_);
            if (woken_) woken_->look();
        };
        leadership_ = control::Leadership::start(*store_, world_.clock, std::move(leadership));
        fenced_ = std::make_unique<control::FencedStore>(*store_,
                                                         [this] { return leadership_->fence(); });
        deciding_ = std::make_unique<resources::Resources>(*fenced_, world_.clock, world_.entropy);
        control::ReconcilerOptions reconciler;
        reconciler.resolve = [this](const std::string& reference) { return digest_of(reference); };
        reconciler.time_zone = [this](const std::string& name) {
            return env::read_time_zone(world_.files, name);
        };
        reconciler.on_trouble = teller(world_, "reconciler");
        reconciler.leads = [this] { return leadership_->leads(); };
        if (shared) {
            reconciler.server = name;
            presence_ = control::Presence::start(*store_, world_.clock, name);
        }
        reconciler_ = control::Reconciler::start(*deciding_, std::move(reconciler));
        const MutexLock lock(mutex_);
        woken_ = reconciler_.get();
        return {};
    }

    // Made at the first start, and kept: a server that comes back takes up what was its own.
    Result<std::string> server_name() {
        constexpr std::size_t kIdBytes = 8;
        constexpr std::uint64_t kMaxIdBytes = 64;
        const std::string path = options_.data + "/server-id";
        if (world_.files.exists(path)) {
            const Bytes kept = HF_TRY(world_.files.read(path, kMaxIdBytes));
            const std::string name(trim(as_text(kept)));
            if (from_hex(name).ok() && name.size() == 2 * kIdBytes) return name;
            return failed_precondition("{} is not what Holdfast wrote there; remove it", path);
        }
        Bytes random(kIdBytes);
        world_.entropy.fill(random);
        std::string name = to_hex(random);
        HF_TRY(world_.files.write(path, as_bytes(name + "\n")));
        return name;
    }

    Status start_api() {
        ApiIdentity identity = HF_TRY(load_api_identity(
            world_, options_.data, {options_.api.address, options_.hosts, options_.trust_domain}));
        HF_TRY(make_doors(identity));
        if (options_.gateway) {
            gateway_ = HF_TRY(
                GatewayHost::start(world_, *resources_,
                                   {*options_.gateway, options_.site, identity.authority,
                                    identity.ca_pem, identity.trust_domain, options_.observer}));
        }
        http::Router router;
        control::add_api_routes(router, *api_server_);
        control::add_node_routes(router, *api_server_, *resources_,
                                 [this](const std::string& node) { return hear(node); });
        api_server_->set_on_node([this](const std::string& node, bool watches) {
            if (watches) {
                hear(node);
            } else {
                if (presence_) presence_->parted(node);
                reconciler_->parted(node);
            }
        });
        control::add_admin_routes(router, {*api_server_, *resources_, *join_tokens_, *enrolment_});
        vault::add_registry_routes(router, *registry_);
        options_.api.tls = std::move(identity.tls);
        options_.api.workers = kApiWorkers;
        options_.api.limits.connections =
            api_connections(world_.raise_open_files(), options_.gateway.has_value());
        options_.api.limits.queued_requests = kMaxApiRequests;
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

    Status make_doors(const ApiIdentity& identity) {
        tokens_ = std::make_unique<control::Tokens>(*resources_, world_.entropy);
        join_tokens_ =
            std::make_unique<control::JoinTokens>(*resources_, world_.entropy, identity.ca_pem);
        control::EnrolmentOptions enrolment{identity.authority, identity.ca_pem,
                                            identity.trust_domain};
        enrolment_ = HF_TRY(control::Enrolment::create(*resources_, *join_tokens_, world_.entropy,
                                                       std::move(enrolment)));
        api_server_ = std::make_unique<control::ApiServer>(*resources_, *tokens_,
                                                           std::string(kVersion), enrolment_.get());
        vault::RegistryServerOptions registry;
        registry.may_read = [this](const http::Request& request,
                                   const vault::RegistryRequest& what) {
            return control::may_read_models(*api_server_, *resources_, request, what.name);
        };
        registry.deltas.find_tensors = find_weight_tensors;
        registry_ = std::make_unique<vault::RegistryServer>(vault_, std::move(registry));
        return {};
    }

    // What a reference stands for in the vault; empty when it is not there.
    std::string digest_of(const std::string& text) {
        const Result<vault::Reference> reference = vault::parse_reference(text);
        if (!reference.ok()) return {};
        const Result<vault::Descriptor> manifest = vault_.resolve(*reference);
        return manifest.ok() ? manifest->digest.to_string() : std::string();
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

    World& world_;
    vault::Vault& vault_;
    ControlOptions options_;
    std::unique_ptr<store::Store> store_;
    std::unique_ptr<resources::Resources> resources_;
    std::unique_ptr<control::Leadership> leadership_;
    std::unique_ptr<control::FencedStore> fenced_;
    std::unique_ptr<resources::Resources> deciding_;  // over the fenced store
    std::unique_ptr<control::Presence> presence_;     // where servers share the store
    std::unique_ptr<control::Reconciler> reconciler_;
    std::unique_ptr<control::Tokens> tokens_;
    std::unique_ptr<control::JoinTokens> join_tokens_;
    std::unique_ptr<control::Enrolment> enrolment_;
    std::unique_ptr<control::ApiServer> api_server_;
    std::unique_ptr<vault::RegistryServer> registry_;
    std::unique_ptr<http::Server> api_;
    std::unique_ptr<GatewayHost> gateway_;

    Mutex mutex_;
    ConditionVariable stop_;
    bool stopping_ HF_GUARDED_BY(mutex_) = false;
    control::Reconciler* woken_ HF_GUARDED_BY(mutex_) = nullptr;  // when the lead changes
    std::thread ticker_;
};

}  // namespace

Result<std::unique_ptr<ControlHost>> ControlHost::start(World& world, vault::Vault& vault,
                                                        ControlOptions options) {
    auto host = std::make_unique<RealControlHost>(world, vault, std::move(options));
    HF_TRY(host->start());
    return std::unique_ptr<ControlHost>(std::move(host));
}

}  // namespace hf::cli
