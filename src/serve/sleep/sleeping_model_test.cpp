#include "serve/sleep/sleeping_model.h"

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "serve/fake_model_test.h"
#include "serve/model_host.h"
#include "serve/models.h"
#include "testing/manual_clock.h"

namespace hf::serve::sleep {
namespace {

using namespace std::chrono_literals;

// A model that adds 5, made again in 20 ms of the clock; and its host.
struct Bed {
    testing::ManualClock clock;
    std::atomic<int> made{0};
    Status refuses;
    std::function<void()> while_waking;
    std::weak_ptr<const runtime::CompiledModel> last;
    std::shared_ptr<SleepingModel> model;
    std::shared_ptr<ModelHost> host;

    Bed() {
        model = std::make_shared<SleepingModel>(
            make(),
            [this]() -> Result<SleepingModel::ModelPtr> {
                if (while_waking) while_waking();
                clock.advance(20ms);
                HF_TRY(refuses);
                return make();
            },
            clock);
        host = std::make_shared<ModelHost>(ModelHost::Identity{.name = "m"}, model, clock);
        host->set_resting(model);
    }

    SleepingModel::ModelPtr make() {
        ++made;
        auto fresh = std::make_shared<const FakeModel>(5.0f);
        last = fresh;
        return fresh;
    }

    Result<float> infer() {
        const Visit visit(*host, Duration::zero());
        const Tensor x(DType::kF32, Shape{1});
        const ModelHost::Inference inference = HF_TRY(host->infer({&x, 1}));
        return inference.outputs[0].values<float>()[0];
    }
};

TEST(SleepingModel, SleepsWhenNobodyAsksAndWakesWhenSomebodyDoes) {
    Bed bed;
    EXPECT_EQ(*bed.infer(), 5);
    bed.clock.advance(9s);
    EXPECT_FALSE(bed.host->fall_asleep(10s));
    bed.clock.advance(1s);
    EXPECT_TRUE(bed.host->fall_asleep(10s));
    EXPECT_FALSE(bed.host->fall_asleep(10s)) << "it sleeps already";
    EXPECT_TRUE(bed.last.expired()) << "its memory stays";
    EXPECT_TRUE(bed.host->asleep());
    EXPECT_TRUE(bed.host->ready());
    EXPECT_EQ(bed.host->signature().inputs[0].name, "x");
    EXPECT_EQ(bed.host->device(), "cpu");
    EXPECT_EQ(*bed.infer(), 5);
    EXPECT_FALSE(bed.host->asleep());
    EXPECT_EQ(bed.made, 2);
    EXPECT_EQ(bed.host->resting()->wakes().count, 1u);
    EXPECT_NEAR(bed.host->resting()->wakes().seconds, 0.02, 1e-9);
    bed.clock.advance(9s);
    EXPECT_FALSE(bed.host->fall_asleep(10s)) << "it was asked 9 s ago";
}

TEST(SleepingModel, OneThatIsNeverAskedSleepsToo) {
    Bed bed;
    bed.clock.advance(10s);
    EXPECT_TRUE(bed.host->fall_asleep(10s));
}

TEST(SleepingModel, BusyModelsDoNotSleep) {
    const Idleness idle{.since_asked = 10s};
    EXPECT_TRUE(may_fall_asleep(idle, 10s));
    EXPECT_FALSE(may_fall_asleep(idle, 11s));
    for (const Idleness& busy :
         {Idleness{.since_asked = 99s, .running = 1}, Idleness{.since_asked = 99s, .waiting = 1},
          Idleness{.since_asked = 99s, .sequences = 1},
          Idleness{.since_asked = 99s, .asleep = true}}) {
        EXPECT_FALSE(may_fall_asleep(busy, 10s));
    }
    Bed bed;
    bed.host->note_waiting(1);
    bed.clock.advance(1h);
    EXPECT_FALSE(bed.host->fall_asleep(10s));
    EXPECT_FALSE(bed.last.expired());
    bed.host->note_waiting(0);
    EXPECT_TRUE(bed.host->fall_asleep(10s));
}

// Those who come while it wakes wait for the one wake.
TEST(SleepingModel, IsWokenOnceForAll) {
    Bed bed;
    bed.clock.advance(1h);
    ASSERT_TRUE(bed.host->fall_asleep(10s));
    std::atomic<int> asking{0};
    constexpr int kClients = 8;
    // Not before all have asked, or nearly so.
    bed.while_waking = [&] {
        while (asking < kClients) std::this_thread::yield();
    };
    std::atomic<int> right{0};
    std::vector<std::thread> clients;
    for (int i = 0; i < kClients; ++i) {
        clients.emplace_back([&] {
            ++asking;
            right += bed.infer().ok();
        });
    }
    for (std::thread& client : clients) client.join();
    EXPECT_EQ(right, kClients);
    EXPECT_EQ(bed.made, 2);
    EXPECT_EQ(bed.host->resting()->wakes().count, 1u);
}

TEST(SleepingModel, ASessionKeepsWhatItRunsOn) {
    Bed bed;
    const auto session = *bed.model->new_session();
    const auto gone = bed.model->let_go();
    const Tensor x(DType::kF32, Shape{1});
    EXPECT_TRUE(bed.model->asleep());
    EXPECT_EQ((*session->run({&x, 1}))[0].values<float>()[0], 5);
}

TEST(SleepingModel, WhatCannotWakeSaysWhyUntilItCan) {
    Bed bed;
    bed.clock.advance(1h);
    ASSERT_TRUE(bed.host->fall_asleep(10s));
    bed.refuses = unavailable("its file has been written to");
    EXPECT_EQ(bed.infer().status().message(), "its file has been written to");
    EXPECT_FALSE(bed.host->ready());
    EXPECT_EQ(bed.host->trouble(), "its file has been written to");
    EXPECT_EQ(bed.host->counts().failed, 1u);
    EXPECT_EQ(bed.host->counts().in_flight, 0u);
    bed.refuses = {};
    EXPECT_EQ(*bed.infer(), 5);
    EXPECT_TRUE(bed.host->ready());
    EXPECT_EQ(bed.host->resting()->wakes().failed, 1u);
    EXPECT_EQ(bed.host->resting()->wakes().count, 1u);
}

// It falls asleep whenever it can while clients ask: no inference fails, or is answered by a model
// that has gone.
TEST(SleepingModel, FallingAsleepUnderLoadFailsNobody) {
    Bed bed;
    std::atomic<bool> stop{false};
    std::atomic<int> right{0};
    std::atomic<int> wrong{0};
    std::vector<std::thread> clients;
    for (int i = 0; i < 3; ++i) {
        clients.emplace_back([&] {
            while (!stop) {
                const Result<float> answer = bed.infer();
                ++(answer.ok() && *answer == 5 ? right : wrong);
            }
        });
    }
    int slept = 0;
    while (slept < 200 && wrong == 0) slept += bed.host->fall_asleep(0s);
    stop = true;
    for (std::thread& client : clients) client.join();
    EXPECT_EQ(wrong, 0);
    EXPECT_GT(right, 0);
    EXPECT_LE(bed.host->resting()->wakes().count, 200u);
}

}  // namespace
}  // namespace hf::serve::sleep
