// Power loss, killed processes and full disks under everything that Holdfast keeps on a disk. See
// docs/reference/power-loss.md. HF_POWER_STATES=N asks for at least N states in all; HF_SEED=
// replays a run.

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "base/text.h"
#include "sim/power/harness.h"
#include "testing/script.h"

namespace hf::power {
namespace {

using Make = std::unique_ptr<Subject> (*)();

struct Row {
    const char* name;
    Make make;
    std::size_t share;  // of the states, in hundredths
    std::size_t lives;  // that are killed, and that find the disk full
};

// By what a life costs.
constexpr Row kRows[] = {
    {"outbox", outbox_subject, 20, 70},      {"memory", memory_subject, 16, 70},
    {"vault", vault_subject, 3, 15},         {"receipts", receipts_subject, 20, 70},
    {"identity", identity_subject, 1, 8},    {"store", store_subject, 25, 40},
    {"resources", resources_subject, 5, 25},
};

constexpr std::size_t kStates = 11'000;

std::size_t states_wanted() {
    const char* text = std::getenv("HF_POWER_STATES");
    const Result<std::int64_t> wanted = parse_int(text ? text : "");
    return wanted.ok() && *wanted > 0 ? static_cast<std::size_t>(*wanted) : kStates;
}

std::size_t& states_in_all() {
    static std::size_t count = 0;
    return count;
}

class PowerLoss : public ::testing::TestWithParam<Row> {};

TEST_P(PowerLoss, NothingAcknowledgedIsLost) {
    const Row& row = GetParam();
    const std::unique_ptr<Subject> subject = row.make();
    Plan plan;
    plan.seed = testing::seed();
    plan.states = states_wanted() * row.share / 100;
    plan.kills = plan.fulls = row.lives;
    const Report report = run(*subject, plan);
    std::printf(
        "power loss: %-9s %5zu states (%zu while another was recovered from, %zu in second "
        "lives), %zu kills, %zu full disks; a life has %zu operations\n",
        row.name, report.states, report.again, report.second_lives, report.kills, report.fulls,
        report.operations);
    EXPECT_FALSE(report.breach) << *report.breach;
    states_in_all() += report.states;
}

INSTANTIATE_TEST_SUITE_P(All, PowerLoss, ::testing::ValuesIn(kRows),
                         [](const auto& row) { return std::string(row.param.name); });

// Sound code on a disk that says "synced" and does not sync must be found to lose something: else
// the harness would not see a missing sync in ours.
class Planted : public ::testing::TestWithParam<Row> {};

TEST_P(Planted, AMissingSyncIsFound) {
    const std::unique_ptr<Subject> subject = GetParam().make();
    Plan plan;
    plan.seed = testing::seed();
    plan.states = 0;
    plan.lie = testing::Disk::Lie::kSync;
    const Report report = run(*subject, plan);
    EXPECT_TRUE(report.breach) << report.states << " states";
}

TEST_P(Planted, AMissingSyncOfAFolderIsFound) {
    const std::unique_ptr<Subject> subject = GetParam().make();
    Plan plan;
    plan.seed = testing::seed();
    plan.states = 0;
    plan.lie = testing::Disk::Lie::kSyncFolder;
    const Report report = run(*subject, plan);
    EXPECT_TRUE(report.breach) << report.states << " states";
}

INSTANTIATE_TEST_SUITE_P(All, Planted, ::testing::ValuesIn(kRows),
                         [](const auto& row) { return std::string(row.param.name); });

class Total final : public ::testing::Environment {
public:
    void TearDown() override { std::printf("power loss: %zu states in all\n", states_in_all()); }
};

// GoogleTest owns it.
const ::testing::Environment* const kTotal =
    ::testing::AddGlobalTestEnvironment(std::make_unique<Total>().release());

}  // namespace
}  // namespace hf::power
