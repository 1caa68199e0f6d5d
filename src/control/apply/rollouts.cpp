#include "control/apply/rollouts.h"

#include <algorithm>
#include <tuple>
#include <vector>

#include <fmt/format.h>

#include "api/conditions.h"
#include "api/kinds.h"
#include "control/reconcile/rollout_orders.h"
#include "resources/mirror.h"

namespace hf::control {
namespace {

constexpr std::string_view kApplied = "Applied";

std::string service_of(const api::Object& rollout) {
    return fmt::format("{}/{}", rollout.ns(), json::get_string(rollout.spec(), "service"));
}

// "pump@sha256:..." of "pump:v1".
std::string at_digest(const std::string& reference, const std::string& digest) {
    return fmt::format("{}@{}", reference.substr(0, reference.find_first_of(":@")), digest);
}

// A roll-out without windows keeps to those that its service had when it began.
Status take_windows(rollout::RolloutSpec& spec, const std::string& service,
                    const rollout::State& state, const Rollouts::View& view) {
    if (state.in_force) {
        spec.windows = state.in_force->windows;
        spec.download_ahead = state.in_force->download_ahead;
        return {};
    }
    const auto wanted = view.services.find(service);
    if (wanted == view.services.end()) return {};
    spec.windows = HF_TRY(api::windows_from(wanted->second.spec()).context("{}", service));
    spec.download_ahead = json::get_bool(wanted->second.spec(), "downloadAhead");
    return {};
}

bool has_ended(rollout::Phase phase) {
    return phase >= rollout::Phase::kRolledBack;
}

// It has succeeded, and the Service does not name its version yet: until then its hold stays, or
// the machines would be ordered back.
bool is_unapplied(const api::Object& rollout, const rollout::State& state) {
    return state.phase == rollout::Phase::kSucceeded && !api::is_true(rollout, kApplied);
}

// The oldest first.
std::vector<const api::Object*> by_age(const Objects& rollouts) {
    std::vector<const api::Object*> sorted;
    for (const auto& [key, rollout] : rollouts) sorted.push_back(&rollout);
    std::sort(sorted.begin(), sorted.end(), [](const api::Object* a, const api::Object* b) {
        return std::tuple(a->creation_timestamp(), a->name()) <
               std::tuple(b->creation_timestamp(), b->name());
    });
    return sorted;
}

}  // namespace

Status Rollouts::run(const View& view) {
    rolling_.clear();
    wake_.reset();
    Status failed;
    for (const api::Object* object : by_age(view.rollouts)) {
        if (object->being_removed() || rolling_.contains(service_of(*object))) continue;
        const Result<rollout::State> state = rollout::state_from(object->status());
        if (state.ok() && has_ended(state->phase) && !is_unapplied(*object, *state)) continue;
        // One whose state cannot be read holds its service as it is: nobody knows what is safe.
        rolling_.insert(service_of(*object));
        const Status status = state.ok() ? run_one(*object, view) : state.status();
        if (!status.ok()) {
            failed = Status(status).context("rollout {}/{}", object->ns(), object->name());
        }
    }
    return failed;
}

Result<rollout::Observed> Rollouts::observe(const api::Object& object, const rollout::State& state,
                                            const View& view) const {
    const std::string service = service_of(object);
    rollout::Observed observed;
    observed.rollout = object.uid();
    observed.spec = HF_TRY(rollout::spec_from(object.spec()));
    observed.nodes = observe_nodes(service, view.nodes);
    observed.metrics = observe_metrics(service, view.nodes);
    if (observed.spec.from.empty()) {
        observed.spec.from =
            state.in_force ? state.in_force->from : present_digest(service, view.nodes);
    }
    if (!state.in_force && observed.spec.digest.empty() && world_.resolve) {
        observed.spec.digest = world_.resolve(observed.spec.model);
    }
    if (observed.spec.windows.empty()) {
        HF_TRY(take_windows(observed.spec, service, state, view));
    }
    for (const api::Window& window : observed.spec.windows) {
        if (window.time_zone.empty() || !world_.time_zone) continue;
        Result<TimeZone> zone = world_.time_zone(window.time_zone);
        if (zone.ok()) observed.time_zones.insert_or_assign(window.time_zone, std::move(*zone));
    }
    return observed;
}

Status Rollouts::run_one(const api::Object& object, const View& view) {
    const Instant now = world_.resources.clock().now();
    rollout::State state = HF_TRY(rollout::state_from(object.status()));
    if (is_unapplied(object, state)) return finish(object, state);
    const rollout::Observed observed = HF_TRY(observe(object, state, view));
    const rollout::Decision decision = HF_TRY(rollout::step(state, observed, now));
    if (decision.wake) wake_ = wake_ ? std::min(*wake_, *decision.wake) : *decision.wake;
    api::Object next = object;
    if (decision.changed) {
        // Compares with the version that was read: who loses decides again in the next round.
        rollout::write_state(next, state, now);
        const Result<api::Object> written =
            world_.resources.update_status(std::move(next), world_.write);
        if (written.status().code() == Code::kAborted) return {};
        HF_TRY(written.status());
    }
    HF_TRY(write_orders(object, decision, observed, view));
    for (const rollout::Action& action : decision.actions) {
        if (action.kind == rollout::Action::Kind::kEvent) HF_TRY(tell(object, action));
    }
    if (state.phase == rollout::Phase::kSucceeded) return finish(object, state);
    if (has_ended(state.phase)) rolling_.erase(service_of(object));
    return {};
}

Status Rollouts::write_orders(const api::Object& object, const rollout::Decision& decision,
                              const rollout::Observed& observed, const View& view) {
    const std::string service = service_of(object);
    const auto wanted = view.services.find(service);
    // Nobody wants it any more; machines that still have it are about to lose it.
    if (wanted == view.services.end()) return {};
    const std::string old_model(json::get_string(wanted->second.spec(), "model"));
    std::vector<resources::Resources::Edit> edits;
    for (const rollout::Action& action : decision.actions) {
        if (action.kind == rollout::Action::Kind::kEvent) continue;
        const bool forward = action.kind == rollout::Action::Kind::kOrder;
        std::string model = forward ? observed.spec.model : old_model;
        if (model.empty()) model = at_digest(old_model, action.digest);
        const RolloutWrite write{action,
                                 service,
                                 model,
                                 world_.resources.clock().now(),
                                 observed.spec.windows,
                                 observed.spec.download_ahead};
        const auto edit = [write](api::Object& node) -> Status {
            write_order(node, write);
            return {};
        };
        edits.push_back({{&api::node_kind(), "", action.node}, edit});
    }
    for (const auto& written : world_.resources.modify_each(edits, world_.write)) {
        const Code code = written.status().code();
        // It is asked for again in the next round.
        const bool lost = code == Code::kNotFound || code == Code::kAborted;
        if (!written.ok() && !lost) return written.status();
    }
    return {};
}

Status Rollouts::finish(const api::Object& object, const rollout::State& state) {
    if (!state.in_force) return {};
    const std::string service = service_of(object);
    const resources::ObjectKey key{&api::service_kind(), std::string(object.ns()),
                                   service.substr(service.find('/') + 1)};
    const auto edit = [&](api::Object& wanted) -> Status {
        const std::string old(json::get_string(wanted.spec(), "model"));
        wanted.edit_spec()["model"] = state.in_force->model.empty()
                                          ? at_digest(old, state.in_force->digest)
                                          : state.in_force->model;
        return {};
    };
    const Status status = world_.resources.modify(key, world_.write, edit).status();
    if (!status.ok() && status.code() != Code::kNotFound) return status;
    const Instant now = world_.resources.clock().now();
    const auto mark = [&](api::Object& rollout) -> Status {
        api::set_condition(rollout,
                           {std::string(kApplied),
                            api::Truth::kTrue,
                            "Applied",
                            "the service names the version",
                            rollout.generation(),
                            {}},
                           now);
        return {};
    };
    const resources::ObjectKey own{&api::rollout_kind(), std::string(object.ns()),
                                   std::string(object.name())};
    HF_TRY(world_.resources.modify_status(own, world_.write, mark).status());
    rolling_.erase(service);
    return {};
}

Status Rollouts::tell(const api::Object& object, const rollout::Action& event) {
    resources::EventNote note;
    note.type = event.warning ? "Warning" : "Normal";
    note.reason = event.reason;
    note.message = event.message;
    note.component = "rollouts";
    return world_.resources.record_event(object, note);
}

}  // namespace hf::control
