#include "serve/gateway/call.h"

#include <set>

#include <gtest/gtest.h>

#include "serve/gateway/forwarding.h"
#include "testing/script.h"

namespace hf::serve::gateway {
namespace {

using namespace std::chrono_literals;

constexpr Instant kStart{1'000'000s};

// One call after the other through three replicas.
struct World {
    Balancer balancer;
    Rng rng{testing::seed()};
    Instant now = kStart;
    std::optional<Call> call;

    explicit World(int replicas = 3) {
        Route route{"s", {}, {}};
        for (int i = 0; i < replicas; ++i) {
            Replica replica;
            replica.url = fmt::format("http://127.0.0.1:{}", 9000 + i);
            replica.node = fmt::format("n{}", i);
            replica.epoch = 1;
            replica.ready = true;
            route.replicas.push_back(std::move(replica));
        }
        HF_CHECK(balancer.set_routes({route}).ok());
    }

    void begin(Duration timeout = 1s, std::string service = "s") {
        call.emplace(Call::Facts{std::move(service), "", now + timeout, true});
    }

    Call::Step next() { return call->next(balancer, now, rng); }

    void end(std::size_t attempt, Ending ending) {
        Call::Ended ended;
        ended.outcome.ending = ending;
        ended.answered = ending != Ending::kUnreachable && ending != Ending::kNotSent;
        if (!ended.answered) ended.error = unavailable("connection refused");
        call->ended(balancer, attempt, ended, now);
    }

    void stop(std::size_t attempt) {
        Call::Ended ended;
        ended.stopped = true;
        call->ended(balancer, attempt, ended, now);
    }

    // Requests that took 10 ms each, so that the 95th percentile is known.
    void warm_up(int requests = 100) {
        for (int i = 0; i < requests; ++i) {
            begin();
            ASSERT_TRUE(next().send);
            now += 10ms;
            end(0, Ending::kAnswered);
            EXPECT_EQ(next().answer, 0u);
        }
    }

