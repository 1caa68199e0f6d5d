#include "control/reconcile/liveness.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace hf::control {
namespace {

using namespace std::chrono_literals;

using Changes = std::vector<Liveness::Change>;

TEST(Liveness, LosesWhoIsSilentAndFindsWhoSpeaks) {
    Liveness liveness(1500ms);
    EXPECT_EQ(liveness.update({{"a", false}}, 0ms), Changes{}) << "never heard";
    liveness.heard("a", 100ms);
    EXPECT_EQ(liveness.update({{"a", false}}, 100ms), (Changes{{"a", true}}));
    EXPECT_EQ(liveness.update({{"a", true}}, 1600ms), Changes{});
    EXPECT_EQ(liveness.next(1000ms), 1600ms);
    EXPECT_GT(liveness.next(1600ms), 1600ms) << "at its very end nothing is to be seen yet";
    EXPECT_EQ(liveness.update({{"a", true}}, 1601ms), (Changes{{"a", false}}));
    EXPECT_EQ(liveness.update({{"a", false}}, 1700ms), Changes{});
    liveness.heard("a", 1800ms);
    EXPECT_EQ(liveness.update({{"a", false}}, 1800ms), (Changes{{"a", true}}));
}

TEST(Liveness, WhoseConnectionEndsHasAMomentToComeAgain) {
    Liveness liveness(30s);
    liveness.heard("a", 0ms);
    liveness.heard("b", 0ms);
    EXPECT_EQ(liveness.update({{"a", true}, {"b", true}}, 0ms), Changes{});
    liveness.parted("a", 10s);
    liveness.parted("b", 10s);
    EXPECT_EQ(liveness.update({{"a", true}, {"b", true}}, 10900ms), Changes{});
    liveness.heard("b", 10900ms);
    EXPECT_EQ(liveness.update({{"a", true}, {"b", true}}, 11001ms), (Changes{{"a", false}}));
}

TEST(Liveness, WhomAnotherServerHasWaitedForIsNotWaitedForAgain) {
    Liveness liveness(1500ms);
    const std::map<std::string, bool> both{{"a", true}, {"b", true}};
    EXPECT_EQ(liveness.update(both, 0ms), Changes{});
    for (const char* node : {"a", "b"}) liveness.heard(node, 500ms);
    liveness.silent("a", 700ms);
    EXPECT_EQ(liveness.update(both, 700ms), (Changes{{"a", false}}));
    liveness.heard("a", 800ms);
    EXPECT_EQ(liveness.update({{"a", false}, {"b", true}}, 800ms), (Changes{{"a", true}}));
    liveness.silent("stranger", 900ms);
    EXPECT_EQ(liveness.update(both, 900ms), Changes{});
}

TEST(Liveness, AServerThatHasJustStartedGivesAllATerm) {
    Liveness liveness(1500ms);
    EXPECT_EQ(liveness.update({{"a", true}, {"b", true}}, 50s), Changes{});
    liveness.heard("a", 51s);
    EXPECT_EQ(liveness.update({{"a", true}, {"b", true}}, 51400ms), Changes{});
    EXPECT_EQ(liveness.update({{"a", true}, {"b", true}}, 51600ms), (Changes{{"b", false}}));
}

TEST(Liveness, WhoSleptBlamesNobody) {
    Liveness liveness(1500ms);
    liveness.heard("a", 0ms);
    EXPECT_EQ(liveness.update({{"a", true}}, 0ms), Changes{});
    EXPECT_EQ(liveness.update({{"a", true}}, 60s), Changes{}) << "this was not running meanwhile";
    EXPECT_EQ(liveness.update({{"a", true}}, 60700ms), Changes{});
    EXPECT_EQ(liveness.update({{"a", true}}, 60800ms), (Changes{{"a", false}}));
}

TEST(Liveness, MostMachinesSilentAtOnceIsTheServersOwnTrouble) {
    Liveness liveness(1500ms);
    std::map<std::string, bool> known;
    for (const char* name : {"a", "b", "c", "d", "e"}) {
        known[name] = true;
        liveness.heard(name, 0ms);
    }
    liveness.update(known, 0ms);
    liveness.heard("a", 1s);
    EXPECT_EQ(liveness.update(known, 1400ms), Changes{});
    EXPECT_EQ(liveness.update(known, 1600ms), Changes{}) << "four of five: no storm of repair";
    Liveness patient = liveness;
    for (Duration now = 2s; now < 6500ms; now += 500ms) {
        patient.heard("a", now);
        EXPECT_EQ(patient.update(known, now), Changes{});
    }
    patient.heard("a", 7s);
    EXPECT_EQ(patient.update(known, 7s).size(), 4u) << "but they are not waited for for ever";
    liveness.heard("b", 1700ms);
    liveness.heard("c", 1700ms);
    EXPECT_EQ(liveness.update(known, 1800ms), Changes{}) << "they are coming back";
    for (const char* name : {"a", "b", "c"}) liveness.heard(name, 3000ms);
    EXPECT_EQ(liveness.update(known, 3200ms), Changes{});
    EXPECT_EQ(liveness.next(3200ms), 3200ms + 1ms) << "then nobody has come for a term";
    EXPECT_EQ(liveness.update(known, 3201ms), (Changes{{"d", false}, {"e", false}}));
}

TEST(Liveness, MachinesThatComeBackOneByOneAreWaitedFor) {
    Liveness liveness(1500ms);
    std::map<std::string, bool> known;
    for (int i = 0; i < 100; ++i) known[fmt::format("m{:02}", i)] = true;
    EXPECT_EQ(liveness.update(known, 0ms), Changes{}) << "the server has just started";
    Duration now = 0ms;
    for (int i = 0; i < 90; ++i) {
        now += 200ms;
        for (int k = 0; k <= i; ++k) liveness.heard(fmt::format("m{:02}", k), now);
        ASSERT_EQ(liveness.update(known, now), Changes{}) << i << " are back";
    }
    const auto speak = [&] {
        for (int k = 0; k < 90; ++k) liveness.heard(fmt::format("m{:02}", k), now);
    };
    now += 1500ms;
    speak();
    EXPECT_EQ(liveness.update(known, now), Changes{});
    now += 1ms;
    EXPECT_EQ(liveness.update(known, now).size(), 10u) << "no more come";
    for (int i = 90; i < 100; ++i) known[fmt::format("m{:02}", i)] = false;
    EXPECT_LE(liveness.next(now), now + 1500ms);
    EXPECT_GT(liveness.next(now), now + 100ms) << "it does not spin";
}

TEST(Liveness, AStormEndsHoweverSlowlyMachinesComeBack) {
    Liveness liveness(1500ms);
    std::map<std::string, bool> known;
    for (int i = 0; i < 100; ++i) known[fmt::format("m{:02}", i)] = true;
    liveness.update(known, 0ms);
    Duration now = 0ms;
    for (int i = 0; now < kStormLongest - 1s; ++i) {
        now += 1s;
        for (int k = 0; k <= i; ++k) liveness.heard(fmt::format("m{:02}", k), now);
        ASSERT_EQ(liveness.update(known, now), Changes{}) << i << " are back";
    }
    now += 1s;
    liveness.heard("m99", now);
    EXPECT_EQ(liveness.update(known, now).size(), 70u);
}

TEST(Liveness, ManyThatAreGoneForGoodKeepNobodyBusy) {
    Liveness liveness(1500ms);
    std::map<std::string, bool> known;
    for (const char* name : {"a", "b", "c", "d", "e"}) known[name] = true;
    liveness.update(known, 0ms);
    for (Duration now = 500ms; now <= 10s; now += 500ms) {
        liveness.heard("a", now);
        for (const Liveness::Change& change : liveness.update(known, now))
            known[change.node] = false;
    }
    EXPECT_FALSE(known["e"]);
    EXPECT_GE(liveness.next(10s), 11s) << "nothing is to be seen sooner";
}

}  // namespace
}  // namespace hf::control
