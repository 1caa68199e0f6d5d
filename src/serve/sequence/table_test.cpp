#include "serve/sequence/table.h"

#include <map>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "testing/script.h"

namespace hf::serve::sequence {
namespace {

using std::chrono::seconds;

State state_of(float value) {
    Tensor tensor(DType::kF32, Shape{1});
    tensor.mutable_values<float>()[0] = value;
    return State{tensor};
}

float value_of(const State& state) {
    return state.empty() ? 0 : state.front().values<float>()[0];
}

class TableTest : public ::testing::Test {
protected:
    bool runs(const SequenceMark& mark) {
        const auto ticket = table_.admit(mark, now_);
        EXPECT_TRUE(ticket.ok()) << ticket.status().to_string();
        return ticket.ok() && !*ticket;
    }
    Ticket waits(const SequenceMark& mark) {
        const auto ticket = table_.admit(mark, now_);
        EXPECT_TRUE(ticket.ok() && *ticket);
        return ticket.ok() && *ticket ? **ticket : Ticket();
    }
    Code refused(const SequenceMark& mark) { return table_.admit(mark, now_).status().code(); }
    Table::After done(const SequenceMark& mark, float value) {
        State state = state_of(value);
        return table_.done(mark, &state, now_);
    }
    // A whole request.
    void step(const SequenceMark& mark, float value) {
        ASSERT_TRUE(runs(mark));
        done(mark, value);
    }

