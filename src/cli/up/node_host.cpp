#include "cli/up/node_host.h"

#include "cli/commands.h"
#include "cli/up/serving_host.h"
#include "cli/up/telling.h"
#include "node/agent.h"
#include "serve/oip.h"
#include "serve/sleep/bedtime.h"

namespace hf::cli {
namespace {

bool is_loopback(const std::string& address) {
    return address.starts_with("127.") || address == "::1";
}

// Health is for everybody; predictions are for machines of the same authority.
std::optional<http::Response> known_clients_only(const http::Request& request) {
    if (!request.client_uris.empty() || request.path.starts_with("/v2/health/")) {
        return std::nullopt;
    }
    return http::Response::error(401,
                                 "send a client certificate of this machine's authority, or ask "
                                 "through the gateway");
}

class RealNodeHost final : public NodeHost {
public:
    RealNodeHost(World& world, NodeParts parts, NodeOptions options)
        : world_(world),
          parts_(parts),
          options_(std::move(options)),
          cascades_(options_.asks_as, world.clock),
          scheduler_(world.clock, {.places = options_.inference.workers}) {}

    Status start() {
        serve::Receipts::Options receipts;
        receipts.folder = options_.data + "/receipts";
        receipts.node = options_.name;
        receipts_ = HF_TRY(serve::Receipts::open({world_.files, world_.clock, world_.entropy},
                                                 std::move(receipts)));
        http::Router router;
        serve::OipExtras extras{receipts_.get(), &cascades_,        nullptr,
                                nullptr,         options_.observer, &scheduler_};
        if (options_.door_extras) {
            helpers_ = options_.door_extras->make_helpers(scheduler_, options_.inference.workers);
            extras.helpers = helpers_.get();
        }
        serve::add_basic_routes(router, models_, extras);
        http::ServerOptions door = options_.inference;
        ++door.workers;  // one that reads what comes while all places of the schedule are taken
        if (options_.observer) {
            options_.observer->name_instance(options_.name);
            door.observe = options_.observer->observe();
        }
        if (options_.door_extras) {
            options_.door_extras->add_routes(router, door, {models_, extras}, world_.clock);
        }
        if (options_.tls && !is_loopback(door.address)) {
            door.tls = options_.tls;
            door.gate = known_clients_only;
            secure_ = true;
        }
        inference_ = HF_TRY(http::Server::start(std::move(door), std::move(router)));
        host_.set_base_url(reached_at());
        if (options_.sleep_after) {
            rest_ = std::make_unique<serve::sleep::Bedtime>(models_, *options_.sleep_after);
        }
        return start_agent();
    }

    std::string inference_url() const override {
        return url_of(secure_ ? "https" : "http", options_.inference.address, inference_->port());
    }

    Status renew_tls(const http::Tls& tls) override {
        return secure_ ? inference_->renew_tls(tls) : Status();
    }

    bool drain(Duration grace) override {
        models_.set_ready(false);
        agent_.reset();
        return inference_->drain(grace);
    }

private:
    std::string reached_at() const {
        return options_.advertise.empty() ? inference_url() : options_.advertise;
    }

    Status start_agent() {
        const env::Machine machine = world_.describe_machine();
        node::AgentOptions agent;
        agent.name = options_.name;
        agent.folder = options_.data;
        agent.facts.cpus = machine.cpus;
        agent.facts.memory_bytes = machine.memory_bytes;
        agent.facts.architecture = machine.architecture;
        agent.facts.instruction_sets = machine.instruction_sets;
        agent.facts.version = kVersion;
        agent.facts.url = reached_at();
        agent.facts.jurisdiction = options_.jurisdiction;
        std::array<std::uint8_t, sizeof agent.seed> seed{};
        world_.entropy.fill(seed);
        std::memcpy(&agent.seed, seed.data(), seed.size());
        agent.on_trouble = teller(world_, "node");
        agent.profile =
            [this, key = node::ProfileKey{machine.processor, machine.cpus, std::string(kVersion)}] {
                return measure(key);
            };
        node::UpdateGate::Options updates;
        updates.folder = options_.data + "/updates";
        updates.node = options_.name;
        updates.hardware_id = machine.architecture;
        updates.own = options_.updates;
        updates.time_floor = parts_.time_floor;
        updates_ =
            std::make_unique<node::UpdateGate>(world_.files, world_.clock, std::move(updates));
        const DoorExtras* const extras = options_.door_extras;
        const node::Steps::World steps{
            parts_.vault,          host_,
            world_.clock,          parts_.source,
            options_.jurisdiction, parts_.time_floor,
            updates_.get(),        extras ? extras->members_of : nullptr};
        agent_ = HF_TRY(
            node::Agent::start({steps, world_.files, parts_.control_plane}, std::move(agent)));
        return {};
    }

    // On a thread of the agent's.
    node::Profile measure(const node::ProfileKey& key) const {
        const Result<std::unique_ptr<env::PowerMeter>> meter = world_.open_power_meter();
        node::ProfileOptions options;
        options.path = options_.data + "/profile.json";
        options.anew = options_.measure;
        return node::measured_profile(
            {world_.files, world_.clock, meter.ok() ? meter->get() : nullptr}, key, options);
    }

    World& world_;
    const NodeParts parts_;
    const NodeOptions options_;
    serve::Models models_;
    serve::cascade::Cascades cascades_;
    serve::Scheduler scheduler_;
    std::shared_ptr<serve::ensemble::Helpers> helpers_;
    ServingHost host_{models_, cascades_, world_.clock,
                      options_.door_extras ? options_.door_extras->make_host : nullptr};
    std::unique_ptr<serve::Receipts> receipts_;
    bool secure_ = false;  // the inference door has TLS
    std::unique_ptr<serve::sleep::Bedtime> rest_;
    std::unique_ptr<http::Server> inference_;
    std::unique_ptr<node::UpdateGate> updates_;  // the agent's
    std::unique_ptr<node::Agent> agent_;
};

}  // namespace

Result<std::unique_ptr<NodeHost>> NodeHost::start(World& world, NodeParts parts,
                                                  NodeOptions options) {
    auto host = std::make_unique<RealNodeHost>(world, parts, std::move(options));
    HF_TRY(host->start());
    return std::unique_ptr<NodeHost>(std::move(host));
}

}  // namespace hf::cli