    Balancer::ServiceView view() { return balancer.view(now).at(0); }
};

std::string ending(const Call::Step& step) {
    if (!step.done) return step.send ? "sends" : "waits";
    return step.answer ? fmt::format("answer {}", *step.answer) : step.failure.to_string();
}

TEST(Call, WhoWaitsNoLongerIsNotAskedFor) {
    World world;
    world.begin();
    world.call->give_up(world.now);
    EXPECT_EQ(ending(world.next()), "CANCELLED: service 's': who asked waits no longer");
    EXPECT_EQ(world.view().requests, 0u);
    world.begin();
    ASSERT_TRUE(world.next().send);
    world.call->give_up(world.now);
    EXPECT_EQ(ending(world.next()), "CANCELLED: service 's': who asked waits no longer");
    world.stop(0);
    for (const auto& replica : world.view().replicas) {
        EXPECT_EQ(replica.in_flight, 0u);
        EXPECT_EQ(replica.health, Health::kServing) << "it is not the replica's fault";
    }
    world.begin();
    ASSERT_TRUE(world.next().send);
    world.end(0, Ending::kAnswered);
    ASSERT_EQ(ending(world.next()), "answer 0");
    world.call->give_up(world.now);
    EXPECT_EQ(ending(world.next()), "answer 0") << "it is done already";
}

// A cable was cut: the first of a site's machines is waited for, the second is not.
TEST(Call, AfterSilenceAnotherSiteIsAsked) {
    for (const bool silent : {true, false}) {
        World world(0);
        Route route{"s", {}, {}};
        for (int i = 0; i < 40; ++i) {
            Replica replica;
            replica.url = fmt::format("http://127.0.0.1:{}", 9000 + i);
            replica.node = fmt::format("n{}", i);
            replica.site = i < 39 ? "lyon" : "oslo";
            replica.epoch = 1;
            replica.ready = true;
            route.replicas.push_back(std::move(replica));
        }
        ASSERT_TRUE(world.balancer.set_routes({route}).ok());
        world.call.emplace(Call::Facts{"s", "lyon", world.now + 60s, true});
        const Call::Step step = world.next();
        ASSERT_TRUE(step.send);
        ASSERT_EQ(step.send->choice.replica.site, "lyon");
        world.now += silent ? 1000ms : 1ms;
        world.end(0, Ending::kUnreachable);
        const Call::Step after = world.next();
        ASSERT_TRUE(after.send);
        EXPECT_EQ(after.send->choice.replica.site, silent ? "oslo" : "lyon");
    }
}

TEST(Call, WhatIsAskedAgainAndWhatIsNot) {
    struct Case {
        std::vector<Ending> endings;
        std::string outcome;
    };
    constexpr auto kA = Ending::kAnswered;
    constexpr auto kP = Ending::kPressed;
    constexpr auto kF = Ending::kFailed;
    constexpr auto kU = Ending::kUnreachable;
    const std::string none = "UNAVAILABLE: service 's': no replica could be reached (asked: ";
    const Case cases[] = {
        {{kA}, "answer 0"},         {{kF}, "answer 0"},         {{kP, kA}, "answer 1"},
        {{kP, kF}, "answer 1"},     {{kP, kP, kP}, "answer 2"}, {{kU, kA}, "answer 1"},
        {{kU, kU, kA}, "answer 2"}, {{kU, kP, kU}, "answer 1"}, {{kU, kU, kU}, none},
        {{Ending::kNotSent}, none},
    };
    for (const Case& c : cases) {
        World world;
        world.begin();
        std::set<std::string> asked;
        for (std::size_t i = 0; i < c.endings.size(); ++i) {
            const Call::Step step = world.next();
            ASSERT_TRUE(step.send) << c.outcome << ": " << ending(step);
            EXPECT_EQ(step.send->attempt, i);
            EXPECT_TRUE(asked.insert(step.send->choice.replica.url).second) << "asked twice";
            EXPECT_EQ(ending(world.next()), "waits");
            world.now += 1ms;
            world.end(i, c.endings[i]);
        }
        const std::string outcome = ending(world.next());
        EXPECT_EQ(outcome.substr(0, c.outcome.size()), c.outcome);
        EXPECT_EQ(ending(world.next()), outcome) << "asked again it says the same";
        for (const auto& replica : world.view().replicas) EXPECT_EQ(replica.in_flight, 0u);
    }
}

TEST(Call, AnUnusableAnswerEndsIt) {
    World world;
    world.begin();
    world.next();
    Call::Ended ended = judge(resource_exhausted("the answer's body exceeds the limit"), {});
    world.call->ended(world.balancer, 0, ended, world.now);
    EXPECT_EQ(ending(world.next()), "INTERNAL: the answer's body exceeds the limit");
}

TEST(Call, RefusalsOfTheBalancerAreItsEnd) {
    World world;
    world.begin(1s, "x");
    EXPECT_EQ(ending(world.next()), "NOT_FOUND: service 'x' is not known here; these are: s");
}

TEST(Call, NothingIsSentThatCannotAnswerInTime) {
    World world;
    world.begin(0ms);
    EXPECT_EQ(ending(world.next()), "DEADLINE_EXCEEDED: service 's': no time is left to ask it");
    world.begin(kTimeLeftMin);
    EXPECT_EQ(ending(world.next()), "sends");
    world.end(0, Ending::kNotSent);
    world.warm_up();
    world.begin(9ms);
    EXPECT_EQ(ending(world.next()),
              "DEADLINE_EXCEEDED: service 's': 9.0 ms are left, and the fastest of its recent "
              "answers took 10.0 ms; allow more time");
    EXPECT_EQ(world.view().replicas[0].in_flight, 0u);
    world.begin(10ms);
    EXPECT_EQ(ending(world.next()), "sends");
    world.end(0, Ending::kNotSent);
    // A retry that would come too late is not sent either.
    world.begin(15ms);
    world.next();
    world.now += 6ms;
    world.end(0, Ending::kUnreachable);
    EXPECT_EQ(ending(world.next()).substr(0, 11), "UNAVAILABLE");
    // Nobody is refused for what was long ago.
    world.now += kLatencyAgeMax + 1s;
    world.begin(5ms);
    EXPECT_EQ(ending(world.next()), "sends");
}

TEST(Call, TheDeadlineEndsItAndSilenceIsRemembered) {
    World world(1);
    world.warm_up();
    world.begin(1s);
    ASSERT_TRUE(world.next().send);
    world.now += 1s;
    EXPECT_EQ(ending(world.next()),
              "DEADLINE_EXCEEDED: service 's' did not answer in its time; asked: n0");
    world.now += 100ms;  // until it was stopped
    world.stop(0);
    EXPECT_EQ(world.view().replicas[0].in_flight, 0u);
    EXPECT_GT(world.view().replicas[0].latency, 900ms);
    EXPECT_LE(world.view().replicas[0].latency, 1s);
}

TEST(Call, AHedgeGoesOutAfterThe95thPercentileAndTheFirstAnswerWins) {
    for (const bool hedge_wins : {false, true}) {
        World world;
        world.warm_up();
        world.begin();
        const Call::Step first = world.next();
        const Call::Step wait = world.next();
        EXPECT_EQ(wait.wake, world.now + 10ms);
        world.now += 10ms;
        const Call::Step second = world.next();
        ASSERT_TRUE(second.send);
        EXPECT_TRUE(second.send->hedge);
        EXPECT_NE(second.send->choice.replica.url, first.send->choice.replica.url);
        EXPECT_EQ(world.next().wake, world.now + 990ms) << "one hedge a request";
        world.now += 5ms;
        world.end(hedge_wins ? 1 : 0, Ending::kAnswered);
        EXPECT_EQ(ending(world.next()), hedge_wins ? "answer 1" : "answer 0");
        world.now += 100ms;  // the time that stopping took is not the replica's
        world.stop(hedge_wins ? 0 : 1);
        for (const auto& replica : world.view().replicas) {
            EXPECT_EQ(replica.in_flight, 0u);
            EXPECT_LE(replica.latency, 15ms);
        }
        EXPECT_EQ(world.view().hedges, 1u);
    }
}

TEST(Call, WithoutKnownLatenciesAHedgeGoesOutAfterHalfTheTime) {
    World world;
    world.begin(1s);
    world.next();
    EXPECT_EQ(world.next().wake, world.now + 500ms);
    world.now += 500ms;
    EXPECT_EQ(ending(world.next()), "waits") << "at first the budget is for failures";
    world.end(0, Ending::kAnswered);
    world.warm_up();
    world.now += kLatencyAgeMax + 1s;
    world.begin(1s);
    world.next();
    world.now += 500ms;
    EXPECT_TRUE(world.next().send);
}

TEST(Call, AHedgeThatCouldNotBeSentOrFailedDoesNotHurt) {
    World world;
    world.warm_up();
    world.begin();
    world.next();
    world.now += 10ms;
    ASSERT_TRUE(world.next().send);
    world.end(1, Ending::kNotSent);
    EXPECT_EQ(ending(world.next()), "waits");
    world.end(0, Ending::kUnreachable);
    ASSERT_TRUE(world.next().send) << "and the first may still be asked again";
    world.end(2, Ending::kAnswered);
    EXPECT_EQ(ending(world.next()), "answer 2");
    world.begin();
    world.next();
    world.now += 10ms;
    ASSERT_TRUE(world.next().send);
    world.end(0, Ending::kUnreachable);
    EXPECT_EQ(ending(world.next()), "waits") << "the hedge is under way";
    world.end(1, Ending::kAnswered);
    EXPECT_EQ(ending(world.next()), "answer 1");
}

TEST(Call, RetriesAreBoundedByTheBudgetButAProbesIsFree) {
    World world(2);
    int retried = 0;
    for (int i = 0; i < 100; ++i) {
        world.begin();
        world.next();
        world.end(0, Ending::kPressed);
        if (!world.next().send) continue;
        ++retried;
        world.end(1, Ending::kPressed);
    }
    EXPECT_EQ(retried, 100 / 5 + kRetryTokensFirst);
    // No token is left; a probe's request is answered all the same.
    while (world.balancer.spend_on_retry("s")) {
    }
    world.now += kPressureMax;
    world.begin();
    ASSERT_TRUE(world.next().send);
    world.end(0, Ending::kUnreachable);
    EXPECT_EQ(ending(world.next()).substr(0, 11), "UNAVAILABLE");
    world.now += kEjectionFirst;
    world.begin();
    const Call::Step probe = world.next();
    ASSERT_TRUE(probe.send && probe.send->choice.ticket.probe);
    world.end(0, Ending::kUnreachable);
    ASSERT_TRUE(world.next().send);
    world.end(1, Ending::kAnswered);
    EXPECT_EQ(ending(world.next()), "answer 1");
}

TEST(Call, PatienceIsForTheLastThereIs) {
    World one(1);
    one.begin();
    EXPECT_TRUE(one.next().send->patient);
    World two(2);
    two.begin();
    EXPECT_FALSE(two.next().send->patient);
    two.end(0, Ending::kUnreachable);
    EXPECT_TRUE(two.next().send->patient);
    two.end(1, Ending::kUnreachable);
    EXPECT_TRUE(two.next().done);
    two.begin();
    EXPECT_TRUE(two.next().send->patient) << "in panic";
}

TEST(Call, AttemptsHaveABound) {
    World world(20);
    world.begin();
    std::size_t attempts = 0;
    for (; world.next().send; ++attempts) world.end(attempts, Ending::kUnreachable);
    EXPECT_EQ(attempts, kAttemptsMax);
}

TEST(Forwarding, TimeOutsAndHops) {
    struct Case {
        std::string value;
        std::optional<Duration> timeout;  // nullopt: refused
    };
    const Case cases[] = {
        {"250", 250ms},
        {" 1 ", 1ms},
        {"0", 0ms},
        {"999999999999", kTimeoutMax},
        {"-1", std::nullopt},
        {"", std::nullopt},
        {"1.5", std::nullopt},
        {"1s", std::nullopt},
        {"99999999999999999999", std::nullopt},
        {std::string(10'000, '9'), std::nullopt},
    };
    for (const Case& c : cases) {
        http::Headers headers;
        headers.set(kTimeoutHeader, c.value);
        const Result<Duration> timeout = timeout_of(headers, 5s);
        ASSERT_EQ(timeout.ok(), c.timeout.has_value()) << c.value.substr(0, 40);
        if (timeout.ok()) {
            EXPECT_EQ(*timeout, *c.timeout) << c.value;
        } else {
            EXPECT_EQ(timeout.status().code(), Code::kInvalidArgument);
            EXPECT_LT(timeout.status().message().size(), 150u);
        }
    }
    EXPECT_EQ(*timeout_of({}, 5s), 5s);
    const auto hops = [](std::string value) {
        http::Headers headers;
        headers.set(kHopsHeader, std::move(value));
        return hops_of(headers).status().code();
    };
    EXPECT_EQ(hops("0"), Code::kOk);
    EXPECT_EQ(hops("3"), Code::kOk);
    EXPECT_EQ(hops("4"), Code::kFailedPrecondition);
    EXPECT_EQ(hops("-1"), Code::kInvalidArgument);
    EXPECT_EQ(hops("x"), Code::kInvalidArgument);
}

}  // namespace
}  // namespace hf::serve::gateway
