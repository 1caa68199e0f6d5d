#include "serve/cascade/circuit.h"

#include <gtest/gtest.h>

namespace hf::serve::cascade {
namespace {

using namespace std::chrono_literals;
using Leave = Circuit::Leave;

TEST(Circuit, OpensAtTheFirstFailureAndTriesWithOneProbe) {
    Circuit circuit;
    const Instant start{};
    EXPECT_EQ(circuit.ask(start), Leave::kGo);
    EXPECT_EQ(circuit.ask(start), Leave::kGo);
    circuit.failed(Leave::kGo, start);
    EXPECT_TRUE(circuit.is_open());
    circuit.failed(Leave::kGo, start + 400ms);  // was under way: changes nothing
    EXPECT_EQ(circuit.ask(start + 499ms), Leave::kNo);
    EXPECT_EQ(circuit.ask(start + 500ms), Leave::kProbe);
    EXPECT_EQ(circuit.ask(start + 500ms), Leave::kNo) << "one probe at a time";
    circuit.succeeded(Leave::kGo);
    EXPECT_TRUE(circuit.is_open()) << "an answer from before it opened closes nothing";
    circuit.succeeded(Leave::kProbe);
    EXPECT_EQ(circuit.ask(start + 500ms), Leave::kGo);
    circuit.failed(Leave::kGo, start + 600ms);
    EXPECT_EQ(circuit.ask(start + 1100ms), Leave::kProbe) << "all is forgotten after an answer";
}

TEST(Circuit, WaitsTwiceAsLongEachTimeAndNotForEver) {
    Circuit circuit;
    Instant now{};
    circuit.failed(circuit.ask(now), now);
    for (const Duration wait : {500ms, 1000ms, 2000ms, 4000ms, 8000ms, 16000ms, 30000ms, 30000ms}) {
        EXPECT_EQ(circuit.ask(now + wait - 1ms), Leave::kNo);
        now += wait;
        EXPECT_EQ(circuit.ask(now), Leave::kProbe);
        circuit.failed(Leave::kProbe, now);
    }
}

TEST(Circuit, AnAbandonedProbeMakesRoomForTheNext) {
    Circuit circuit;
    circuit.failed(Leave::kGo, Instant());
    EXPECT_EQ(circuit.ask(Instant(1s)), Leave::kProbe);
    circuit.abandoned(Leave::kProbe);
    EXPECT_EQ(circuit.ask(Instant(1s)), Leave::kProbe);
}

TEST(ShareBudget, LetsItsShareGoUp) {
    ShareBudget budget(20);
    EXPECT_EQ(budget.spend(100), 10u) << "what is there at first";
    EXPECT_EQ(budget.spend(1), 0u);
    std::size_t granted = 0;
    for (int row = 0; row < 1000; ++row) {
        budget.earn(1);
        granted += budget.spend(1);
    }
    EXPECT_EQ(granted, 200u);
    budget.earn(50);
    EXPECT_EQ(budget.spend(50), 10u) << "a part of a request's rows";
    for (int row = 0; row < 10'000; ++row) budget.earn(1);
    EXPECT_EQ(budget.spend(1000), 100u) << "no more can be saved";
    ShareBudget none(0);
    none.earn(1'000'000);
    EXPECT_EQ(none.spend(1), 0u);
    ShareBudget all(100);
    all.earn(5000);
    EXPECT_EQ(all.spend(5000), 5000u);
}

}  // namespace
}  // namespace hf::serve::cascade
