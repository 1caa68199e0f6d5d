// World: one simulated fleet and what becomes of it, from one seed: machines, sites, a server, the
// network; for some time people change their wishes (workload.cpp) and everything fails that may
// (storm.cpp), then the world heals and must come to rest, with all as it was wished for and all
// statuses true (rest.cpp). The invariants are checked at every event.
//
// A run is a function of its options: same options, same events, same digest of the trace. Owned by
// one thread.

#pragma once

#include <array>
#include <memory>
#include <set>

#include "sim/machine.h"

namespace hf::sim {

// Until a healed world must have come to rest: the longest pauses between tries, twice over.
inline constexpr Duration kRestWithin = std::chrono::seconds(300);

// The same where roll-outs go on: of those that are under way, the last may wait for the first.
inline constexpr Duration kRolloutsEndWithin = std::chrono::seconds(900);

struct RunOptions {
    std::uint64_t seed = 1;
    int nodes = 0;  // at the start; 0: drawn from the seed, a few
    Plant plant = Plant::kNone;
};

struct Outcome {
    std::uint64_t digest = 0;  // of the trace
    std::uint64_t ticks = 0;
    std::uint64_t checks = 0;
    Duration virtual_time{};
    Duration rested_after{};  // since it healed
    RolloutChecks::Totals rollouts;
    std::array<std::uint64_t, kFaults> faults{};
    std::optional<Breach> breach;
    std::deque<std::string> last;  // lines of the trace
};

Outcome run_world(const RunOptions& options);

class World final {
public:
    explicit World(const RunOptions& options);
    Outcome run();

private:
    // workload.cpp
    std::string_view told_law_of(std::size_t site) const;
    void make_sites();
    void make_policies();
    void add_machine();
    void wish();
    void create_service();
    void change_service(const std::string& name);
    void change_machine();
    void change_policy();
    json::Object any_placement();
    void draw_windows(json::Object& spec);
    void write(const std::function<Status(resources::Resources&)>& what);

    // workload_rollouts.cpp
    void make_fleet_service();
    std::int64_t rollouts_under_way();
    void wish_for_rollouts();
    void create_rollout();
    std::string another_digest(const std::string& service);
    void change_rollout(const std::string& name);
    void edit_rollout(const std::string& name, std::string_view who,
                      const std::function<void(json::Object&)>& edit);
    void tend_rollouts();
    void give_up(const std::string& name, const control::rollout::State& state, bool late);

    // storm.cpp
    void storm();
    void storm_machine();
    void storm_site();
    void heal();

    // rest.cpp: empty when all is at rest, else the first thing that is not.
    std::string unrest();
    std::string unrest_of(const Machine& machine, const api::Object& node);
    std::string unrest_of(const Machine& machine, const json::Value& order);
    std::string unrest_of_services();
    std::string unrest_of_scale(const api::Object& service,
                                const control::place::ServicePlan& plan);
    // rest_rollouts.cpp
    std::string unrest_of_rollouts(const control::Objects& nodes);
    std::string unrest_of(const api::Object& rollout, const control::rollout::State& state,
                          const control::Objects& nodes);
    std::string unrest_of_versions(const control::Objects& nodes);
    void tend();
    void say_all();

    Machine& any_machine();
    bool live(Duration until);  // false: an invariant was broken

    const RunOptions options_;
    const bool rolls_;  // people make roll-outs
    Context context_;
    Network network_;
    Server server_;
    std::vector<std::unique_ptr<Machine>> machines_;
    std::set<std::string> services_;  // names
    std::set<std::string> revoked_;   // machines
    std::uint64_t last_service_ = 0;
    std::map<std::string, json::Object> asked_;  // of roll-outs, by name: their specs
    std::map<std::string, Duration> tended_;     // roll-outs that are under way in a healed world
    std::map<std::string, Duration> edited_;     // services: when people last changed them
    std::uint64_t last_rollout_ = 0;
};

}  // namespace hf::sim
