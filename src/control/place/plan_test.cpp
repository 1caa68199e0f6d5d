#include "control/place/plan.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "control/place/random_fleet_test.h"
#include "testing/script.h"

namespace hf::control::place {
namespace {

Fleet tiny() {
    Fleet fleet;
    fleet.sites = {{"s", "DE", "", {}, 1000}};
    fleet.nodes = {{"a", "s", "T4", 8000, 8192, 2, 1000, 100, true}};
    Service service;
    service.name = "d/v";
    service.demand = {1000, 1024, 1, 500};
    fleet.services = {service};
    return fleet;
}

template <typename Change>
std::string refusal(Change change) {
    Fleet fleet = tiny();
    change(fleet);
    const Result<Plan> result = plan(fleet);
    return result.ok() ? "accepted" : std::string(result.status().message());
}

// No rule is broken, and nothing is missing that would fit somewhere.
void expect_sound(const Fleet& fleet, const Plan& result) {
    Referee referee(fleet);
    for (const Replica& replica : result.replicas()) {
        EXPECT_EQ(referee.add(replica), "") << replica.service << " on " << replica.node;
    }
    for (const ServicePlan& service : result.services) {
        EXPECT_GE(service.missing(), 0) << service.service;
        if (service.missing() > 0) {
            EXPECT_FALSE(referee.could_anywhere(service.service)) << service.service;
        }
        std::int64_t refused = 0;
        for (const RefusedNodes& row : service.refused) refused += row.nodes;
        const auto nodes = static_cast<std::int64_t>(fleet.nodes.size());
        std::set<std::string> hosts;  // every machine takes it or says why not
        for (const Placed& placed : service.placed) hosts.insert(placed.replica.node);
        const auto known = std::find_if(fleet.services.begin(), fleet.services.end(),
                                        [&](const auto& s) { return s.name == service.service; });
        for (const Placed& placed : service.placed) EXPECT_TRUE(placed.kept || !known->leaving);
        const auto taking = static_cast<std::int64_t>(service.missing() > 0 ? 0 : hosts.size());
        EXPECT_EQ(refused + taking, nodes) << service.service;
    }
    EXPECT_GE(result.cost, result.bound * (1 - 1e-9) - 1e-6);
}

TEST(Plan, NeverBreaksARuleAndLeavesOutOnlyWhatFitsNowhere) {
    Rng rng(testing::seed());
    for (int round = 0; round < 2000; ++round) {
        const Fleet fleet = random_fleet(rng, 1 + rng.below(9), 1 + rng.below(7));
        const Result<Plan> result = plan(fleet);
        ASSERT_TRUE(result.ok()) << result.status().to_string();
        expect_sound(fleet, *result);
        if (::testing::Test::HasFailure()) FAIL() << "round " << round;
    }
}

TEST(Plan, ChangesNothingWhenNothingChanged) {
    Rng rng(testing::seed());
    for (int round = 0; round < 500; ++round) {
        Fleet fleet = random_fleet(rng, 1 + rng.below(9), 1 + rng.below(7));
        const Plan first = *plan(fleet);
        fleet.present = first.replicas();
        const Plan second = *plan(fleet);
        ASSERT_EQ(second.replicas(), first.replicas()) << "round " << round;
        ASSERT_TRUE(second.orphans.empty());
        for (const ServicePlan& service : second.services) {
            ASSERT_TRUE(service.displaced.empty()) << service.service;
            for (const Placed& placed : service.placed) ASSERT_TRUE(placed.kept);
        }
    }
}

TEST(Plan, MovesOnlyWhatRanOnTheNodeThatDied) {
    Rng rng(testing::seed());
    int deaths = 0;
    for (int round = 0; round < 500; ++round) {
        Fleet fleet = random_fleet(rng, 2 + rng.below(9), 1 + rng.below(7));
        const Plan first = *plan(fleet);
        fleet.present = first.replicas();
        Node& lost = fleet.nodes[rng.below(fleet.nodes.size())];
        lost.ready = false;
        const Plan second = *plan(fleet);
        expect_sound(fleet, second);
        std::multiset<Replica> now;
        for (const Replica& replica : second.replicas()) now.insert(replica);
        for (const Replica& replica : fleet.present) {
            if (replica.node == lost.name) {
                ++deaths;
                EXPECT_EQ(now.count(replica), 0u);
            } else {
                const auto still = now.find(replica);
                ASSERT_NE(still, now.end()) << replica.service << " left " << replica.node;
                now.erase(still);
            }
        }
        for (const ServicePlan& service : second.services) {
            for (const Displaced& displaced : service.displaced) {
                EXPECT_EQ(displaced.replica.node, lost.name);
                EXPECT_EQ(displaced.why, Refusal::kNotReady);
            }
        }
    }
    EXPECT_GT(deaths, 100) << "the test says nothing";
}

TEST(Plan, IsTheSameForAnyOrderOfItsInput) {
    Rng rng(testing::seed());
    const auto shuffle = [&](auto& list) {
        for (std::size_t i = list.size(); i > 1; --i) std::swap(list[i - 1], list[rng.below(i)]);
    };
    for (int round = 0; round < 300; ++round) {
        Fleet fleet = random_fleet(rng, 1 + rng.below(9), 1 + rng.below(7));
        const Plan first = *plan(fleet);
        EXPECT_EQ(*plan(fleet), first);
        shuffle(fleet.sites);
        shuffle(fleet.nodes);
        shuffle(fleet.services);
        shuffle(fleet.present);
        ASSERT_EQ(*plan(fleet), first) << "round " << round;
    }
}

// All ways to place, by exhaustion.
double best_cost(const Fleet& fleet, Referee referee, std::size_t at, std::int64_t placed) {
    if (at == fleet.services.size()) return 0;
    const Service& service = fleet.services[at];
    const Layout layout(fleet);
    double dearest = 0;
    for (const Group& group : layout.groups()) {
        if (group.ready > 0 && layout.judge(service, group) == Refusal::kNone) {
            dearest = std::max(dearest, layout.cost(service, group).sum());
        }
    }
    if (placed == service.replicas) return best_cost(fleet, referee, at + 1, 0);
    if (service.leaving) return best_cost(fleet, referee, at + 1, 0);
    double least = (kMissingFactor * dearest + 1) * static_cast<double>(service.replicas - placed) +
                   best_cost(fleet, referee, at + 1, 0);
    for (const Node& node : fleet.nodes) {
        for (int device = 0; device < std::max(1, node.gpus); ++device) {
            Replica replica{service.name, node.name, {}};
            for (int i = 0; i < service.demand.gpus; ++i) {
                replica.devices.push_back((device + i) % std::max(1, node.gpus));
            }
            std::sort(replica.devices.begin(), replica.devices.end());
            Referee next = referee;
            if (!next.add(replica).empty()) continue;
            const MachineIndex machine = layout.find(node.name);
            const Group& group = layout.groups()[layout.group_of(machine)];
            least = std::min(
                least, layout.cost(service, group).sum() + best_cost(fleet, next, at, placed + 1));
            if (service.demand.gpus == 0) break;
        }
    }
    return least;
}

TEST(Plan, TheBoundIsBelowTheBestAndTheCostIsNot) {
    Rng rng(testing::seed());
    double worst = 0, sum = 0;
    int counted = 0;
    for (int round = 0; round < 150; ++round) {
        Fleet fleet = random_fleet(rng, 1 + rng.below(3), 1 + rng.below(3));
        fleet.present.clear();
        for (Service& service : fleet.services) {
            service.replicas = std::min<std::int64_t>(service.replicas, 2);
        }
        const Plan result = *plan(fleet);
        const double best = best_cost(fleet, Referee(fleet), 0, 0);
        ASSERT_LE(result.bound, best + 1e-6) << "round " << round;
        ASSERT_GE(result.cost, best - 1e-6) << "round " << round;
        if (best == 0) continue;
        worst = std::max(worst, result.cost / best);
        sum += result.cost / best;
        ++counted;
    }
    EXPECT_GT(counted, 50);
    EXPECT_LT(sum / counted, 1.1) << "worst " << worst;
}

TEST(Plan, TakesTheCheapestPlaceThatRulesAllow) {
    Fleet fleet = tiny();
    fleet.sites.push_back({"fr", "FR", "", {}, 1000});
    fleet.nodes.push_back({"b", "fr", "T4", 8000, 8192, 2, 10, 100, true});
    EXPECT_EQ(plan(fleet)->replicas()[0].node, "b");
    fleet.services[0].residency.allowed = {"DE"};
    const Plan home = *plan(fleet);
    EXPECT_EQ(home.replicas()[0].node, "a");
    ASSERT_EQ(home.services[0].refused.size(), 1u);
    EXPECT_EQ(home.services[0].refused[0].site, "fr");
    EXPECT_EQ(home.services[0].refused[0].why, Refusal::kJurisdictionNotAllowed);
    // It stays where it runs, though a cheaper place opens; not where data may no longer lie.
    fleet.present = home.replicas();
    fleet.services[0].residency = {};
    EXPECT_EQ(plan(fleet)->replicas()[0].node, "a");
    fleet.services[0].residency.forbidden = {"DE"};
    const Plan away = *plan(fleet);
    EXPECT_EQ(away.replicas()[0].node, "b");
    ASSERT_EQ(away.services[0].displaced.size(), 1u);
    EXPECT_EQ(away.services[0].displaced[0].why, Refusal::kJurisdictionForbidden);
}

TEST(Plan, EnergyCountsWithTheOverheadOfTheSite) {
    Fleet fleet = tiny();
    fleet.sites.push_back({"hot", "DE", "", {}, 2000});
    fleet.nodes[0].site = "hot";
    fleet.nodes.push_back({"b", "s", "T4", 8000, 8192, 2, 1010, 100, true});
    EXPECT_EQ(plan(fleet)->replicas()[0].node, "a");
    fleet.services[0].energy_weight = 1;
    EXPECT_EQ(plan(fleet)->replicas()[0].node, "b");
}

TEST(Plan, RefusesHostileInputNamingIt) {
    EXPECT_EQ(refusal([](Fleet&) {}), "accepted");
    EXPECT_EQ(refusal([](Fleet& f) { f = {}; }), "accepted");
    EXPECT_EQ(refusal([](Fleet& f) { f.nodes.push_back(f.nodes[0]); }),
              "node a: is there twice; names must differ");
    EXPECT_EQ(refusal([](Fleet& f) { f.services.push_back(f.services[0]); }),
              "service d/v: is there twice; names must differ");
    EXPECT_EQ(refusal([](Fleet& f) { f.sites[0].name = ""; }), "site number 0: give it a name");
    EXPECT_EQ(refusal([](Fleet& f) { f.nodes[0].site = "t"; }),
              "node a: its site 't' is not there; declare it, or correct the name");
    EXPECT_EQ(refusal([](Fleet& f) { f.nodes[0].cpu_milli = -1; }),
              "node a: cpu_milli is -1; want 0 to 1000000000");
    EXPECT_EQ(refusal([](Fleet& f) { f.nodes[0].memory_mib = std::int64_t{1} << 62; }),
              "node a: memory_mib is 4611686018427387904; want 0 to 1000000000");
    EXPECT_EQ(refusal([](Fleet& f) { f.nodes[0].gpus = 17; }), "node a: gpus is 17; want 0 to 16");
    EXPECT_EQ(refusal([](Fleet& f) { f.services[0].replicas = -3; }),
              "service d/v: replicas is -3; want 0 to 1000000");
    EXPECT_EQ(refusal([](Fleet& f) { f.services[0].demand = {}; }),
              "service d/v: a replica asks for nothing; give it some cpu_milli at least");
    EXPECT_EQ(refusal([](Fleet& f) { f.services[0].demand.gpus = 2; }),
              "service d/v: 2 GPUs of 500 thousandths; several must be whole: gpu_milli 1000");
    EXPECT_EQ(refusal([](Fleet& f) { f.services[0].demand.gpu_milli = 0; }),
              "service d/v: gpu_milli is 0; want 1 to 1000");
    EXPECT_EQ(refusal([](Fleet& f) { f.services[0].cost_weight = -1; }),
              "service d/v: cost_weight is -1; want 0 to 1000000");
    EXPECT_EQ(refusal([](Fleet& f) { f.services[0].energy_weight = kRefused; }),
              "service d/v: energy_weight is inf; want 0 to 1000000");
    EXPECT_EQ(refusal([](Fleet& f) { f.services[0].upstream = "d/w"; }),
              "service d/v: its upstream 'd/w' is not there; declare it, or correct the name");
    EXPECT_EQ(refusal([](Fleet& f) { f.services[0].upstream = "d/v"; }),
              "service d/v: its upstreams come back to d/v; break the ring");
    EXPECT_EQ(refusal([](Fleet& f) {
                  f.services.resize(3, f.services[0]);
                  for (std::size_t i = 0; i < 3; ++i) {
                      f.services[i].name = std::to_string(i);
                      f.services[i].replicas = 400'000;
                  }
              }),
              "1200000 replicas in all; at most 1000000 are planned at once");
}

// The largest amounts that are accepted compute without overflow (the sanitizers watch).
TEST(Plan, BearsTheLargestAmounts) {
    Fleet fleet = tiny();
    Node& node = fleet.nodes[0];
    node.cpu_milli = node.memory_mib = kAmountMax;
    node.gpus = kDevicesMax;
    node.price_micros = kPriceMaxMicros;
    node.watts_max = kWattsMax;
    fleet.sites[0].pue_milli = 10'000;
    Service& service = fleet.services[0];
    service.demand = {kAmountMax, kAmountMax, kDevicesMax, kDeviceMilli};
    service.cost_weight = service.energy_weight = kWeightMax;
    service.replicas = kReplicasMax;
    const Plan result = *plan(fleet);
    EXPECT_EQ(result.services[0].placed.size(), 1u);
    EXPECT_EQ(result.services[0].missing(), kReplicasMax - 1);
    EXPECT_TRUE(std::isfinite(result.gap()));
}

}  // namespace
}  // namespace hf::control::place
