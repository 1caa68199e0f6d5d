// The simulator itself: a seed repeats to the bit, sound code passes, planted bugs are caught.

#include "sim/world.h"

#include <gtest/gtest.h>

namespace hf::sim {
namespace {

std::string tell(const Outcome& outcome) {
    std::string text;
    for (const std::string& line : outcome.last) text += line + "\n";
    return text;
}

TEST(World, ASeedRepeats) {
    std::set<std::uint64_t> digests;
    for (std::uint64_t seed = 1; seed <= 6; ++seed) {
        const Outcome first = run_world({seed});
        EXPECT_FALSE(first.breach) << seed << "\n" << tell(first);
        EXPECT_EQ(run_world({seed}).digest, first.digest) << seed;
        digests.insert(first.digest);
    }
    EXPECT_EQ(digests.size(), 6u) << "seeds differ";
}

TEST(World, EveryKindOfFaultHappensAndAllComesToRest) {
    std::array<std::uint64_t, kFaults> faults{};
    for (std::uint64_t seed = 100; seed < 140; ++seed) {
        const Outcome outcome = run_world({seed});
        ASSERT_FALSE(outcome.breach) << seed << "\n" << tell(outcome);
        EXPECT_GT(outcome.rested_after, Duration::zero());
        for (std::size_t i = 0; i < kFaults; ++i) faults[i] += outcome.faults[i];
    }
    for (std::size_t i = 0; i < kFaults; ++i) EXPECT_GT(faults[i], 0u) << kFaultNames[i];
}

struct Planted {
    Plant plant;
    std::string invariant;
};

// Each is found within a few seeds, by the invariant that it is about.
TEST(World, PlantedBugsAreCaught) {
    const Planted bugs[] = {{Plant::kEpoch, "epoch"},     {Plant::kResidency, "residency"},
                            {Plant::kVerify, "verified"}, {Plant::kOutbox, "outbox"},
                            {Plant::kScale, "scale"},     {Plant::kBudget, "disruption"},
                            {Plant::kAbort, "radius"},    {Plant::kForget, "refused"}};
    for (const Planted& bug : bugs) {
        std::string caught;
        for (std::uint64_t seed = 1; seed <= 20 && caught.empty(); ++seed) {
            const Outcome outcome = run_world({seed, 0, bug.plant});
            if (outcome.breach) caught = outcome.breach->invariant;
        }
        EXPECT_EQ(caught, bug.invariant) << kPlantNames[static_cast<std::size_t>(bug.plant)];
    }
}

TEST(World, RollOutsEndInEveryWay) {
    RolloutChecks::Totals totals;
    for (std::uint64_t seed = 200; seed < 230; seed += 2) {
        const Outcome outcome = run_world({seed});
        ASSERT_FALSE(outcome.breach) << seed << "\n" << tell(outcome);
        totals += outcome.rollouts;
    }
    EXPECT_GT(totals.succeeded, 0u);
    EXPECT_GT(totals.turned_back, 0u);
    EXPECT_GT(2 * totals.orders, totals.begun) << "some find nothing to do, or are taken back";
}

TEST(World, AFleetOfManyMachinesComesToRest) {
    const Outcome outcome = run_world({7, 60});
    EXPECT_FALSE(outcome.breach) << tell(outcome);
}

}  // namespace
}  // namespace hf::sim
