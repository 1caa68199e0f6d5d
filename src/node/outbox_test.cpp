#include "node/outbox.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/rng.h"
#include "testing/crash_states.h"
#include "testing/memory_files.h"
#include "testing/script.h"

namespace hf::node {
namespace {

using namespace std::chrono_literals;

constexpr Instant kLater = Instant(std::chrono::hours(1));

std::vector<std::string> drain(Outbox& outbox, Instant now = Instant()) {
    std::vector<std::string> said;
    while (const OutboxItem* item = outbox.next(now)) {
        said.push_back(item->payload);
        EXPECT_TRUE(outbox.acknowledge(item->sequence).ok());
    }
    return said;
}

std::unique_ptr<Outbox> open(env::Files& files, OutboxLimits limits = {}) {
    return Outbox::open(files, "/outbox", limits).value();
}

using Said = std::vector<std::string>;

TEST(Outbox, TheUrgentFirstThenTheOld) {
    testing::MemoryFiles files;
    const auto outbox = open(files);
    ASSERT_TRUE(outbox->put(Urgency::kLow, kLater, "a").ok());
    ASSERT_TRUE(outbox->put(Urgency::kHigh, kLater, "b").ok());
    ASSERT_TRUE(outbox->put(Urgency::kNormal, Instant(10s), "old").ok());
    ASSERT_TRUE(outbox->put(Urgency::kHigh, kLater, "c").ok());
    EXPECT_EQ(drain(*outbox, Instant(20s)), (Said{"b", "c", "a"}));
    EXPECT_EQ(outbox->account().accepted, 4u);
    EXPECT_EQ(outbox->account().acknowledged, 3u);
    EXPECT_EQ(outbox->account().expired, 1u);
}

TEST(Outbox, AFullOneLetsTheLeastGo) {
    testing::MemoryFiles files;
    OutboxLimits limits;
    limits.items = 3;
    const auto outbox = open(files, limits);
    for (const char* payload : {"1", "2", "3"}) {
        ASSERT_TRUE(outbox->put(Urgency::kNormal, kLater, payload).ok());
    }
    ASSERT_TRUE(outbox->put(Urgency::kHigh, kLater, "h").ok());
    EXPECT_EQ(outbox->put(Urgency::kLow, kLater, "l").code(), Code::kResourceExhausted);
    EXPECT_EQ(drain(*outbox), (Said{"h", "2", "3"}));
    EXPECT_EQ(outbox->account().dropped, (std::array<std::uint64_t, 3>{0, 1, 0}));
    EXPECT_EQ(outbox->put(Urgency::kHigh, kLater, std::string(1u << 20, 'x')).code(),
              Code::kInvalidArgument);
}

TEST(Outbox, SurvivesRestartsWithItsAccount) {
    testing::MemoryFiles files;
    OutboxLimits limits;
    limits.items = 50;
    OutboxAccount account;
    for (int round = 0; round < 20; ++round) {
        const auto outbox = open(files, limits);
        if (round > 0) {
            EXPECT_EQ(outbox->account(), account) << round;
        }
        for (int i = 0; i < 100; ++i) {
            ASSERT_TRUE(outbox->put(Urgency::kNormal, kLater, std::string(1000, 'x')).ok());
        }
        ASSERT_TRUE(outbox->acknowledge(outbox->next(Instant())->sequence).ok());
        account = outbox->account();
        EXPECT_EQ(account.accepted, account.acknowledged + account.dropped_in_all() +
                                        account.expired + outbox->size());
    }
    EXPECT_LT(files.read("/outbox", 1u << 24)->size(), 400'000u) << "the past is let go";
}

TEST(Outbox, DamageIsCountedAndSkipped) {
    testing::MemoryFiles files;
    {
        const auto outbox = open(files);
        for (const char* payload : {"1", "2", "3"}) {
            ASSERT_TRUE(outbox->put(Urgency::kNormal, kLater, payload).ok());
        }
    }
    Bytes bytes = files.read("/outbox", 1u << 20).value();
    bytes[bytes.size() / 2] ^= 0x01;
    const std::string torn = "00000000 {\"item\":9";
    bytes.insert(bytes.end(), torn.begin(), torn.end());
    files.overwrite("/outbox", bytes);
    const auto outbox = open(files);
    EXPECT_EQ(outbox->account().damaged, 1u);
    EXPECT_EQ(drain(*outbox), (Said{"1", "3"}));
}

// The process dies, or the power goes, at every single change; what was accepted is there again.
TEST(Outbox, NothingAcceptedIsEverLost) {
    Rng rng(testing::seed());
    std::size_t states = 0;
    for (const bool power : {false, true}) {
        for (std::uint64_t at = 0; at < 400; ++at) {
            testing::MemoryFiles files;
            OutboxLimits limits;
            limits.items = 1000;
            std::set<std::string> accepted, said;
            std::uint64_t limit_reached = 0;
            {
                files.die_after(at);
                Result<std::unique_ptr<Outbox>> outbox = Outbox::open(files, "/outbox", limits);
                for (int i = 0; outbox.ok() && i < 120; ++i) {
                    std::string payload = fmt::format("{:04}{}", i, std::string(900, 'p'));
                    if ((*outbox)->put(Urgency::kNormal, kLater, payload).ok())
                        accepted.insert(payload);
                    if (i % 3 != 2) continue;
                    const OutboxItem* item = (*outbox)->next(Instant());
                    if (!item) continue;
                    const std::string done = item->payload;
                    said.insert(done);
                    if (!(*outbox)->acknowledge(item->sequence).ok()) ++limit_reached;
                }
            }
            files.restart();
            if (power) files.lose_power(rng);
            ++states;
            const auto again = open(files, limits);
            const Said rest = drain(*again);
            const std::set<std::string> left(rest.begin(), rest.end());
            EXPECT_EQ(left.size(), rest.size()) << "twice in one queue";
            for (const std::string& payload : accepted) {
                EXPECT_TRUE(left.contains(payload) || said.contains(payload)) << at;
            }
            if (limit_reached == 0 && at > 5) break;
        }
    }
    EXPECT_GT(states, 200u);
}

// A sync that failed has lost what it was to keep; one that succeeds later does not bring it back.
TEST(Outbox, AFailedSyncHurtsNothingThatIsAcceptedAfterIt) {
    Rng rng(testing::seed());
    const auto disk = std::make_shared<testing::Disk>();
    testing::MemoryFiles files(disk);
    const auto outbox = open(files);
    ASSERT_TRUE(outbox->put(Urgency::kNormal, kLater, "before").ok());
    disk->record();
    files.fill_after(1);
    EXPECT_EQ(outbox->put(Urgency::kNormal, kLater, "while it was full").code(),
              Code::kResourceExhausted);
    ASSERT_TRUE(outbox->put(Urgency::kNormal, kLater, "after").ok());
    const testing::CrashStates states(*disk);
    for (int draw = 0; draw < 50; ++draw) {
        const testing::CrashState state = states.draw(states.operations(), rng);
        testing::MemoryFiles left(std::make_shared<testing::Disk>(states.build(state)));
        const Said said = drain(*open(left));
        for (const char* accepted : {"before", "after"}) {
            EXPECT_EQ(std::count(said.begin(), said.end(), accepted), 1) << states.describe(state);
        }
    }
}

}  // namespace
}  // namespace hf::node
