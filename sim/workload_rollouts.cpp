// What people do with roll-outs: they begin one, pause it, go on, approve, promote, tighten, abort
// and remove it, while others change the same service.

#include <algorithm>

#include "control/rollout/step.h"
#include "sim/world.h"

namespace hf::sim {

using namespace std::chrono_literals;

namespace {

constexpr std::string_view kNamespace = "default";
constexpr std::size_t kRolloutsMax = 6;  // of one world
constexpr std::int64_t kUnderWayMax = 2;
constexpr std::array<std::string_view, 4> kSelectors{"", "", "ring=a", "ring!=a"};

// Who makes a roll-out must not approve it.
resources::WriteOptions as(std::string_view user) {
    resources::WriteOptions options;
    options.who.user = std::string(user);
    return options;
}

std::int64_t up_to(Dice& dice, std::uint64_t most) {
    return 1 + static_cast<std::int64_t>(dice.below(most));
}

json::Object any_stage(Dice& dice, int index) {
    json::Object stage{{"name", fmt::format("stage-{}", index)},
                       {"selector", kSelectors[dice.below(kSelectors.size())]},
                       {"soakSeconds", static_cast<std::int64_t>(dice.below(7))},
                       {"approval", dice.chance(1, 5)},
                       {"maxParallel", up_to(dice, 4)}};
    if (dice.chance(1, 2)) stage["limit"] = json::Object{{"count", up_to(dice, 4)}};
    if (dice.chance(1, 4)) stage["limit"] = json::Object{{"percent", up_to(dice, 100)}};
    if (dice.chance(1, 2)) stage["successPercent"] = up_to(dice, 100);
    return stage;
}

json::Object any_limits(Dice& dice) {
    json::Object spec;
    json::Object abort;
    if (dice.chance(1, 2)) abort["failures"] = up_to(dice, 3);
    if (dice.chance(1, 3)) abort["failurePercent"] = up_to(dice, 100);
    abort["minimumSample"] = up_to(dice, 4);
    spec["abort"] = std::move(abort);
    if (dice.chance(1, 2)) spec["disruptionBudget"] = json::Object{{"count", up_to(dice, 3)}};
    if (dice.chance(1, 4)) spec["disruptionBudget"] = json::Object{{"percent", up_to(dice, 60)}};
    json::Object gates;
    if (dice.chance(1, 3)) gates["errorRatePercentMax"] = static_cast<std::int64_t>(dice.below(30));
    if (dice.chance(1, 3)) gates["latencyP99MillisecondsMax"] = 100;
    if (!gates.empty()) gates["minimumRequests"] = up_to(dice, 100);
    spec["gates"] = std::move(gates);
    if (dice.chance(1, 4)) spec["ratePerMinute"] = 20 * up_to(dice, 6);
    spec["nodeAttemptsMax"] = up_to(dice, 3);
    spec["nodeTimeoutSeconds"] = 10 * up_to(dice, 3);
    spec["patienceSeconds"] = 10 * up_to(dice, 2);
    return spec;
}

// A bug that lets too much through shows only where something holds.
void draw_for(Plant plant, json::Object& spec) {
    if (plant != Plant::kAbort && plant != Plant::kBudget) return;
    for (json::Value& stage : spec["stages"].get_array()) {
        stage.get_object()["maxParallel"] = plant == Plant::kAbort ? 1 : 4;
        stage.get_object()["successPercent"] = 1;
        stage.get_object().erase("limit");
        stage.get_object().erase("selector");
        stage.get_object().erase("approval");
    }
    if (plant == Plant::kAbort) spec["abort"] = json::Object{{"failures", 1}};
    if (plant == Plant::kBudget) spec["disruptionBudget"] = json::Object{{"count", 1}};
}

json::Array& list_in(json::Object& spec, std::string_view key) {
    if (!spec.contains(key)) spec[key] = json::Array();
    return spec[key].get_array();
}

// A word on every stage.
json::Array words_on_all(const json::Object& spec) {
    json::Array words;
    for (const json::Value& stage : spec.at("stages").as_array()) {
        words.push_back({{"stage", json::get_string(stage, "name")}, {"by", "grace"}});
    }
    return words;
}

}  // namespace

// A service that runs nearly everywhere, so that its roll-outs have somewhere to go.
void World::make_fleet_service() {
    api::Object service = api::Object::make("Service", kNamespace, "fleet");
    json::Object& spec = service.edit_spec();
    spec["model"] = Models::pinned(context_.models.any_good_digest(context_.dice));
    spec["replicas"] = static_cast<std::int64_t>(machines_.size());
    spec["trustPolicy"] = "default";
    write([&](resources::Resources& to) -> Status {
        HF_TRY(to.create(service, as("ada")));
        services_.insert("fleet");
        return {};
    });
}

std::int64_t World::rollouts_under_way() {
    if (!server_.is_up()) return kUnderWayMax;
    std::int64_t count = 0;
    const auto list = server_.resources().list(api::rollout_kind(), "", {}).value();
    for (const api::Object& rollout : list.items) {
        const auto state = control::rollout::state_from(rollout.status());
        count += !state.ok() || state->phase < control::rollout::Phase::kRolledBack;
    }
    return count;
}

void World::wish_for_rollouts() {
    Dice& dice = context_.dice;
    if (asked_.size() < kRolloutsMax && rollouts_under_way() < kUnderWayMax && dice.chance(2, 3)) {
        return create_rollout();
    }
    if (asked_.empty()) return create_rollout();
    const auto index = static_cast<std::ptrdiff_t>(dice.below(asked_.size()));
    change_rollout(std::next(asked_.begin(), index)->first);
}

// Good or not, and mostly another than the service has.
std::string World::another_digest(const std::string& service) {
    Dice& dice = context_.dice;
    std::string present;
    if (server_.is_up()) {
        const auto found =
            server_.resources().get({&api::service_kind(), std::string(kNamespace), service});
        if (found.ok()) {
            present =
                context_.models.resolve(std::string(json::get_string(found->spec(), "model")));
        }
    }
    std::string digest;
    for (int i = 0; i < 4; ++i) {
        digest = dice.chance(1, 2) ? context_.models.any_good_digest(dice)
                                   : context_.models.any_digest(dice);
        if (digest != present) break;
    }
    return digest;
}

void World::create_rollout() {
    Dice& dice = context_.dice;
    std::string service = "fleet";
    if (!services_.empty() && dice.chance(1, 4)) {
        service = *std::next(services_.begin(),
                             static_cast<std::ptrdiff_t>(dice.below(services_.size())));
    }
    json::Object spec = any_limits(dice);
    spec["service"] = service;
    spec["model"] = context_.models.any_reference(dice);
    if (dice.chance(3, 4)) {
        spec.erase("model");
        spec["digest"] = another_digest(service);
    }
    if (dice.chance(1, 12)) spec["fromDigest"] = context_.models.any_digest(dice);
    json::Array stages;
    const int count = 1 + static_cast<int>(dice.below(3));
    for (int i = 0; i < count; ++i) stages.push_back(any_stage(dice, i));
    spec["stages"] = std::move(stages);
    if (dice.chance(1, 8)) draw_windows(spec);
    draw_for(options_.plant, spec);
    const std::string name = fmt::format("r{}", ++last_rollout_);
    api::Object rollout = api::Object::make("Rollout", kNamespace, name);
    rollout.fields()["spec"] = spec;
    context_.trace.note("wish: roll-out {} = {}", name, json::write(rollout.spec()));
    server_.rollout_checks().asked(name, rollout.spec());
    write([&](resources::Resources& to) -> Status {
        HF_TRY(to.create(rollout, as("ada")));
        asked_[name] = spec;
        return {};
    });
}

// The same edit of what is stored and of what people know that they asked for.
void World::edit_rollout(const std::string& name, std::string_view who,
                         const std::function<void(json::Object&)>& edit) {
    const resources::ObjectKey key{&api::rollout_kind(), std::string(kNamespace), name};
    write([&](resources::Resources& to) -> Status {
        const auto change = [&](api::Object& rollout) -> Status {
            edit(rollout.edit_spec());
            return {};
        };
        HF_TRY(to.modify(key, as(who), change));
        edit(asked_.at(name));
        server_.rollout_checks().asked(name, asked_.at(name));
        return {};
    });
}

void World::change_rollout(const std::string& name) {
    Dice& dice = context_.dice;
    const std::uint64_t what = dice.below(16);
    context_.trace.note("wish: roll-out {} changes, {}", name, what);
    if (what < 4) {
        return edit_rollout(name, "ada", [](json::Object& spec) { spec["paused"] = true; });
    }
    if (what < 9) {
        return edit_rollout(name, "ada", [](json::Object& spec) { spec["paused"] = false; });
    }
    if (what < 12) {
        return edit_rollout(name, "grace", [](json::Object& spec) {
            list_in(spec, "approvals") = words_on_all(spec);
        });
    }
    if (what == 12) {
        return edit_rollout(name, "grace", [](json::Object& spec) {
            list_in(spec, "promotions") = words_on_all(spec);
        });
    }
    if (what == 13) {
        return edit_rollout(name, "ada", [](json::Object& spec) {
            spec["disruptionBudget"] = json::Object{{"count", 1}};
            spec["ratePerMinute"] = 20;
        });
    }
    if (what == 14) {
        return edit_rollout(name, "ada", [](json::Object& spec) { spec["aborted"] = true; });
    }
    const resources::ObjectKey key{&api::rollout_kind(), std::string(kNamespace), name};
    write([&](resources::Resources& to) -> Status {
        resources::RemoveOptions options;
        options.who.user = "ada";
        HF_TRY(to.remove(key, options));
        asked_.erase(name);
        return {};
    });
}

// A person tends to what waits for one: at once, where a word is wanted; after some time, where the
// roll-out cannot prove what it was asked to; and takes back at last what cannot go on, which must
// have a reason that only a person can do something about.
void World::tend_rollouts() {
    if (!server_.is_up()) return;
    std::set<std::string> busy;  // services
    auto list = server_.resources().list(api::rollout_kind(), "", {}).value();
    // In the order in which they came: r9 before r10.
    std::sort(list.items.begin(), list.items.end(), [](const auto& a, const auto& b) {
        return std::pair(a.name().size(), a.name()) < std::pair(b.name().size(), b.name());
    });
    for (const api::Object& rollout : list.items) {
        const std::string name(rollout.name());
        const auto state = control::rollout::state_from(rollout.status());
        if (!state.ok() || state->phase >= control::rollout::Phase::kAborting) continue;
        if (!asked_.contains(name)) asked_[name] = rollout.spec().get_object();
        if (json::get_bool(rollout.spec(), "paused")) {
            edit_rollout(name, "ada", [](json::Object& each) { each["paused"] = false; });
        }
        if (items_of(rollout.spec(), "approvals").empty()) {
            edit_rollout(name, "grace", [](json::Object& each) {
                list_in(each, "approvals") = words_on_all(each);
            });
        }
        if (!busy.insert(std::string(json::get_string(rollout.spec(), "service"))).second) {
            continue;  // it may wait for the one before
        }
        const Duration now = context_.time.monotonic();
        const Duration since = now - tended_.try_emplace(name, now).first->second;
        if (since > 60s && items_of(rollout.spec(), "promotions").empty()) {
            edit_rollout(name, "grace", [](json::Object& each) {
                list_in(each, "promotions") = words_on_all(each);
            });
        }
        if (since > 90s) give_up(name, *state, since > 300s);
    }
}

void World::give_up(const std::string& name, const control::rollout::State& state, bool late) {
    constexpr std::array<std::string_view, 6> kWaits{
        "it cannot begin",      "is not resolved to a version", "has no node to begin with",
        "no node of the stage", "maintenance window",           "the disruption budget of"};
    const bool waits = std::any_of(kWaits.begin(), kWaits.end(), [&](std::string_view words) {
        return state.waiting.find(words) != std::string::npos;
    });
    if (!waits && late) {
        context_.trace.breach("stuck", "roll-out {} neither ends nor waits for a person: {}", name,
                              control::rollout::explain(state));
    }
    if (!waits) return;
    edit_rollout(name, "ada", [](json::Object& spec) { spec["aborted"] = true; });
}

}  // namespace hf::sim
