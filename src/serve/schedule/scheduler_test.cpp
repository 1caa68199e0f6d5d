#include "serve/schedule/scheduler.h"

#include <algorithm>
#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "base/mutex.h"
#include "serve/fake_model_test.h"
#include "serve/sleep/sleeping_model.h"
#include "testing/manual_clock.h"

namespace hf::serve {
namespace {

using namespace std::chrono_literals;

// Holds the place of a job that asks, once it has one, whether it is given up.
class Gate {
public:
    void pass() {
        MutexLock lock(mutex_);
        ++waiting_;
        changed_.notify_all();
        changed_.wait(lock, [this]() HF_REQUIRES(mutex_) { return open_; });
    }
    void wait_for(int count) {
        MutexLock lock(mutex_);
        changed_.wait(lock, [&]() HF_REQUIRES(mutex_) { return waiting_ >= count; });
    }
    void open() {
        const MutexLock lock(mutex_);
        open_ = true;
        changed_.notify_all();
    }

private:
    Mutex mutex_;
    ConditionVariable changed_;
    int waiting_ HF_GUARDED_BY(mutex_) = 0;
    bool open_ HF_GUARDED_BY(mutex_) = false;
};

// y = x + 1 in a millisecond, however many rows; below -1 it has no answer.
class Picky final : public runtime::CompiledModel {
public:
    explicit Picky(testing::ManualClock& clock) : clock_(clock) {}

    const runtime::Signature& signature() const override { return model_.signature(); }
    std::string_view device() const override { return "cpu"; }
    Result<std::unique_ptr<runtime::Session>> new_session() const override {
        return std::make_unique<Run>(clock_, HF_TRY(model_.new_session()));
    }

private:
    class Run final : public runtime::Session {
    public:
        Run(testing::ManualClock& clock, std::unique_ptr<runtime::Session> session)
            : clock_(clock), session_(std::move(session)) {}
        Result<std::vector<Tensor>> run(std::span<const Tensor> inputs) override {
            HF_TRY(runtime::check_inputs(signature_, inputs));
            clock_.advance(1ms);
            for (const float x : inputs[0].values<float>()) {
                if (x < -1) return internal_error("{} has no answer", x);
            }
            return session_->run(inputs);
        }

    private:
        testing::ManualClock& clock_;
        const runtime::Signature signature_ = FakeModel(1).signature();
        const std::unique_ptr<runtime::Session> session_;
    };

    testing::ManualClock& clock_;
    const FakeModel model_{1};
};

struct Door {
    explicit Door(Schedule::Options options = {.places = 1}) : scheduler(clock, options) {
        auto model = std::make_shared<const Picky>(clock);
        host = std::make_shared<ModelHost>(ModelHost::Identity{.name = "m"}, model, clock);
        HF_CHECK(host->warm().ok(), "warm");
    }

    // One request of these values, told to `done`.
    void ask(std::vector<float> values, std::function<void(Result<Scheduler::Ran>)> done,
             Terms terms = {}, std::function<bool()> given_up = nullptr) {
        const auto inputs = std::make_shared<std::vector<Tensor>>();
        inputs->push_back(Tensor::of<float>(
            DType::kF32, Shape{static_cast<std::int64_t>(values.size())}, values));
        Scheduler::Job job;
        job.host = host;
        job.inputs = *inputs;
        job.terms = terms;
        job.given_up = std::move(given_up);
        job.done = [inputs, done = std::move(done)](Result<Scheduler::Ran> ran) {
            done(std::move(ran));
        };
        scheduler.run(std::move(job));
    }

