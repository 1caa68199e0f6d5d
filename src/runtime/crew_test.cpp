#include "runtime/crew.h"

#include <thread>

#include <gtest/gtest.h>

namespace hf::runtime {
namespace {

// Counts how often each part was computed, and by which threads.
class Counting final : public Crew::Job {
public:
    explicit Counting(std::size_t parts) : parts_(parts), counts_(parts) {}

    void run_part(std::size_t part, std::size_t thread) const override {
        ++counts_.at(part);
        ++threads_.at(thread);
    }

    // Each once since the last time.
    bool each_once() {
        bool once = true;
        for (auto& count : counts_) once = count.exchange(0) == 1 && once;
        return once;
    }
    std::size_t parts() const { return parts_; }

private:
    std::size_t parts_;
    mutable std::vector<std::atomic<int>> counts_;
    mutable std::array<std::atomic<int>, kMaxThreads> threads_{};
};

TEST(Crew, ComputesEveryPartOnceHoweverManyThereAre) {
    for (const std::size_t threads : {2, 3, 5, 16}) {
        const auto crew = Crew::create(threads);
        ASSERT_EQ(crew->threads(), threads);
        Crew::Shift shift(crew.get());
        ASSERT_TRUE(shift.taken());
        for (const std::size_t parts : {1, 2, 3, 7, 100, 65535}) {
            Counting job(parts);
            for (int round = 0; round < (parts > 100 ? 2 : 300); ++round) {
                shift.work(job, parts);
                ASSERT_TRUE(job.each_once()) << parts << " parts by " << threads;
            }
        }
    }
}

// A part that waits for another one: both run at the same time.
class Meeting final : public Crew::Job {
public:
    explicit Meeting(int parts) : parts_(parts) {}
    void run_part(std::size_t, std::size_t) const override {
        ++here_;
        while (here_ < parts_) std::this_thread::yield();
    }

private:
    int parts_;
    mutable std::atomic<int> here_{0};
};

TEST(Crew, RunsPartsAtTheSameTime) {
    const auto crew = Crew::create(4);
    Crew::Shift shift(crew.get());
    for (int round = 0; round < 50; ++round) shift.work(Meeting(4), 4);
}

TEST(Crew, WakesWhatFellAsleep) {
    const auto crew = Crew::create(3);
    for (int round = 0; round < 20; ++round) {
        while (!crew->sleeps()) std::this_thread::yield();
        Crew::Shift shift(crew.get());
        shift.work(Meeting(3), 3);
    }
}

TEST(Crew, OneAtATimeHasIt) {
    const auto crew = Crew::create(2);
    {
        const Crew::Shift first(crew.get()), second(crew.get());
        EXPECT_TRUE(first.taken());
        EXPECT_FALSE(second.taken());
    }
    EXPECT_TRUE(Crew::Shift(crew.get()).taken());
    EXPECT_FALSE(Crew::Shift(nullptr).taken());
    const auto alone = Crew::create(1);
    EXPECT_EQ(alone->threads(), 1u);
    EXPECT_FALSE(Crew::Shift(alone.get()).taken());
    EXPECT_EQ(Crew::create(0)->threads(), 1u);
}

TEST(Crew, ManyWhoWantItTakeTurns) {
    const auto crew = Crew::create(3);
    std::atomic<int> wrong{0};
    std::vector<std::thread> callers;
    for (int i = 0; i < 4; ++i) {
        callers.emplace_back([&] {
            Counting job(9);
            for (int round = 0; round < 500; ++round) {
                Crew::Shift shift(crew.get());
                if (!shift.taken()) continue;
                shift.work(job, job.parts());
                if (!job.each_once()) ++wrong;
            }
        });
    }
    for (std::thread& caller : callers) caller.join();
    EXPECT_EQ(wrong, 0);
}

TEST(Crew, EndsRightAfterAJobAndWithoutOne) {
    for (int round = 0; round < 100; ++round) {
        const auto crew = Crew::create(4);
        if (round % 2 == 0) continue;
        Crew::Shift shift(crew.get());
        Counting job(5);
        shift.work(job, 5);
        EXPECT_TRUE(job.each_once());
    }
}

}  // namespace
}  // namespace hf::runtime
