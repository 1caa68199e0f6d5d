#include "sim/world.h"

namespace hf::sim {

using namespace std::chrono_literals;

namespace {

constexpr Duration kCalm = 5s;  // a world at rest stays so
constexpr std::uint64_t kTicksMax = 1'000'000;

}  // namespace

World::World(const RunOptions& options)
    : options_(options),
      rolls_(options.seed % 2 == 0 || options.plant >= Plant::kBudget),
      context_(options.seed, options.plant),
      network_(context_),
      server_(context_) {
    server_.on_kill = [this] {
        for (const auto& machine : machines_) machine->disconnect();
    };
    network_.on_cut = [this](const std::string& name) {
        for (const auto& machine : machines_) {
            if (machine->place().name == name) machine->disconnect();
        }
    };
}

bool World::live(Duration until) {
    while (!context_.trace.first_breach() && context_.time.step(until)) {
        if (context_.time.ticks() > kTicksMax) context_.trace.breach("busy", "no end of events");
    }
    return !context_.trace.first_breach();
}

Machine& World::any_machine() {
    return *machines_[context_.dice.below(machines_.size())];
}

Outcome World::run() {
    Dice& dice = context_.dice;
    server_.start();
    make_sites();
    make_policies();
    const int count = options_.nodes > 0 ? options_.nodes : 2 + static_cast<int>(dice.below(7));
    for (int i = 0; i < count; ++i) add_machine();
    if (rolls_) make_fleet_service();
    const Duration storm_ends = dice.between(10s, 60s);
    std::function<void()> wishes = [&] {
        rolls_&& dice.chance(1, 3) ? wish_for_rollouts() : wish();
        if (!dice.healed()) context_.time.after(dice.between(50ms, 2s), wishes);
    };
    std::function<void()> storms = [&] {
        if (dice.healed()) return;
        storm();
        context_.time.after(dice.between(100ms, 1s), storms);
    };
    context_.time.after(1s, wishes);
    context_.time.after(3s, storms);
    Outcome outcome;
    if (live(storm_ends)) {
        heal();
        const Duration rest_within = rolls_ ? kRolloutsEndWithin : kRestWithin;
        const Duration limit = storm_ends + rest_within;
        std::string why = "nothing happened";
        while (context_.time.monotonic() < limit && live(context_.time.monotonic() + 1s)) {
            tend();
            tend_rollouts();
            why = unrest();
            if (!why.empty()) continue;
            outcome.rested_after = context_.time.monotonic() - storm_ends;
            if (!live(context_.time.monotonic() + kCalm)) break;
            why = unrest();
            if (why.empty()) break;
        }
        if (!why.empty())
            context_.trace.breach("rest", "no rest after {}: {}", format_duration(rest_within),
                                  why);
        say_all();
    }
    outcome.digest = context_.trace.digest();
    outcome.ticks = context_.time.ticks();
    outcome.checks = context_.trace.checks();
    outcome.virtual_time = context_.time.monotonic();
    outcome.faults = dice.counts();
    outcome.rollouts = server_.rollout_checks().totals();
    outcome.breach = context_.trace.first_breach();
    outcome.last = context_.trace.last();
    return outcome;
}

Outcome run_world(const RunOptions& options) {
    return World(options).run();
}

}  // namespace hf::sim
