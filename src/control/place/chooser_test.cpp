#include "control/place/chooser.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>

#include "base/rng.h"
#include "testing/script.h"

namespace hf::control::place {
namespace {

Demand random_demand(Rng& rng) {
    Demand demand{static_cast<std::int64_t>(500 * (1 + rng.below(8))),
                  static_cast<std::int64_t>(512 * rng.below(8)), static_cast<int>(rng.below(3)), 0};
    if (demand.gpus == 1) demand.gpu_milli = static_cast<int>(50 * (1 + rng.below(20)));
    if (demand.gpus > 1) demand.gpu_milli = kDeviceMilli;
    return demand;
}

Demand random_capacity(Rng& rng) {
    const int gpus = static_cast<int>(rng.below(5));
    return {static_cast<std::int64_t>(4000 * (1 + rng.below(4))),
            static_cast<std::int64_t>(4096 * (1 + rng.below(4))), gpus,
            gpus == 0 ? 0 : kDeviceMilli};
}

// The definition, machine by machine and demand by demand.
double plain_usable(const State& state, std::uint32_t kind, const std::vector<UsualDemand>& usual,
                    bool fill) {
    double sum = 0, weights = 0;
    for (const UsualDemand& one : usual) {
        weights += one.weight;
        const Demand& demand = one.demand;
        if (demand.gpus == 0 || (one.kinds >> kind & 1) == 0 || !fits(state, demand)) continue;
        double open = 0;
        for (std::uint32_t i = 0; i < state.gpus; ++i) {
            if (state.free_milli[i] >= demand.gpu_milli) open += state.free_milli[i];
        }
        const auto gpu = static_cast<double>(demand.gpu_total_milli());
        const auto replicas = [](std::int64_t there, std::int64_t each) {
            return each == 0 ? 1e6 : static_cast<double>(there) / static_cast<double>(each);
        };
        const double held = gpu * std::min(replicas(state.cpu_milli, demand.cpu_milli),
                                           replicas(state.memory_mib, demand.memory_mib));
        sum += one.weight * (fill ? std::min(open, held) : open);
    }
    return weights == 0 ? 0 : sum / weights;
}

TEST(Fragmentation, IsItsDefinition) {
    Rng rng(testing::seed());
    int positive = 0;
    for (int round = 0; round < 300; ++round) {
        std::vector<UsualDemand> usual;
        for (std::uint64_t i = 1 + rng.below(20); i > 0; --i) {
            usual.push_back({random_demand(rng), 1.0 + static_cast<double>(rng.below(9)),
                             rng.below(3) == 0 ? 5ull : ~0ull});
        }
        Fragmentation::Options options;
        options.fill = rng.below(2) == 0;
        options.coverage = 1;
        const Fragmentation measure = Fragmentation::of(usual, options);
        State state = empty_state(0, random_capacity(rng));
        for (int step = 0; step < 6; ++step) {
            const auto kind = static_cast<std::uint32_t>(rng.below(3));
            const double usable = measure.usable(state, kind);
            positive += usable > 0;
            ASSERT_NEAR(usable, plain_usable(state, kind, usual, options.fill), 1e-6);
            const Demand demand = random_demand(rng);
            if (!fits(state, demand)) continue;
            const std::size_t device = demand.gpus == 1 ? state.gpus - 1 : 0;
            state = after(state, demand, device);
            ASSERT_LE(measure.usable(state, kind), usable + 1e-6) << "placing freed GPUs";
        }
    }
    EXPECT_GT(positive, 100);
}

TEST(Pool, KeepsWhatMachinesHaveFree) {
    Rng rng(testing::seed());
    for (int round = 0; round < 100; ++round) {
        Pool pool;
        std::vector<Demand> capacity;
        for (std::uint64_t i = 1 + rng.below(6); i > 0; --i) {
            capacity.push_back(random_capacity(rng));
            pool.add(static_cast<GroupIndex>(rng.below(2)), capacity.back());
        }
        struct Held {
            MachineIndex machine;
            Demand demand;
            std::vector<int> devices;
        };
        std::vector<Held> held;
        for (int step = 0; step < 60; ++step) {
            if (!held.empty() && rng.below(3) == 0) {
                const std::size_t which = rng.below(held.size());
                pool.remove(held[which].machine, held[which].demand, held[which].devices);
                held.erase(held.begin() + static_cast<std::ptrdiff_t>(which));
            } else {
                const auto machine = static_cast<MachineIndex>(rng.below(capacity.size()));
                const Demand demand = random_demand(rng);
                const State state = pool.state(pool.state_of(machine));
                if (!fits(state, demand)) continue;
                const std::size_t device = demand.gpus == 1 ? state.gpus - 1 : 0;
                const std::vector<int> devices =
                    pool.place(machine, demand, demand.gpus == 0 ? 0 : state.free_milli[device]);
                ASSERT_EQ(pool.state(pool.state_of(machine)), after(state, demand, device));
                held.push_back({machine, demand, devices});
            }
            std::vector<Demand> left = capacity;
            for (const Held& one : held) {
                left[one.machine].cpu_milli -= one.demand.cpu_milli;
                left[one.machine].memory_mib -= one.demand.memory_mib;
            }
            std::size_t members = 0;
            for (StateIndex s = 0; s < pool.state_count(); ++s) {
                for (MachineIndex m = pool.first_in(s); m != kNone; m = pool.next(m)) {
                    ++members;
                    ASSERT_EQ(pool.state_of(m), s);
                    ASSERT_EQ(pool.state(s).cpu_milli, left[m].cpu_milli);
                    ASSERT_EQ(pool.state(s).memory_mib, left[m].memory_mib);
                }
            }
            ASSERT_EQ(members, capacity.size());
        }
    }
}

TEST(Pool, RefusesDevicesThatAreNotFree) {
    Pool pool;
    const MachineIndex machine = pool.add(0, {4000, 4096, 2, kDeviceMilli});
    const Demand share{1000, 0, 1, 600};
    EXPECT_TRUE(pool.place_on(machine, share, {1}));
    for (const std::vector<int>& devices :
         {std::vector<int>{}, {1}, {2}, {-1}, {0, 1}, std::vector<int>{1 << 30}}) {
        EXPECT_FALSE(pool.place_on(machine, share, devices));
    }
    EXPECT_FALSE(pool.place_on(machine, {0, 0, 2, kDeviceMilli}, {0, 1}));
    EXPECT_FALSE(pool.place_on(machine, {4000, 0, 0, 0}, {}));
    EXPECT_TRUE(pool.place_on(machine, {3000, 0, 0, 0}, {}));
    EXPECT_EQ(pool.state(pool.state_of(machine)).gpu_free_milli(), 1400);
}

// Several choosers of one pool, against looking at every machine and device each time.
TEST(Chooser, FindsWhatLookingEverywhereFinds) {
    Rng rng(testing::seed());
    int placed = 0, refused = 0;
    for (int round = 0; round < 60; ++round) {
        Pool pool;
        const std::uint64_t groups = 1 + rng.below(4);
        std::vector<std::uint32_t> kinds;
        for (std::uint64_t g = 0; g < groups; ++g) {
            kinds.push_back(static_cast<std::uint32_t>(rng.below(3)));
            const Demand capacity = random_capacity(rng);
            for (std::uint64_t i = 1 + rng.below(4); i > 0; --i) {
                pool.add(static_cast<GroupIndex>(g), capacity);
            }
        }
        std::vector<UsualDemand> usual;
        for (int i = 0; i < 6; ++i) usual.push_back({random_demand(rng), 1, ~0ull});
        const Fragmentation measure = Fragmentation::of(usual);
        StateScores scores(pool, measure, kinds, {});
        std::vector<std::vector<double>> bases;
        std::deque<Chooser> choosers;
        for (const UsualDemand& one : usual) {
            std::vector<double>& base = bases.emplace_back();
            for (std::uint64_t g = 0; g < groups; ++g) {
                base.push_back(rng.below(5) == 0 ? kRefused
                                                 : 40.0 * static_cast<double>(rng.below(4)));
            }
            choosers.emplace_back(pool, scores, one.demand, base);
        }
        for (int step = 0; step < 60; ++step) {
            const std::size_t which = rng.below(usual.size());
            const Demand& demand = usual[which].demand;
            double least = kRefused;
            for (MachineIndex m = 0; m < pool.machine_count(); ++m) {
                const StateIndex index = pool.state_of(m);
                const State& state = pool.state(index);
                const double base = bases[which][state.group];
                if (base == kRefused || !fits(state, demand)) continue;
                for (std::size_t i = 0; i < std::max(1u, state.gpus); ++i) {
                    if (demand.gpus == 1 && state.free_milli[i] < demand.gpu_milli) continue;
                    least = std::min(least, base + scores.of(index, demand, i).sum());
                }
            }
            const auto pick = choosers[which].pick();
            ASSERT_EQ(pick.has_value(), least != kRefused) << "round " << round;
            if (!pick) {
                ++refused;
                continue;
            }
            ASSERT_EQ(pick->score, least) << "round " << round;
            ++placed;
            const int free =
                demand.gpus == 0 ? 0 : pool.state(pick->state).free_milli[pick->device];
            pool.place(pool.first_in(pick->state), demand, free);
        }
    }
    EXPECT_GT(placed, 500);
    EXPECT_GT(refused, 100);
}

}  // namespace
}  // namespace hf::control::place
