// What fails, until the world heals. (What fails in a single message, step or change of a disk is
// drawn where it happens.)

#include "sim/world.h"

namespace hf::sim {

using namespace std::chrono_literals;

namespace {

constexpr std::array kJumps{-48h, -1h, 1h, 30h};

}  // namespace

void World::storm() {
    Dice& dice = context_.dice;
    storm_machine();
    if (dice.strikes(Fault::kPartition, 1, 25)) storm_site();
    if (dice.chance(1, 20) && server_.is_up()) server_.take_backup();
    if (dice.strikes(Fault::kServerKilled, 1, 40)) {
        server_.kill();
        server_.restart_within(dice.chance(1, 4) ? 20s : 2s);
    }
    // Few worlds see this: afterwards people must tend to the machines.
    if (options_.seed % 4 == 0 && dice.strikes(Fault::kBackupRestored, 1, 80)) {
        if (server_.restore_backup()) server_.restart_within(2s);
    }
}

void World::storm_machine() {
    Dice& dice = context_.dice;
    Machine& machine = any_machine();
    if (machine.is_up() && dice.strikes(Fault::kNodeKilled, 1, 12)) {
        machine.kill(dice.strikes(Fault::kPowerLost, 1, 2));
        machine.boot_within(dice.chance(1, 4) ? 30s : 2s);
        return;
    }
    if (dice.strikes(Fault::kDiskKilled, 1, 16)) return machine.trouble_disk(false);
    if (dice.strikes(Fault::kDiskFull, 1, 16)) return machine.trouble_disk(true);
    if (dice.strikes(Fault::kClockJump, 1, 30)) {
        const Duration by = kJumps[dice.below(kJumps.size())];
        context_.trace.note("{}'s clock jumps by {}", machine.place().name, format_duration(by));
        machine.jump_clock(by);
        return;
    }
    if (!dice.strikes(Fault::kPartition, 1, 20)) return;
    const std::string name = machine.place().name;
    context_.trace.note("{} is cut off", name);
    network_.cut(name);
    context_.time.after(dice.between(500ms, 20s), [this, name] { network_.mend(name); });
}

// All of one site, or of all sites.
void World::storm_site() {
    const bool all = context_.dice.chance(1, 4);
    const std::string site = any_machine().place().site;
    context_.trace.note("{} is cut off", all ? "everybody" : site);
    const Duration lasts = context_.dice.between(1s, 15s);
    for (const auto& machine : machines_) {
        const Machine::Place& place = machine->place();
        if (!all && place.site != site) continue;
        network_.cut(place.name);
        context_.time.after(lasts, [this, name = place.name] { network_.mend(name); });
    }
}

void World::heal() {
    context_.trace.note("the world heals");
    context_.dice.heal();
    context_.demand.heal(context_.time.monotonic());
    network_.mend_all();
    server_.start();
    for (const auto& machine : machines_) machine->boot();
}

}  // namespace hf::sim