    testing::ManualClock clock;
    std::shared_ptr<ModelHost> host;
    Scheduler scheduler;
};

TEST(Scheduler, RunsOnTheThreadThatAsks) {
    Door door;
    std::thread::id by;
    door.ask({1, 2}, [&](Result<Scheduler::Ran> ran) {
        by = std::this_thread::get_id();
        ASSERT_TRUE(ran.ok());
        EXPECT_EQ(ran->outputs[0].values<float>()[1], 3.0F);
        EXPECT_EQ(ran->batch, 2u);
    });
    EXPECT_EQ(by, std::this_thread::get_id());
}

TEST(Scheduler, WhatComesMeanwhileIsRunByWhoeverRuns) {
    Door door;
    Gate gate;
    std::thread runner([&] {
        door.ask(
            {0}, [](const Result<Scheduler::Ran>&) {}, {}, [&] { return gate.pass(), false; });
    });
    gate.wait_for(1);
    std::atomic<int> done{0};
    std::atomic<int> errors{0};
    std::vector<std::uint64_t> batches;
    for (int i = 0; i < 8; ++i) {
        door.ask({static_cast<float>(i)}, [&, i](Result<Scheduler::Ran> ran) {
            const bool right =
                ran.ok() && ran->outputs[0].values<float>()[0] == static_cast<float>(i) + 1;
            errors += !right;
            if (ran.ok() && ran->leads) batches.push_back(ran->batch);
            ++done;
        });
    }
    door.ask(
        {9},
        [&](const Result<Scheduler::Ran>& ran) {
            errors += ran.status().code() != Code::kCancelled;
            ++done;
        },
        {}, [] { return true; });
    EXPECT_EQ(done, 0) << "nobody has run them";
    EXPECT_EQ(door.host->counts().succeeded, 0u);
    gate.open();
    runner.join();
    EXPECT_EQ(done, 9);
    EXPECT_EQ(errors, 0);
    EXPECT_EQ(door.host->counts().succeeded, 9u);
    EXPECT_EQ(batches, (std::vector<std::uint64_t>{2, 4, 2})) << "as it proves cheaper";
}

TEST(Scheduler, TurnsAwayAndTellsWhenToComeAgain) {
    Door door({.places = 1, .queued_max = 2});
    Gate gate;
    std::thread runner([&] {
        door.ask(
            {0}, [](const Result<Scheduler::Ran>&) {}, {}, [&] { return gate.pass(), false; });
    });
    gate.wait_for(1);
    std::vector<Code> codes;
    const auto note = [&](const Result<Scheduler::Ran>& ran) {
        codes.push_back(ran.status().code());
    };
    door.ask({1}, note, {.start_by = door.clock.monotonic() + 1s});
    door.ask({2}, note);
    door.ask({3}, note);
    EXPECT_EQ(codes, std::vector{Code::kResourceExhausted});
    EXPECT_EQ(door.scheduler.retry_after(*door.host), Duration(1s));
    door.clock.advance(2s);
    gate.open();
    runner.join();
    EXPECT_EQ(codes, (std::vector{Code::kResourceExhausted, Code::kDeadlineExceeded, Code::kOk}));
}

// Inputs that do not fit fail alone.
TEST(Scheduler, NobodysBadInputIsAnothersError) {
    Door door;
    Gate gate;
    std::thread runner([&] {
        door.ask(
            {0}, [](const Result<Scheduler::Ran>&) {}, {}, [&] { return gate.pass(), false; });
    });
    gate.wait_for(1);
    std::atomic<int> failed{0};
    for (int i = 0; i < 4; ++i) {
        door.ask({1}, [&](const Result<Scheduler::Ran>& ran) { failed += !ran.ok(); });
    }
    std::vector<Tensor> wrong{Tensor(DType::kI64, Shape{1})};
    Scheduler::Job job;
    job.host = door.host;
    job.inputs = wrong;
    job.done = [&](const Result<Scheduler::Ran>& ran) {
        EXPECT_EQ(ran.status().code(), Code::kInvalidArgument);
        failed += 10;
    };
    door.scheduler.run(std::move(job));
    gate.open();
    runner.join();
    EXPECT_EQ(failed, 10);
}

// In a batch, too, which is then run again one by one.
TEST(Scheduler, ABatchThatFailsIsRunOneByOne) {
    Door door;
    Gate gate;
    std::thread runner([&] {
        door.ask(
            {0}, [](const Result<Scheduler::Ran>&) {}, {}, [&] { return gate.pass(), false; });
    });
    gate.wait_for(1);
    std::vector<bool> answered;
    for (const float x : {1.0F, -9.0F}) {
        door.ask({x}, [&](const Result<Scheduler::Ran>& ran) { answered.push_back(ran.ok()); });
    }
    gate.open();
    runner.join();
    EXPECT_EQ(answered, (std::vector{true, false}));
    EXPECT_EQ(door.host->counts().succeeded, 2u);
    EXPECT_EQ(door.host->counts().failed, 1u);
}

// A model that has fallen asleep, made again when the gate opens, in a second of the clock.
struct Dormitory {
    explicit Dormitory(Door& at) {
        auto model = std::make_shared<sleep::SleepingModel>(
            std::make_shared<const FakeModel>(1.0F),
            [this, &at]() -> Result<sleep::SleepingModel::ModelPtr> {
                gate.pass();
                at.clock.advance(1s);
                return std::make_shared<const FakeModel>(1.0F);
            },
            at.clock);
        at.host = std::make_shared<ModelHost>(ModelHost::Identity{.name = "m"}, model, at.clock);
        at.host->set_resting(model);
        HF_CHECK(at.host->warm().ok() && at.host->fall_asleep(0s), "it is awake");
    }
    Gate gate;
};

TEST(Scheduler, AModelThatWakesHoldsOnePlace) {
    Door door({.places = 2});
    Dormitory dormitory(door);
    std::vector<Code> codes;
    const auto note = [&](const Result<Scheduler::Ran>& ran) {
        codes.push_back(ran.status().code());
    };
    std::thread waker([&] { door.ask({0}, note); });
    dormitory.gate.wait_for(1);
    for (int i = 0; i < 3; ++i) door.ask({1}, note);
    door.ask({1}, note, {.patience = 500ms});
    EXPECT_TRUE(codes.empty()) << "they wait, and this thread does not";
    // Another model has the other place.
    const auto sleeper = std::exchange(
        door.host,
        std::make_shared<ModelHost>(ModelHost::Identity{.name = "other"},
                                    std::make_shared<const FakeModel>(1.0F), door.clock));
    door.ask({1}, note);
    EXPECT_EQ(codes, std::vector{Code::kOk});
    dormitory.gate.open();
    waker.join();
    EXPECT_EQ(std::count(codes.begin(), codes.end(), Code::kOk), 5);
    EXPECT_EQ(std::count(codes.begin(), codes.end(), Code::kDeadlineExceeded), 1);
    EXPECT_EQ(sleeper->resting()->wakes().count, 1u);
}

TEST(Scheduler, WhoseTimeIsOverWhenTheModelIsAwakeIsTold) {
    Door door;
    Dormitory dormitory(door);
    dormitory.gate.open();
    Code code = Code::kOk;
    door.ask({0}, [&](const Result<Scheduler::Ran>& ran) { code = ran.status().code(); },
             {.start_by = door.clock.monotonic() + 500ms});
    EXPECT_EQ(code, Code::kDeadlineExceeded);
    EXPECT_FALSE(door.host->asleep());
    EXPECT_EQ(door.host->counts().succeeded, 0u);
}

TEST(Scheduler, OfALimitedModelNoMoreRunAtATime) {
    Door door({.places = 4});
    door.host->set_instances(1);
    Gate gate;
    std::thread runner([&] {
        door.ask(
            {0}, [](const Result<Scheduler::Ran>&) {}, {}, [&] { return gate.pass(), false; });
    });
    gate.wait_for(1);
    int done = 0;
    for (int i = 0; i < 3; ++i) door.ask({1}, [&](const Result<Scheduler::Ran>&) { ++done; });
    EXPECT_EQ(done, 0);
    gate.open();
    runner.join();
    EXPECT_EQ(done, 3);
}

// A model that is planned for each size anew, and notes what runs in one that nobody prepared.
// The sizes that warming up tries are known.
class Planned final : public runtime::CompiledModel {
public:
    explicit Planned(testing::ManualClock& clock) : picky_(clock) {}

