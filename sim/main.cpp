// holdfast-sim: runs simulated worlds, one seed after the other, until the time is over or an
// invariant is broken. See docs/reference/simulator.md.

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "posix/clock.h"
#include "sim/world.h"

namespace hf::sim {
namespace {

struct Arguments {
    std::uint64_t seconds = 60;
    std::uint64_t first = 1;
    bool only_one = false;
    int nodes = 0;
    Plant plant = Plant::kNone;
    std::uint64_t seeds = 0;  // 0: as many as there is time for
    bool twice = false;
};

constexpr std::string_view kUsage =
    "Usage: holdfast-sim [--seconds N] [--seed S] [--from S] [--seeds N] [--nodes N] [--twice]\n"
    "                    [--plant epoch|residency|verify|outbox|scale|budget|abort|forget]\n"
    "  --seconds N  how long seeds are run, one after the other (60)\n"
    "  --seed S     only this one, with its last events\n"
    "  --from S     the first of them (1)\n"
    "  --seeds N    at most so many\n"
    "  --nodes N    machines at the start (drawn from the seed)\n"
    "  --twice      every seed two times, which must come to the same\n"
    "  --plant BUG  plant a bug, to see it caught\n";

Result<std::uint64_t> number(std::string_view name, std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc() && end == text.data() + text.size()) return value;
    return invalid_argument("{} needs a whole number, not '{}'", name, text);
}

Result<Plant> plant_named(std::string_view name) {
    for (std::size_t i = 0; i < kPlantNames.size(); ++i) {
        if (kPlantNames[i] == name) return static_cast<Plant>(i);
    }
    return invalid_argument("--plant knows no bug '{}'; see --help", name);
}

Result<Arguments> parse(const std::vector<std::string_view>& words) {
    Arguments arguments;
    for (std::size_t i = 0; i < words.size(); ++i) {
        const std::string_view name = words[i];
        if (name == "--twice") {
            arguments.twice = true;
            continue;
        }
        if (i + 1 == words.size()) return invalid_argument("{}: see --help", name);
        const std::string_view value = words[++i];
        if (name == "--plant") {
            arguments.plant = HF_TRY(plant_named(value));
            continue;
        }
        const std::uint64_t count = HF_TRY(number(name, value));
        if (name == "--seconds") {
            arguments.seconds = count;
        } else if (name == "--seed") {
            arguments.first = count;
            arguments.only_one = true;
        } else if (name == "--from") {
            arguments.first = count;
        } else if (name == "--seeds") {
            arguments.seeds = count;
        } else if (name == "--nodes" && count <= 10'000) {
            arguments.nodes = static_cast<int>(count);
        } else {
            return invalid_argument("{} {}: see --help", name, value);
        }
    }
    return arguments;
}

void tell_breach(const Arguments& arguments, std::uint64_t seed, const Outcome& outcome) {
    std::string text;
    for (const std::string& line : outcome.last) text += line + "\n";
    text += fmt::format("\nseed {} breaks '{}': {}\nreplay: ./dev sim --seed {}", seed,
                        outcome.breach->invariant, outcome.breach->what, seed);
    if (arguments.nodes > 0) text += fmt::format(" --nodes {}", arguments.nodes);
    if (arguments.plant != Plant::kNone) {
        text += fmt::format(" --plant {}", kPlantNames[static_cast<std::size_t>(arguments.plant)]);
    }
    std::fputs((text + "\n").c_str(), stderr);
}

struct Totals {
    std::uint64_t seeds = 0, ticks = 0, checks = 0;
    Duration virtual_time{}, longest_rest{};
    std::array<std::uint64_t, kFaults> faults{};
    RolloutChecks::Totals rollouts;

    void add(const Outcome& outcome) {
        ++seeds;
        ticks += outcome.ticks;
        checks += outcome.checks;
        virtual_time += outcome.virtual_time;
        longest_rest = std::max(longest_rest, outcome.rested_after);
        for (std::size_t i = 0; i < kFaults; ++i) faults[i] += outcome.faults[i];
        rollouts += outcome.rollouts;
    }
    std::string text(double seconds) const {
        std::string text = fmt::format(
            "{} seeds in {:.1f} s ({:.1f} a second), {:.1f} h of virtual time, {} ticks, {} checks "
            "of "
            "invariants, rest after {} at most\n",
            seeds, seconds, static_cast<double>(seeds) / seconds,
            std::chrono::duration<double, std::ratio<3600>>(virtual_time).count(), ticks, checks,
            format_duration(longest_rest));
        text +=
            fmt::format("  {} roll-outs begun, {} succeeded, {} turned back, {} orders\n",
                        rollouts.begun, rollouts.succeeded, rollouts.turned_back, rollouts.orders);
        for (std::size_t i = 0; i < kFaults; ++i) {
            text += fmt::format("  {:<26}{:>10}\n", kFaultNames[i], faults[i]);
        }
        return text;
    }
};

int run(const Arguments& arguments) {
    const posix::RealClock clock;
    const Duration begun = clock.monotonic();
    const Duration limit = std::chrono::seconds(arguments.seconds);
    Totals totals;
    int result = 0;
    for (std::uint64_t seed = arguments.first; result == 0; ++seed) {
        const RunOptions options{seed, arguments.nodes, arguments.plant};
        const Outcome outcome = run_world(options);
        totals.add(outcome);
        if (outcome.breach) {
            tell_breach(arguments, seed, outcome);
            result = 1;
        }
        if (arguments.twice && run_world(options).digest != outcome.digest) {
            std::fputs(fmt::format("seed {} does not repeat\n", seed).c_str(), stderr);
            result = 1;
        }
        if (arguments.only_one) {
            std::fputs(fmt::format("seed {}: digest {:016x}\n", seed, outcome.digest).c_str(),
                       stdout);
            break;
        }
        if (arguments.seeds > 0 && totals.seeds >= arguments.seeds) break;
        if (clock.monotonic() - begun >= limit) break;
    }
    const double seconds = std::chrono::duration<double>(clock.monotonic() - begun).count();
    std::fputs(totals.text(seconds).c_str(), stdout);
    return result;
}

}  // namespace
}  // namespace hf::sim

int main(int argc, char** argv) {
    const std::vector<std::string_view> words(argv + 1, argv + argc);
    if (words.size() == 1 && words[0] == "--help") {
        std::fputs(std::string(hf::sim::kUsage).c_str(), stdout);
        return 0;
    }
    const auto arguments = hf::sim::parse(words);
    if (!arguments.ok()) {
        std::fputs((std::string(arguments.status().message()) + "\n").c_str(), stderr);
        return 2;
    }
    return hf::sim::run(*arguments);
}
