#include "serve/schedule/schedule.h"

#include <set>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "testing/script.h"

namespace hf::serve {
namespace {

using namespace std::chrono_literals;

constexpr Size kRow{1, "a", kBatchRowsMax};

// Runs the next pick, which takes `row` a row, or less together where `cheaper`.
std::optional<Schedule::Pick> run_next(Schedule& schedule, Duration row, bool cheaper = false) {
    std::optional<Schedule::Pick> pick = schedule.next();
    if (!pick) return pick;
    const auto rows = static_cast<std::int64_t>(pick->rows);
    schedule.done(*pick, pick->rows, cheaper ? row : row * rows);
    return pick;
}

TEST(Schedule, NothingWaitsWhileThereIsAPlace) {
    Schedule schedule({.places = 2});
    const LaneId lane = schedule.add_lane();
    EXPECT_FALSE(schedule.next());
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(schedule.admit(lane, {}, {}, 0s).ok());
    const auto first = schedule.next();
    const auto second = schedule.next();
    ASSERT_TRUE(first && second);
    EXPECT_FALSE(schedule.next()) << "both places are taken";
    EXPECT_EQ(schedule.waiting(lane), 1u);
    schedule.done(*first, 1, 1ms);
    EXPECT_TRUE(schedule.next());
}

TEST(Schedule, ALaneRunsNoMoreAtATimeThanItsLimit) {
    Schedule schedule({.places = 3});
    const LaneId limited = schedule.add_lane({.most = 1});
    const LaneId other = schedule.add_lane();
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(schedule.admit(limited, {}, {}, 0s).ok());
    const auto first = schedule.next();
    ASSERT_TRUE(first);
    EXPECT_FALSE(schedule.next()) << "there are places, and none for this lane";
    // It holds nobody else up, whatever waits in it.
    ASSERT_TRUE(schedule.admit(other, {.start_by = 1ms}, {}, 0s).ok());
    EXPECT_TRUE(schedule.take_late(1s).empty()) << "it could begin when it came";
    const auto second = schedule.next();
    ASSERT_TRUE(second);
    EXPECT_EQ(second->lane, other);
    schedule.done(*second, 1, 1ms);
    EXPECT_FALSE(schedule.next());
    schedule.done(*first, 1, 1ms);
    const auto third = schedule.next();
    ASSERT_TRUE(third);
    EXPECT_EQ(third->lane, limited);
    EXPECT_FALSE(schedule.next());
    schedule.limit(limited, 2);
    EXPECT_TRUE(schedule.next());
}

// What waits for a lane of one at a time is told so, however many places there are.
TEST(Schedule, ALimitCountsInWhatIsAhead) {
    Schedule schedule({.places = 4});
    const LaneId lane = schedule.add_lane({.most = 1});
    ASSERT_TRUE(schedule.admit(lane, {}, {}, 0s).ok());
    ASSERT_TRUE(run_next(schedule, 100ms));
    for (int i = 0; i < 4; ++i) ASSERT_TRUE(schedule.admit(lane, {}, {}, 0s).ok());
    ASSERT_TRUE(schedule.next());
    EXPECT_EQ(schedule.backlog(lane), 400ms);
    EXPECT_EQ(schedule.admit(lane, {.start_by = 300ms}, {}, 0s).status().code(),
              Code::kResourceExhausted);
    schedule.limit(lane, kNoLimit);
    EXPECT_EQ(schedule.backlog(lane), 100ms);
}

TEST(Schedule, ByPriorityThenByArrival) {
    Schedule schedule({.places = 1});
    const LaneId lane = schedule.add_lane();
    const JobId plain = *schedule.admit(lane, {}, {}, 0s);
    const JobId last = *schedule.admit(lane, {.priority = 2000}, {}, 0s);
    const JobId second = *schedule.admit(lane, {.priority = 2}, {}, 0s);
    const JobId first = *schedule.admit(lane, {.priority = 1}, {}, 0s);
    const JobId third = *schedule.admit(lane, {.priority = 2}, {}, 0s);
    for (const JobId job : {first, second, third, plain, last}) {
        EXPECT_EQ(run_next(schedule, 1ms)->jobs, std::vector{job});
    }
}

TEST(Schedule, WhatWaitsRunsTogetherWhereThatIsCheaper) {
    Schedule schedule({.places = 1});
    const LaneId lane = schedule.add_lane();
    const auto fill = [&] {
        while (schedule.waiting(lane) < 64) ASSERT_TRUE(schedule.admit(lane, {}, kRow, 0s).ok());
    };
    std::uint64_t most = 0;
    for (int i = 0; i < 20; ++i) {
        fill();
        most = run_next(schedule, 1ms, true)->rows;
    }
    EXPECT_EQ(most, 64u);
    // Another kind runs alone, and so does who has none.
    while (schedule.waiting(lane) > 0) run_next(schedule, 1ms, true);
    const JobId other = *schedule.admit(lane, {.priority = 1}, {1, "b", 64}, 0s);
    const JobId alone = *schedule.admit(lane, {.priority = 1}, {}, 0s);
    fill();
    EXPECT_EQ(run_next(schedule, 1ms, true)->jobs, std::vector{other});
    EXPECT_EQ(run_next(schedule, 1ms, true)->jobs, std::vector{alone});
}

TEST(Schedule, ABatchIsNoLargerThanItsRowsAllow) {
    Schedule schedule({.places = 1});
    const LaneId lane = schedule.add_lane();
    for (int i = 0; i < 100; ++i) {
        while (schedule.waiting(lane) < 64) {
            ASSERT_TRUE(schedule.admit(lane, {}, {3, "a", 8}, 0s).ok());
        }
        EXPECT_LE(run_next(schedule, 1ms, true)->rows, 8u);
    }
    while (schedule.waiting(lane) > 0) run_next(schedule, 1ms, true);
    ASSERT_TRUE(schedule.admit(lane, {}, {100, "a", 8}, 0s).ok());
    EXPECT_EQ(run_next(schedule, 1ms, true)->rows, 100u) << "what is larger by itself";
}

TEST(Schedule, TurnsAwayWhatIsTooMuch) {
    Schedule schedule({.places = 1, .queued_max = 2});
    const LaneId lane = schedule.add_lane();
    for (int i = 0; i < 2; ++i) ASSERT_TRUE(schedule.admit(lane, {}, {}, 0s).ok());
    EXPECT_EQ(schedule.admit(lane, {}, {}, 0s).status().code(), Code::kResourceExhausted);
    EXPECT_TRUE(schedule.admit(schedule.add_lane(), {}, {}, 0s).ok()) << "another has its own";
    run_next(schedule, 1s);
    EXPECT_TRUE(schedule.admit(lane, {}, {}, 0s).ok());
}

TEST(Schedule, WhatCannotStartInTimeIsToldSo) {
    Schedule schedule({.places = 1});
    const LaneId lane = schedule.add_lane();
    EXPECT_EQ(schedule.admit(lane, {.start_by = 5s}, {}, 5s).status().code(),
              Code::kDeadlineExceeded);
    ASSERT_TRUE(schedule.admit(lane, {}, {}, 0s).ok());
    run_next(schedule, 1s);  // so long one takes
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(schedule.admit(lane, {}, {}, 10s).ok());
    const auto running = schedule.next();
    EXPECT_EQ(schedule.backlog(lane), Duration(3s));
    EXPECT_EQ(schedule.admit(lane, {.start_by = 12s}, {}, 10s).status().code(),
              Code::kResourceExhausted);
    ASSERT_TRUE(schedule.admit(lane, {.start_by = 14s}, {}, 10s).ok());
    EXPECT_TRUE(schedule.take_late(13s).empty());
    EXPECT_EQ(schedule.take_late(14s).size(), 1u);
    EXPECT_EQ(schedule.waiting(lane), 2u);
    schedule.done(*running, 1, 1s);
}

// However little it allows, what finds a place free is in time.
TEST(Schedule, PatienceIsForWhoWaits) {
    Schedule schedule({.places = 1});
    const LaneId lane = schedule.add_lane();
    ASSERT_TRUE(schedule.admit(lane, {.patience = 1us}, {}, 10s).ok());
    EXPECT_TRUE(schedule.take_late(20s).empty());
    const auto running = schedule.next();
    ASSERT_TRUE(schedule.admit(lane, {.patience = 1us}, {}, 20s).ok());
    EXPECT_EQ(schedule.take_late(20s + 1us).size(), 1u);
    schedule.done(*running, 1, 1ms);
}

// One with a hundred requests and one with one at a time, of the same cost: each has half.
TEST(Schedule, ModelsShareTheTime) {
    Schedule schedule({.places = 1});
    const LaneId busy = schedule.add_lane();
    const LaneId modest = schedule.add_lane();
    int turns = 0;
    for (int i = 0; i < 200; ++i) {
        while (schedule.waiting(busy) < 100) ASSERT_TRUE(schedule.admit(busy, {}, {}, 0s).ok());
        if (schedule.waiting(modest) == 0) (void)schedule.admit(modest, {}, {}, 0s);
        turns += run_next(schedule, 1ms)->lane == modest;
    }
    EXPECT_NEAR(turns, 100, 5);
}

// Ten times as dear: a tenth as often. And who was idle has not saved up for it.
TEST(Schedule, ModelsShareTheTimeByWhatTheyTake) {
    Schedule schedule({.places = 1});
    const LaneId dear = schedule.add_lane();
    const LaneId cheap = schedule.add_lane();
    const auto count_dear = [&](int turns) {
        int dears = 0;
        for (int i = 0; i < turns; ++i) {
            if (schedule.waiting(dear) == 0) (void)schedule.admit(dear, {}, {}, 0s);
            if (schedule.waiting(cheap) == 0) (void)schedule.admit(cheap, {}, {}, 0s);
            const auto pick = schedule.next();
            dears += pick->lane == dear;
            schedule.done(*pick, 1, pick->lane == dear ? 10ms : 1ms);
        }
        return dears;
    };
    EXPECT_NEAR(count_dear(220), 20, 3);
    for (int i = 0; i < 1000; ++i) {
        ASSERT_TRUE(schedule.admit(dear, {}, {}, 0s).ok());
        run_next(schedule, 10ms);
        while (schedule.waiting(cheap) > 0) run_next(schedule, 1ms);
    }
    EXPECT_NEAR(count_dear(220), 20, 3);
}

// Whatever comes in whatever order: every job that was taken is picked once or is late.
TEST(Schedule, LosesNothing) {
    Rng rng(testing::seed());
    Schedule schedule({.places = 3, .queued_max = 20});
    std::vector<LaneId> lanes;
    for (int i = 0; i < 4; ++i) lanes.push_back(schedule.add_lane());
    std::set<JobId> in;
    std::vector<Schedule::Pick> running;
    Duration now{};
    const auto out = [&](const std::vector<JobId>& jobs) {
        for (const JobId job : jobs) EXPECT_EQ(in.erase(job), 1u);
    };
    for (int step = 0; step < 20000; ++step) {
        now += std::chrono::milliseconds(rng.below(3));
        switch (rng.below(4)) {
            case 0:
            case 1: {
                Terms terms;
                terms.priority = 1 + rng.below(3);
                if (rng.below(2)) terms.start_by = now + std::chrono::milliseconds(rng.below(50));
                const Size size{1 + rng.below(4), rng.below(3) ? "k" : "", 1 + rng.below(32)};
                const auto job = schedule.admit(lanes[rng.below(4)], terms, size, now);
                if (job.ok()) in.insert(*job);
                break;
            }
            case 2:
                out(schedule.take_late(now));
                if (auto pick = schedule.next()) {
                    out(pick->jobs);
                    running.push_back(std::move(*pick));
                }
                EXPECT_LE(running.size(), 3u);
                break;
            default:
                if (running.empty()) break;
                schedule.done(running.back(), running.back().rows, 1ms);
                running.pop_back();
        }
    }
    for (; !running.empty(); running.pop_back()) schedule.done(running.back(), 1, 1ms);
    while (auto pick = schedule.next()) {
        out(pick->jobs);
        schedule.done(*pick, pick->rows, 1ms);
    }
    EXPECT_TRUE(in.empty());
    for (const LaneId lane : lanes) schedule.remove_lane(lane);
}

}  // namespace
}  // namespace hf::serve