    const runtime::Signature& signature() const override { return picky_.signature(); }
    std::string_view device() const override { return "cpu"; }
    bool plans_by_shape() const override { return true; }
    void prepare(const std::vector<Shape>& shapes) const override {
        const MutexLock lock(mutex_);
        ready_ |= static_cast<std::uint64_t>(shapes[0][0]);
    }
    Result<std::unique_ptr<runtime::Session>> new_session() const override {
        return std::make_unique<Run>(*this, HF_TRY(picky_.new_session()));
    }

    std::uint64_t largest() const {
        const MutexLock lock(mutex_);
        return largest_;
    }
    bool surprised() const {
        const MutexLock lock(mutex_);
        return surprised_;
    }

private:
    class Run final : public runtime::Session {
    public:
        Run(const Planned& model, std::unique_ptr<runtime::Session> session)
            : model_(model), session_(std::move(session)) {}
        Result<std::vector<Tensor>> run(std::span<const Tensor> inputs) override {
            const auto rows = static_cast<std::uint64_t>(inputs[0].shape()[0]);
            {
                const MutexLock lock(model_.mutex_);
                model_.largest_ = std::max(model_.largest_, rows);
                model_.surprised_ |= (model_.ready_ & rows) == 0;
            }
            return session_->run(inputs);
        }

