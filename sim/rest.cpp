// Rest: what must be so in a healed world, some time after: the reconciler has nothing to do, every
// machine runs what it is ordered to, as far as its models are good, and every status is true.

#include "api/conditions.h"
#include "control/reconcile/service_status.h"
#include "control/scale/decide.h"
#include "node/residency.h"
#include "sim/world.h"

namespace hf::sim {
namespace {

std::string key_of(const json::Value& order) {
    return fmt::format("{}/{}", json::get_string(order, "namespace"),
                       json::get_string(order, "name"));
}

control::Objects objects_of(resources::Resources& resources, const api::Kind& kind) {
    control::Objects objects;
    const resources::ObjectList list = resources.list(kind, "", {}).value();
    for (const api::Object& object : list.items) {
        objects.emplace(resources::mirror_key(object), object);
    }
    return objects;
}

}  // namespace

// What an administrator does after a restored backup: a machine that refuses the older orders is
// let enlist anew, as its own message says.
void World::tend() {
    if (!server_.is_up() || server_.restored() == 0) return;
    for (const auto& machine : machines_) {
        if (!machine->is_up() || !machine->refuses_orders()) continue;
        context_.trace.note("wish: {} enlists anew", machine->place().name);
        resources::RemoveOptions options;
        options.who = api::Identity::of_system("admin");
        const auto removed =
            server_.resources().remove({&api::node_kind(), "", machine->place().name}, options);
        if (!removed.ok()) context_.trace.note("{}", removed.status().message());
    }
}

std::string World::unrest() {
    if (!server_.is_up()) return "the server is down";
    const control::Objects nodes = objects_of(server_.resources(), api::node_kind());
    for (const auto& machine : machines_) {
        const std::string& name = machine->place().name;
        if (!machine->is_up()) return name + " is down";
        if (revoked_.contains(name)) continue;
        const auto node = nodes.find(name);
        if (node == nodes.end()) return name + " has no Node";
        std::string why = unrest_of(*machine, node->second);
        if (!why.empty()) return fmt::format("{}: {}", name, why);
    }
    std::string rollouts = unrest_of_rollouts(nodes);
    return rollouts.empty() ? unrest_of_services() : rollouts;
}

std::string World::unrest_of(const Machine& machine, const api::Object& node) {
    if (!api::is_true(node, "Ready")) return "not ready";
    const auto& followed = machine.brain().followed();
    if (!followed || followed->uid != node.uid() || followed->generation != node.generation()) {
        return fmt::format("follows generation {} where {} is ordered",
                           followed ? followed->generation : 0, node.generation());
    }
    for (const auto& [service, wish] : followed->wishes) {
        const auto slot = machine.brain().state().slots.find(service);
        if (slot == machine.brain().state().slots.end() || slot->second.wish != wish) {
            return "does not act on what it follows for " + service;
        }
    }
    if (machine.account().waiting > 0) return "has events to tell";
    if (json::get_int(node.status(), "observedGeneration") != node.generation()) {
        return "has not reported what it follows";
    }
    for (const json::Value& order : items_of(node.spec(), "services")) {
        std::string why = unrest_of(machine, order);
        if (!why.empty()) return fmt::format("{}: {}", key_of(order), why);
    }
    const std::size_t reported = items_of(node.status(), "services").size();
    if (reported != items_of(node.spec(), "services").size()) return "reports other services";
    for (const json::Value& report : items_of(node.status(), "services")) {
        const auto answer = machine.answers().find(key_of(report));
        const std::string digest = answer == machine.answers().end() ? "" : answer->second;
        if (json::get_string(report, "digest") != digest) {
            return fmt::format("{}: reports '{}', and '{}' answers", key_of(report),
                               json::get_string(report, "digest"), digest);
        }
    }
    for (const auto& [service, digest] : machine.answers()) {
        if (!followed->wishes.contains(service)) return "answers for " + service + " unordered";
    }
    return "";
}

// The wanted version answers, or there is a good reason why not.
std::string World::unrest_of(const Machine& machine, const json::Value& order) {
    const auto held = machine.brain().state().slots.find(key_of(order));
    if (held == machine.brain().state().slots.end()) return "has nothing of it";
    const node::Slot& slot = held->second;
    if (!slot.settled && slot.condition("WaitingForWindow")) {
        const bool open = api::window_open(slot.wish.windows, {}, machine.now());
        return open ? "waits for a window that is open" : "";
    }
    if (!slot.settled) {
        const std::string_view why =
            slot.conditions.empty() ? std::string_view() : slot.conditions.back().message;
        return fmt::format("not settled; {}", why);
    }
    const bool lawful = node::check_residency(slot.wish, machine.place().jurisdiction).ok();
    const auto answer = machine.answers().find(key_of(order));
    if (!lawful) return answer == machine.answers().end() ? "" : "answers against the law";
    const Model* model = context_.models.find(slot.digest);
    if (!model) return "settled on no model";
    const std::string_view ordered = json::get_string(order, "digest");
    if (!ordered.empty() && slot.digest != ordered) return "another version than ordered";
    const bool good = model->golden && model->stands_trial() &&
                      Models::compiles(*model, slot.wish.device) &&
                      Models::judge(*model, slot.wish.policy_text).ok();
    const bool answers = answer != machine.answers().end() && answer->second == slot.digest;
    if (good && !answers && !machine.checks().gave_up(key_of(order), slot.digest))
        return "a good version does not answer";
    return "";
}

std::string World::unrest_of_services() {
    resources::Resources& resources = server_.resources();
    const control::Objects sites = objects_of(resources, api::site_kind());
    const control::Objects nodes = objects_of(resources, api::node_kind());
    const control::Objects services = objects_of(resources, api::service_kind());
    const control::Objects policies = objects_of(resources, api::trust_policy_kind());
    const auto orders = control::decide_orders({sites, nodes, services, policies, {}}, nullptr);
    if (!orders.ok()) return std::string(orders.status().message());
    if (!orders->nodes.empty()) return "orders to write for " + orders->nodes.front().node;
    if (!orders->epochs.empty()) return "replicas to move of " + orders->epochs.begin()->first;
    for (const control::place::ServicePlan& plan : orders->plan.services) {
        const auto service = services.find(plan.service);
        if (service == services.end()) return plan.service + " is planned and not there";
        const api::Object should =
            control::with_status(service->second, plan, nodes, context_.time.now());
        if (!(should == service->second)) return plan.service + ": its status is not true";
        std::string scale = unrest_of_scale(service->second, plan);
        if (!scale.empty()) return scale;
        std::int64_t answering = 0;
        for (const auto& machine : machines_) {
            const auto& wishes = machine->brain().followed()->wishes;
            answering += !revoked_.contains(machine->place().name) &&
                         wishes.contains(plan.service) && machine->answers().contains(plan.service);
        }
        const std::int64_t said = json::get_int(service->second.status(), "readyReplicas");
        if (said != answering) {
            return fmt::format("{}: {} replicas answer, its status says {}", plan.service,
                               answering, said);
        }
    }
    return "";
}

// As many replicas as what is asked of them takes, by the rules of scale/decide.h.
std::string World::unrest_of_scale(const api::Object& service,
                                   const control::place::ServicePlan& plan) {
    const auto spec = control::scale::scale_spec_of(service);
    if (!spec) return "";
    std::int64_t asked = 0;
    bool any = false;
    for (const json::Value& replica : items_of(service.status(), "replicas")) {
        if (!json::get_bool(replica, "ready")) continue;
        any = true;
        asked += context_.demand.share_milli(plan.service,
                                             std::string(json::get_string(replica, "node")),
                                             context_.time.monotonic());
    }
    if (!any) return "";
    const auto scaled = api::find_condition(service, "Scaled");
    if (!scaled || scaled->status != api::Truth::kTrue) {
        return fmt::format("{} does not scale: {}", plan.service, scaled ? scaled->message : "");
    }
    const std::int64_t target = 1000 * spec->concurrency;
    const std::int64_t enough = (asked + target - 1) / target;
    constexpr std::int64_t kTolerance = control::scale::kTolerancePercent + 1;
    const bool few = asked * 100 > plan.wanted * target * (100 + kTolerance);
    const bool many = asked * 100 < plan.wanted * target * (100 - kTolerance);
    const bool may_rise = plan.wanted < spec->max && plan.missing() == 0;
    if ((few && may_rise) || (many && plan.wanted > std::max(enough, spec->min))) {
        return fmt::format("{} shall have {} replicas, and {} would do", plan.service, plan.wanted,
                           enough);
    }
    return "";
}

void World::say_all() {
    for (const auto& machine : machines_) {
        if (!machine->is_up() || revoked_.contains(machine->place().name)) continue;
        machine->checks().all_said(machine->account());
    }
}

}  // namespace hf::sim
