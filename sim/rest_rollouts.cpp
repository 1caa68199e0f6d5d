// Rest, of roll-outs: every one has ended, and all machines have the version that its end means.

#include "api/conditions.h"
#include "control/rollout/step.h"
#include "sim/world.h"

namespace hf::sim {
namespace {

using control::rollout::Phase;

std::string key_of(const json::Value& order) {
    return fmt::format("{}/{}", json::get_string(order, "namespace"),
                       json::get_string(order, "name"));
}

}  // namespace

std::string World::unrest_of_rollouts(const control::Objects& nodes) {
    const auto list = server_.resources().list(api::rollout_kind(), "", {}).value();
    for (const api::Object& rollout : list.items) {
        const auto state = control::rollout::state_from(rollout.status());
        if (!state.ok()) return std::string(state.status().message());
        if (state->phase < Phase::kRolledBack) {
            return fmt::format("roll-out {}: {}", rollout.name(),
                               control::rollout::explain(*state));
        }
        std::string why = unrest_of(rollout, *state, nodes);
        if (!why.empty()) return fmt::format("roll-out {}: {}", rollout.name(), why);
    }
    return unrest_of_versions(nodes);
}

// Of one that has ended.
std::string World::unrest_of(const api::Object& rollout, const control::rollout::State& state,
                             const control::Objects& nodes) {
    if (state.phase == Phase::kSucceeded) {
        return api::is_true(rollout, "Applied") ? "" : "its service does not name its version";
    }
    if (!state.in_force) return "";  // it never began
    for (const auto& machine : machines_) {
        const auto node = nodes.find(machine->place().name);
        if (node == nodes.end() || revoked_.contains(node->first)) continue;
        for (const json::Value& order : items_of(node->second.spec(), "services")) {
            const auto token = control::rollout::parse_token(json::get_string(order, "rollout"));
            if (!token.ok() || token->rollout != rollout.uid()) continue;
            if (json::get_string(order, "digest") == state.in_force->digest) {
                return node->first + " is still ordered to run its version";
            }
        }
    }
    return "";
}

// Where no roll-out moves a service any more, its machines run what it names.
std::string World::unrest_of_versions(const control::Objects& nodes) {
    for (const auto& [name, node] : nodes) {
        for (const json::Value& order : items_of(node.spec(), "services")) {
            const std::string digest(json::get_string(order, "digest"));
            const std::string service(json::get_string(order, "name"));
            const auto wanted = server_.resources().get(
                {&api::service_kind(), std::string(json::get_string(order, "namespace")), service});
            if (!wanted.ok() || digest.empty()) continue;
            const std::string model(json::get_string(wanted->spec(), "model"));
            if (!context_.models.ever_meant(model, digest)) {
                return fmt::format("{} is ordered {} of {}, which {} never stood for", name, digest,
                                   service, model);
            }
            const auto proven = server_.rollout_checks().succeeded_last(key_of(order));
            const auto edited = edited_.find(service);
            const bool newer = proven && (edited == edited_.end() || edited->second < proven->at);
            if (newer && server_.restored() == 0 && proven->digest != digest) {
                return fmt::format("{} is ordered {} of {}, where a roll-out has brought {}", name,
                                   digest, service, proven->digest);
            }
        }
    }
    return "";
}

}  // namespace hf::sim