    Table table_{{.sequences_max = 3, .waiting_max = 2, .idle_max = seconds(10)}};
    Duration now_ = seconds(100);
};

TEST_F(TableTest, AStateGoesFromOneRequestToTheNext) {
    ASSERT_TRUE(runs({"a", true}));
    EXPECT_TRUE(table_.state("a").empty());
    done({"a", true}, 5);
    ASSERT_TRUE(runs({"a"}));
    EXPECT_EQ(value_of(table_.state("a")), 5);
    done({"a"}, 6);
    ASSERT_TRUE(runs({"a", false, true}));
    EXPECT_EQ(value_of(table_.state("a")), 6);
    done({"a", false, true}, 7);
    EXPECT_EQ(table_.size(), 0u);
    EXPECT_EQ(refused({"a"}), Code::kNotFound);
}

TEST_F(TableTest, AStartBeginsFromNothingAlsoWhereTheSequenceIs) {
    step({"a", true}, 5);
    ASSERT_TRUE(runs({"a", true}));
    EXPECT_TRUE(table_.state("a").empty());
}

TEST_F(TableTest, SequencesDoNotKnowOfEachOther) {
    ASSERT_TRUE(runs({"a", true}));
    ASSERT_TRUE(runs({"b", true}));
    done({"b", true}, 2);
    done({"a", true}, 1);
    ASSERT_TRUE(runs({"b"}));
    ASSERT_TRUE(runs({"a"}));
    EXPECT_EQ(value_of(table_.state("a")), 1);
    EXPECT_EQ(value_of(table_.state("b")), 2);
}

TEST_F(TableTest, WithinASequenceOneRunsAtATimeInOrder) {
    ASSERT_TRUE(runs({"a", true}));
    const Ticket first = waits({"a"});
    const Ticket second = waits({"a"});
    EXPECT_EQ(refused({"a"}), Code::kResourceExhausted);
    EXPECT_EQ(done({"a", true}, 1).next, first);
    EXPECT_EQ(value_of(table_.state("a")), 1);
    EXPECT_EQ(done({"a"}, 2).next, second);
    EXPECT_EQ(value_of(table_.state("a")), 2);
    EXPECT_FALSE(done({"a"}, 3).next);
    EXPECT_TRUE(runs({"a"}));
}

TEST_F(TableTest, WhoWaitedBehindTheEndIsToldSoUntilAnotherStart) {
    ASSERT_TRUE(runs({"a", true, true}));
    const Ticket late = waits({"a"});
    const Ticket anew = waits({"a", true});
    const Table::After after = done({"a", true, true}, 1);
    EXPECT_EQ(after.gone, std::vector<Ticket>{late});
    EXPECT_EQ(after.next, anew);
    EXPECT_TRUE(table_.state("a").empty());
}

TEST_F(TableTest, AFailureLeavesTheStateAndAFailedStartNothing) {
    step({"a", true}, 5);
    ASSERT_TRUE(runs({"a"}));
    table_.done({"a"}, nullptr, now_);
    ASSERT_TRUE(runs({"a"}));
    EXPECT_EQ(value_of(table_.state("a")), 5);
    table_.done({"a", false, true}, nullptr, now_);
    EXPECT_EQ(refused({"a"}), Code::kNotFound) << "its end failed, and is its end";
    ASSERT_TRUE(runs({"b", true}));
    table_.done({"b", true}, nullptr, now_);
    EXPECT_EQ(refused({"b"}), Code::kNotFound);
    EXPECT_EQ(table_.size(), 0u);
}

TEST_F(TableTest, WhatRestsForTooLongGoes) {
    step({"a", true}, 1);
    now_ += seconds(6);
    step({"b", true}, 2);
    ASSERT_TRUE(runs({"c", true}));
    now_ += seconds(4);
    step({"a"}, 3);
    now_ += seconds(7);
    EXPECT_EQ(refused({"b"}), Code::kNotFound);
    EXPECT_EQ(table_.size(), 2u) << "what runs does not rest";
    now_ += seconds(60);
    done({"c", true}, 4);
    ASSERT_TRUE(runs({"c"}));
    EXPECT_EQ(table_.size(), 1u);
}

TEST_F(TableTest, SoManySequencesAndNoMoreUntilOneEnds) {
    for (const char* id : {"a", "b", "c"}) step({id, true}, 1);
    EXPECT_EQ(refused({"d", true}), Code::kResourceExhausted);
    EXPECT_EQ(refused({"d"}), Code::kNotFound);
    step({"b", false, true}, 1);
    step({"d", true}, 1);
    now_ += seconds(11);
    for (const char* id : {"e", "f", "g"}) step({id, true}, 1);
}

// Against sums that a map keeps, with requests in random order: no state is ever another's, none is
// lost, and nobody waits for ever.
TEST_F(TableTest, KeepsEverySumWhateverTheOrder) {
    Rng rng(testing::seed());
    Table table({.sequences_max = 1000, .waiting_max = 1000, .idle_max = seconds(1000)});
    struct Job {
        SequenceMark mark;
        float x = 0;
    };
    std::map<Ticket, Job> waiting;
    std::vector<Job> running;
    std::map<std::string, float> sums;  // as the requests were admitted
    std::map<std::string, float> got;
    const auto finish = [&](std::size_t at) {
        const Job job = running[at];
        running.erase(running.begin() + static_cast<std::ptrdiff_t>(at));
        State next = state_of(value_of(table.state(job.mark.id)) + job.x);
        got[job.mark.id] = value_of(next);
        const Table::After after = table.done(job.mark, &next, now_);
        ASSERT_TRUE(after.gone.empty());
        if (after.next) running.push_back(waiting.extract(*after.next).mapped());
    };
    for (int i = 0; i < 3000; ++i) {
        const std::string id = std::to_string(rng.next() % 20);
        Job job{{id, !sums.contains(id)}, static_cast<float>(rng.next() % 100)};
        sums[id] += job.x;
        const auto ticket = table.admit(job.mark, now_);
        ASSERT_TRUE(ticket.ok()) << ticket.status().to_string();
        if (*ticket) {
            waiting.emplace(**ticket, job);
        } else {
            running.push_back(job);
        }
        for (const Job& one : running) {
            ASSERT_EQ(std::count_if(running.begin(), running.end(),
                                    [&](const Job& other) { return other.mark.id == one.mark.id; }),
                      1);
        }
        if (rng.next() % 2 == 0) finish(rng.next() % running.size());
    }
    while (!running.empty()) finish(0);
    EXPECT_TRUE(waiting.empty());
    EXPECT_EQ(got, sums);
}

}  // namespace
}  // namespace hf::serve::sequence
