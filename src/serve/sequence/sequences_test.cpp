// Sequences over REST, and by themselves where order matters.

#include "serve/sequence/sequences.h"

#include <gtest/gtest.h>

#include "http/server.h"
#include "serve/oip.h"
#include "serve/sequence/accumulator_test.h"
#include "testing/manual_clock.h"

namespace hf::serve::sequence {
namespace {

std::shared_ptr<const StatefulModel> accumulator() {
    return StatefulModel::make(kAccumulates, std::make_shared<const Accumulator>()).value();
}

class SequencesOverRest : public ::testing::TestWithParam<bool> {
protected:
    SequencesOverRest() {
        put();
        OipExtras extras;
        if (GetParam()) extras.scheduler = &scheduler_;
        add_oip_routes(router_, models_, extras);
    }

    void put() {
        const auto model = accumulator();
        host_ = std::make_shared<ModelHost>(ModelHost::Identity{.name = "m"}, model, clock_);
        host_->set_sequences(std::make_shared<Sequences>(model, clock_));
        EXPECT_TRUE(models_.activate(host_).ok());
    }

    std::string ask(std::string method, std::string target, std::string_view body = {}) {
        http::Request request;
        request.method = std::move(method);
        request.target = std::move(target);
        request.body = to_bytes(body);
        const http::Response response = http::dispatch(router_, std::move(request));
        return fmt::format("{} {}", response.status, as_text(response.body));
    }

    // The sum, or the status where that is no 200.
    std::string add(std::string_view x, std::string_view parameters) {
        const std::string answer =
            ask("POST", "/v2/models/m/infer",
                fmt::format(R"({{"parameters":{{{}}},"inputs":[{{"name":"x","datatype":"FP32",)"
                            R"("shape":[1],"data":[{}]}}]}})",
                            parameters, x));
        if (!answer.starts_with("200 ")) return answer.substr(0, 3);
        const std::size_t data = answer.find("\"data\":[") + 8;
        return answer.substr(data, answer.find(']', data) - data);
    }

