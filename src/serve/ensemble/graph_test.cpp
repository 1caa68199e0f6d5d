#include "serve/ensemble/graph.h"

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "base/json.h"
#include "serve/ensemble/adding_test.h"
#include "serve/ensemble/busy.h"
#include "serve/ensemble/helpers.h"

namespace hf::serve::ensemble {
namespace {

using namespace std::chrono_literals;
using Host = std::shared_ptr<ModelHost>;

struct Served {
    testing::ManualClock clock;
    Host small = adding("small", 1, clock);
    Host large = adding("large", 100, clock);
    std::map<std::string, Host> hosts{{"small", small}, {"large", large}};

    Host make(std::string_view text, const std::string& name = "both") {
        const Result<Declaration> declaration = Declaration::parse(text);
        HF_CHECK(declaration.ok(), "{}", declaration.status().to_string());
        const auto graph = Graph::make(*declaration, hosts);
        HF_CHECK(graph.ok(), "{}", graph.status().to_string());
        Host host = host_of(name, *graph, clock);
        hosts.insert_or_assign(name, host);
        return host;
    }

    // What comes of one request, once.
    static Result<Scheduler::Ran> ask(const Host& host, std::vector<float> x,
                                      const Composite::Places& places = {}) {
        const std::vector<Tensor> inputs{numbers(std::move(x))};
        std::optional<Result<Scheduler::Ran>> answer;
        Scheduler::Job job;
        job.host = host;
        job.inputs = inputs;
        job.done = [&answer](Result<Scheduler::Ran> ran) {
            EXPECT_FALSE(answer);
            answer.emplace(std::move(ran));
        };
        host->composite()->run(std::move(job), places);
        HF_CHECK(answer.has_value(), "nobody was told");
        return std::move(*answer);
    }
};

TEST(EnsembleGraph, AnswersAndCountsWithOnePlaceOrWithout) {
    Served served;
    const Host both = served.make(kCascade);
    Scheduler scheduler(served.clock, {.places = 1});
    for (Scheduler* const at : {static_cast<Scheduler*>(nullptr), &scheduler}) {
        const auto ran = Served::ask(both, {1, 7, 2}, {at});
        ASSERT_TRUE(ran.ok()) << ran.status().to_string();
        EXPECT_EQ(values_of(ran->outputs[0]), (std::vector<float>{101, 8, 102}));
        EXPECT_EQ(ran->batch, 3u);
        ASSERT_TRUE(ran->composed);
        EXPECT_EQ(ran->composed->summary, "small=3, large=2");
    }
    EXPECT_EQ(served.small->counts().succeeded, 2u);
    EXPECT_EQ(served.small->statistics().inferences, 6u);
    EXPECT_EQ(served.large->statistics().inferences, 4u);
    EXPECT_EQ(both->counts().succeeded, 2u);
    EXPECT_EQ(both->counts().in_flight, 0u);
    ASSERT_TRUE(Served::ask(both, {8}, {&scheduler}).ok());
    EXPECT_EQ(served.large->counts().succeeded, 2u);
}

TEST(EnsembleGraph, TellsWhoAnsweredWithTheirDigests) {
    Served served;
    const auto ran = Served::ask(served.make(kCascade), {1});
    const Result<json::Value> account = json::parse(ran->composed->account);
    ASSERT_TRUE(account.ok()) << ran->composed->account;
    ASSERT_EQ(account->get_array().size(), 2u);
    const json::Value& large = account->get_array()[1];
    EXPECT_EQ(json::get_int(large, "step"), 1);
    EXPECT_EQ(json::get_int(large, "rows"), 1);
    EXPECT_EQ(json::as_view(json::find_path(large, {"model", "digest"})->get_string()),
              "sha256:100");
    EXPECT_EQ(json::write_canonical(*account), ran->composed->account);
}

TEST(EnsembleGraph, AnEnsembleMayBeAMember) {
    Served served;
    served.make(kCascade, "inner");
    const Host outer = served.make(R"({"inputs": ["x"], "steps": [
        {"model": "inner", "inputs": {"x": "x"}, "outputs": {"y": "a"}},
        {"model": "small", "inputs": {"x": "a"}, "outputs": {"y": "b"}}],
        "outputs": {"y": "b"}})",
                                   "outer");
    Scheduler scheduler(served.clock, {.places = 1});
    for (Scheduler* const at : {static_cast<Scheduler*>(nullptr), &scheduler}) {
        const auto ran = Served::ask(outer, {1, 7}, {at});
        ASSERT_TRUE(ran.ok()) << ran.status().to_string();
        EXPECT_EQ(values_of(ran->outputs[0]), (std::vector<float>{102, 9}));
        EXPECT_NE(ran->composed->account.find("\"steps\":[{"), std::string::npos);
    }
    EXPECT_EQ(served.hosts.at("inner")->counts().succeeded, 2u);
    EXPECT_TRUE(outer->runs_together());
}