    private:
        const Planned& model_;
        const std::unique_ptr<runtime::Session> session_;
    };

    const Picky picky_;
    mutable Mutex mutex_;
    mutable std::uint64_t ready_ HF_GUARDED_BY(mutex_) = 1 | 2;  // sizes, powers of two
    mutable std::uint64_t largest_ HF_GUARDED_BY(mutex_) = 0;
    mutable bool surprised_ HF_GUARDED_BY(mutex_) = false;
};

TEST(Scheduler, NoBatchRunsInASizeThatWasNotPrepared) {
    Door door;
    const auto model = std::make_shared<const Planned>(door.clock);
    door.host = std::make_shared<ModelHost>(ModelHost::Identity{.name = "m"}, model, door.clock);
    ASSERT_TRUE(door.host->warm().ok());
    ASSERT_TRUE(door.host->runs_together());
    constexpr int kRounds = 10'000;  // what is prepared meanwhile takes its time
    for (int round = 0; round < kRounds && model->largest() < 8; ++round) {
        Gate gate;
        std::thread runner([&] {
            door.ask(
                {0}, [](const Result<Scheduler::Ran>&) {}, {}, [&] { return gate.pass(), false; });
        });
        gate.wait_for(1);
        int right = 0;
        for (int i = 0; i < 40; ++i) {
            door.ask({1}, [&](const Result<Scheduler::Ran>& ran) {
                right += ran.ok() && ran->outputs[0].values<float>()[0] == 2.0F;
            });
        }
        gate.open();
        runner.join();
        ASSERT_EQ(right, 40);
    }
    EXPECT_GE(model->largest(), 8u) << "it goes on with what has been prepared";
    EXPECT_FALSE(model->surprised());
}

// Hosts that are replaced while many threads ask: each request is answered once, by its own
// host.
TEST(Scheduler, HostsComeAndGo) {
    Door door({.places = 2});
    std::atomic<int> answered{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&door, &answered] {
            for (int i = 0; i < 500; ++i) {
                auto model = std::make_shared<const FakeModel>(static_cast<float>(i));
                auto host = std::make_shared<ModelHost>(ModelHost::Identity{.name = "m"}, model,
                                                        door.clock);
                const auto inputs = std::make_shared<std::vector<Tensor>>();
                inputs->push_back(Tensor(DType::kF32, Shape{1}));
                Scheduler::Job job;
                job.host = std::move(host);
                job.inputs = *inputs;
                job.done = [inputs, &answered, i](const Result<Scheduler::Ran>& ran) {
                    answered +=
                        ran.ok() && ran->outputs[0].values<float>()[0] == static_cast<float>(i);
                };
                door.scheduler.run(std::move(job));
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(answered, 2000);
}

}  // namespace
}  // namespace hf::serve