    testing::ManualClock clock_;
    Scheduler scheduler_{clock_, {}};
    Models models_;
    std::shared_ptr<ModelHost> host_;
    http::Router router_;
};

TEST_P(SequencesOverRest, EachKeepsItsOwnSum) {
    EXPECT_EQ(add("1", R"("sequence_id":7,"sequence_start":true)"), "1.0");
    EXPECT_EQ(add("10", R"("sequence_id":"eight","sequence_start":true)"), "10.0");
    EXPECT_EQ(add("2", R"("sequence_id":7)"), "3.0");
    EXPECT_EQ(add("20", R"("sequence_id":"eight")"), "30.0");
    EXPECT_EQ(add("3", R"("sequence_id":7,"sequence_end":true)"), "6.0");
    EXPECT_EQ(add("3", R"("sequence_id":7)"), "404") << "it has ended";
    EXPECT_EQ(add("5", R"("sequence_id":"eight","sequence_start":true)"), "5.0") << "from nothing";
    EXPECT_EQ(add("5", R"("sequence_id":9,"sequence_start":true,"sequence_end":true)"), "5.0");
}

TEST_P(SequencesOverRest, ARequestOfNoSequenceIsRefused) {
    for (const char* parameters :
         {"", R"("sequence_id":0)", R"("sequence_id":"")", R"("sequence_start":true)",
          R"("sequence_end":true)", R"("sequence_id":-1)", R"("sequence_id":1.5)",
          R"("sequence_id":[7])", R"("sequence_id":7,"sequence_start":1)"}) {
        EXPECT_EQ(add("1", parameters), "400") << parameters;
    }
    EXPECT_EQ(add("1", R"("sequence_id":7)"), "404") << "not started";
    EXPECT_EQ(
        add("1", fmt::format(R"("sequence_id":"{}","sequence_start":true)", std::string(257, 'i'))),
        "400");
    EXPECT_EQ(host_->sequences()->size(), 0u);
}

TEST_P(SequencesOverRest, AnInferenceThatFailsLeavesTheSum) {
    EXPECT_EQ(add("1", R"("sequence_id":7,"sequence_start":true)"), "1.0");
    EXPECT_EQ(add("-1", R"("sequence_id":7)"), "500");
    EXPECT_EQ(add("2", R"("sequence_id":7)"), "3.0");
    EXPECT_EQ(add("-1", R"("sequence_id":8,"sequence_start":true)"), "500");
    EXPECT_EQ(add("1", R"("sequence_id":8)"), "404");
}

TEST_P(SequencesOverRest, BoundsAndTimeAreKept) {
    for (const char* id : {"1", "2", "3"}) {
        EXPECT_EQ(add("1", fmt::format(R"("sequence_id":{},"sequence_start":true)", id)), "1.0");
    }
    EXPECT_EQ(add("1", R"("sequence_id":4,"sequence_start":true)"), "429");
    clock_.advance(std::chrono::seconds(11));
    EXPECT_EQ(add("1", R"("sequence_id":1)"), "404");
    EXPECT_EQ(add("1", R"("sequence_id":4,"sequence_start":true)"), "1.0");
}

TEST_P(SequencesOverRest, ANewVersionKnowsNothingOfTheOldOnes) {
    EXPECT_EQ(add("1", R"("sequence_id":7,"sequence_start":true)"), "1.0");
    put();
    EXPECT_EQ(add("1", R"("sequence_id":7)"), "404");
}

TEST_P(SequencesOverRest, TheServerSaysThatItHasThem) {
    EXPECT_NE(ask("GET", "/v2").find(R"x("sequence","sequence(string_id)")x"), std::string::npos);
    EXPECT_EQ(add("1", R"("sequence_id":7,"sequence_start":true)"), "1.0");
    EXPECT_NE(ask("GET", "/metrics").find("holdfast_sequences{model=\"m\",version=\"1\"} 1\n"),
              std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(WithAndWithoutAScheduler, SequencesOverRest, ::testing::Bool());

// Whether it need not wait; then it has the turn.
bool runs_now(Sequences& sequences, const SequenceMark& mark, const std::vector<Tensor>& inputs) {
    bool runs = false;
    sequences.enter(mark, inputs,
                    [&runs](const Result<Sequences::Inputs>& turn) { runs = turn.ok(); });
    return runs;
}

TEST(Sequences, WhoWaitsRunsInOrderHoweverMany) {
    testing::ManualClock clock;
    Sequences sequences(accumulator(), clock);
    const std::vector<Tensor> x{Tensor(DType::kF32, Shape{1})};
    std::vector<int> order;
    std::size_t gone = 0;
    const SequenceMark start{"a", true};
    ASSERT_TRUE(runs_now(sequences, start, x));
    constexpr int kWaiting = 64;
    for (int i = 0; i < kWaiting; ++i) {
        sequences.enter({"a"}, x, [&, i](const Result<Sequences::Inputs>& inputs) {
            if (!inputs.ok()) {
                gone += inputs.status().code() == Code::kNotFound;
                return;
            }
            EXPECT_EQ(inputs->size(), 2u);
            order.push_back(i);
            State next{Tensor(DType::kF32, Shape{1})};
            const SequenceMark mark{"a", false, i == kWaiting / 2};
            sequences.leave(mark, &next);
        });
    }
    EXPECT_TRUE(order.empty());
    std::size_t told = 0;
    sequences.enter({"a"}, x, [&](const Result<Sequences::Inputs>& inputs) {
        told += inputs.status().code() == Code::kResourceExhausted;
    });
    EXPECT_EQ(told, 1u) << "too many wait";
    State next{Tensor(DType::kF32, Shape{1})};
    sequences.leave(start, &next);
    ASSERT_EQ(order.size(), kWaiting / 2 + 1) << "what waited behind the end has no turn";
    for (int i = 0; i <= kWaiting / 2; ++i) EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
    EXPECT_EQ(gone, static_cast<std::size_t>(kWaiting - kWaiting / 2 - 1));
    EXPECT_EQ(sequences.size(), 0u);
}

// One that waits asks for more while it runs, for ever as it were: the stack does not grow.
TEST(Sequences, ALongSequenceTakesNoMoreOfTheStack) {
    testing::ManualClock clock;
    Sequences sequences(accumulator(), clock);
    const std::vector<Tensor> x{Tensor(DType::kF32, Shape{1})};
    std::ptrdiff_t deepest = 0;
    const char here = 0;
    int left = 10'000;
    std::function<void(Result<Sequences::Inputs>)> turn =
        [&](const Result<Sequences::Inputs>& inputs) {
            ASSERT_TRUE(inputs.ok());
            const char there = 0;
            deepest = std::max(deepest, std::abs(&here - &there));
            if (--left > 0) sequences.enter({"a"}, x, turn);
            State next{Tensor(DType::kF32, Shape{1})};
            sequences.leave({"a"}, &next);
        };
    const SequenceMark start{"a", true};
    ASSERT_TRUE(runs_now(sequences, start, x));
    sequences.enter({"a"}, x, turn);
    State next{Tensor(DType::kF32, Shape{1})};
    sequences.leave(start, &next);
    EXPECT_EQ(left, 0);
    EXPECT_LT(deepest, 64 << 10);
}

}  // namespace
}  // namespace hf::serve::sequence