TEST(EnsembleGraph, WhatDoesNotFitIsTheCallersFault) {
    Served served;
    const Host both = served.make(kCascade);
    Scheduler::Job job;
    job.host = both;
    std::optional<Code> code;
    job.done = [&code](const Result<Scheduler::Ran>& ran) { code = ran.status().code(); };
    both->composite()->run(std::move(job), {});
    EXPECT_EQ(code, Code::kInvalidArgument);
    EXPECT_EQ(both->counts().refused, 1u);
}

TEST(EnsembleGraph, WhoHasGoneIsNotAskedOnFor) {
    Served served;
    const Host both = served.make(kCascade);
    Scheduler scheduler(served.clock, {.places = 1});
    const std::vector<Tensor> inputs{numbers({1})};
    std::atomic<int> looks{0};
    std::optional<Code> code;
    Scheduler::Job job;
    job.host = both;
    job.inputs = inputs;
    job.given_up = [&looks] { return ++looks > 1; };  // after the first step
    job.done = [&code](const Result<Scheduler::Ran>& ran) { code = ran.status().code(); };
    both->composite()->run(std::move(job), {&scheduler});
    EXPECT_EQ(code, Code::kCancelled);
    EXPECT_EQ(served.small->counts().succeeded, 1u);
    EXPECT_EQ(served.large->counts().succeeded, 0u);
    EXPECT_EQ(both->counts().failed, 0u);
}

TEST(EnsembleGraph, ADeadlineHoldsForEveryStep) {
    Served served;
    const Host both = served.make(kCascade);
    Scheduler scheduler(served.clock, {.places = 1});
    const std::vector<Tensor> inputs{numbers({1})};
    std::optional<Code> code;
    Scheduler::Job job;
    job.host = both;
    job.inputs = inputs;
    job.terms.start_by = served.clock.monotonic() - 1ms;
    job.done = [&code](const Result<Scheduler::Ran>& ran) { code = ran.status().code(); };
    both->composite()->run(std::move(job), {&scheduler});
    EXPECT_EQ(code, Code::kDeadlineExceeded);
    EXPECT_EQ(served.small->counts().succeeded, 0u);
}

// Requests of many threads, with helpers, over few places: each is answered, with its own rows.
TEST(EnsembleGraph, ManyAtATimeAreEachAnswered) {
    constexpr int kThreads = 6;
    constexpr int kRequests = 300;
    Served served;
    served.make(kCascade, "inner");
    const Host wide = served.make(R"({"inputs": ["x"], "steps": [
        {"model": "inner", "inputs": {"x": "x"}, "outputs": {"y": "a"}},
        {"model": "small", "inputs": {"x": "x"}, "outputs": {"y": "b"}},
        {"model": "large", "inputs": {"x": "x"}, "outputs": {"y": "c"}}],
        "outputs": {"a": "a", "b": "b", "c": "c"}})",
                                  "wide");
    Scheduler scheduler(served.clock, {.places = 2, .queued_max = 100'000});
    Helpers helpers(scheduler, 1);
    std::atomic<int> answered{0};
    std::atomic<int> wrong{0};
    std::vector<std::vector<Tensor>> inputs(kThreads * kRequests);
    std::vector<std::thread> threads;
    for (int thread = 0; thread < kThreads; ++thread) {
        threads.emplace_back([&, thread] {
            for (int i = thread * kRequests; i < (thread + 1) * kRequests; ++i) {
                const auto x = static_cast<float>(i % 9);
                inputs[static_cast<std::size_t>(i)] = {numbers({x})};
                Scheduler::Job job;
                job.host = wide;
                job.inputs = inputs[static_cast<std::size_t>(i)];
                job.done = [&, x](const Result<Scheduler::Ran>& ran) {
                    const bool right = ran.ok() &&
                                       values_of(ran->outputs[0])[0] == (x < 4 ? x + 100 : x + 1) &&
                                       values_of(ran->outputs[1])[0] == x + 1 &&
                                       values_of(ran->outputs[2])[0] == x + 100;
                    if (!right) ++wrong;
                    ++answered;
                };
                wide->composite()->run(std::move(job), {&scheduler, &helpers});
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    while (answered < kThreads * kRequests) std::this_thread::yield();
    EXPECT_EQ(wrong, 0);
    EXPECT_EQ(wide->counts().succeeded, static_cast<std::uint64_t>(kThreads * kRequests));
}

TEST(EnsembleGraph, TimesThatOverlapCountOnce) {
    const std::vector<Span> spans{{2ms, 3ms}, {0ms, 10ms}, {12ms, 15ms}, {14ms, 16ms}, {0ms, 0ms}};
    EXPECT_EQ(time_covered(spans), 14ms);
    EXPECT_EQ(time_covered({}), 0ms);
}

}  // namespace
}  // namespace hf::serve::ensemble
