#include "serve/gateway/balancer.h"

#include <set>

#include <gtest/gtest.h>

#include "testing/script.h"

namespace hf::serve::gateway {
namespace {

using namespace std::chrono_literals;

constexpr Instant kStart{1'000'000s};

// "n0" at http://127.0.0.1:9000, "n1" at :9001, ...
Replica replica(int number, std::string site = "", std::string jurisdiction = "") {
    Replica made;
    made.url = fmt::format("http://127.0.0.1:{}", 9000 + number);
    made.node = fmt::format("n{}", number);
    made.site = std::move(site);
    made.jurisdiction = std::move(jurisdiction);
    made.epoch = 1;
    made.ready = true;
    return made;
}

struct World {
    Balancer balancer;
    Rng rng{testing::seed()};
    Instant now = kStart;

    explicit World(std::vector<Replica> replicas, Residency residency = {}) {
        set({Route{"s", std::move(replicas), std::move(residency)}});
    }

    void set(std::vector<Route> routes) {
        const Status status = balancer.set_routes(std::move(routes));
        HF_CHECK(status.ok(), "{}", status.to_string());
    }

    Result<Choice> choose(Want want = {}) {
        if (want.service.empty()) want.service = "s";
        return balancer.choose(want, now, rng);
    }

    // One request to whichever is chosen, ended after `took`; the node that it went to.
    std::string ask(Ending ending = Ending::kAnswered, Duration took = 10ms, Want want = {}) {
        const Result<Choice> choice = choose(std::move(want));
        if (!choice.ok()) return std::string(code_name(choice.status().code()));
        now += took;
        balancer.report(*choice, {.ending = ending}, now);
        return choice->replica.node;
    }

    Balancer::ReplicaView of(const std::string& node) {
        for (const auto& service : balancer.view(now)) {
            for (const auto& view : service.replicas) {
                if (view.replica.node == node) return view;
            }
        }
        return {};
    }
};

std::string reason(const Result<Choice>& choice) {
    return choice.ok() ? choice->replica.node : choice.status().to_string();
}

TEST(Balancer, ReplicasOfASilentSiteComeLast) {
    World world({replica(0, "lyon"), replica(1, "lyon"), replica(2, "oslo"), replica(3)});
    Want want;
    want.site = "lyon";
    want.silent_sites = {"lyon"};
    for (int i = 0; i < 50; ++i) {
        const std::string node = world.ask(Ending::kAnswered, 10ms, want);
        EXPECT_TRUE(node == "n2" || node == "n3") << node;
    }
    // Where no other serves, they are asked all the same.
    world.set({{"s", {replica(0, "lyon"), replica(1, "lyon")}, {}}});
    EXPECT_NE(world.ask(Ending::kAnswered, 10ms, want).find('n'), std::string::npos);
}

TEST(Routes, WhereDataMayLie) {
    const Residency none;
    const Residency german{{"DE"}, {}};
    const Residency not_us{{}, {"US"}};
    const Residency contradictory{{"DE"}, {"DE"}};
    struct Case {
        const Residency& residency;
        std::string jurisdiction;
        std::string why;
    };
    const Case cases[] = {
        {none, "", ""},
        {none, "US", ""},
        {german, "DE", ""},
        {german, "FR", "jurisdiction 'FR' is not among those allowed (DE)"},
        {german, "", "its jurisdiction is unknown"},
        {german, "de", "jurisdiction 'de' is not among those allowed (DE)"},
        {not_us, "DE", ""},
        {not_us, "US", "jurisdiction 'US' is forbidden"},
        {not_us, "", "its jurisdiction is unknown"},
        {contradictory, "DE", "jurisdiction 'DE' is forbidden"},
    };
    for (const Case& c : cases) {
        EXPECT_EQ(why_forbidden(c.residency, c.jurisdiction), c.why) << c.jurisdiction;
    }
}

TEST(Routes, WhatCannotBeAskedIsLeftOutAndNamed) {
    struct Case {
        std::string url;
        std::string node;
        std::string problem;  // empty: sound
    };
    const Case cases[] = {
        {"https://10.0.0.1:8443", "a", ""},
        {"http://localhost:80", "a", ""},
        {"http://[::1]:80", "a", ""},
        {"", "a", "URL"},
        {"10.0.0.1:8443", "a", "URL"},
        {"ftp://10.0.0.1", "a", "http"},
        {"http://10.0.0.1:80", "a", "neither https nor on loopback"},
        {"http://localhost.evil.example", "a", "neither https nor on loopback"},
        {"https://10.0.0.1/v2/models", "a", "has a path"},
        {"https://user:secret@10.0.0.1", "a", "10.0.0.1"},
        {"https://10.0.0.1:99999", "a", "99999"},
        {"https://10.0.0.1", "a\r\nSet-Cookie: x", "control characters"},
        {"https://10.0.0.1", "\xFF", "UTF-8"},
        {"https://10.0.0.1", std::string(254, 'n'), "254 bytes"},
    };
    for (const Case& c : cases) {
        Replica hostile;
        hostile.url = c.url;
        hostile.node = c.node;
        hostile.ready = true;
        Balancer balancer;
        const Status status = balancer.set_routes({{"s", {replica(0), hostile}, {}}});
        EXPECT_EQ(status.ok(), c.problem.empty()) << c.url << " " << status.to_string();
        EXPECT_NE(status.message().find(c.problem), std::string::npos) << status.to_string();
        const auto view = balancer.view(kStart);
        EXPECT_EQ(view.at(0).replicas.size(), c.problem.empty() ? 2u : 1u) << c.url;
    }
}

TEST(Routes, NamesAndNumbersHaveBounds) {
    Balancer balancer;
    for (const char* name : {"", ".", "..", "a/b", "\xFF", "a\nb"}) {
        EXPECT_EQ(balancer.set_routes({{name, {}, {}}}).code(), Code::kInvalidArgument) << name;
    }
    EXPECT_TRUE(balancer.services().empty());
    const Status twice = balancer.set_routes({{"s", {replica(0)}, {}}, {"s", {replica(1)}, {}}});
    EXPECT_EQ(twice.message(), "left out of the routes: service 's' is in the table twice");
    std::vector<Route> many;
    for (std::size_t i = 0; i < kRoutesMax + 20; ++i)
        many.push_back({fmt::format("s{}", i), {}, {}});
    const Status status = balancer.set_routes(std::move(many));
    EXPECT_NE(status.message().find("more than 4096 services"), std::string::npos);
    EXPECT_LT(status.message().size(), 1000u) << "an error for people is short";
    EXPECT_EQ(balancer.services().size(), kRoutesMax);
    std::vector<Replica> replicas;
    for (std::size_t i = 0; i < kReplicasMax + 1; ++i)
        replicas.push_back(replica(static_cast<int>(i)));
    EXPECT_FALSE(balancer.set_routes({{"s", std::move(replicas), {}}}).ok());
    EXPECT_EQ(balancer.view(kStart)[0].replicas.size(), kReplicasMax);
}

TEST(Routes, OnlyTheHighestEpochOfANodeCounts) {
    Replica old = replica(0);
    Replica fresh = replica(0);
    fresh.url = "http://127.0.0.1:9100";
    fresh.epoch = 2;
    Replica again = fresh;
    again.node = "other";
    again.epoch = 1;
    World world({old, fresh, again, replica(1)});
    const auto view = world.balancer.view(world.now);
    ASSERT_EQ(view[0].replicas.size(), 2u) << "the old one is gone, and each URL is there once";
    EXPECT_EQ(world.of("n0").replica.url, fresh.url);
    // Also when the newest is not ready: what replaced the old one has stopped it.
    fresh.ready = false;
    world.set({{"s", {old, fresh}, {}}});
    EXPECT_EQ(reason(world.choose()),
              "UNAVAILABLE: service 's': no replica can be asked (n0: not ready)");
}

TEST(Balancer, RefusalsNameTheirReasons) {
    World world({replica(0, "a", "US"), replica(1, "b", "")}, {{"DE", "FR"}, {}});
    EXPECT_EQ(reason(world.choose()),
              "PERMISSION_DENIED: service 's': its residency allows none of its replicas (n0: "
              "jurisdiction 'US' is not among those allowed (DE, FR); n1: its jurisdiction is "
              "unknown)");
    EXPECT_EQ(reason(world.choose({.service = "x"})),
              "NOT_FOUND: service 'x' is not known here; these are: s");
    world.set({});
    EXPECT_EQ(reason(world.choose()), "NOT_FOUND: service 's' is not known here; no service is");
    world.set({{"s", {}, {}}});
    EXPECT_EQ(reason(world.choose()),
              "UNAVAILABLE: service 's': no replica can be asked (it has none; try again later)");
    // A forbidden replica is no way out, whatever became of those that are allowed.
    Replica down = replica(2, "c", "DE");
    down.ready = false;
    world.set({{"s", {replica(0, "a", "US"), down}, {{"DE"}, {}}}});
    EXPECT_EQ(world.choose().status().code(), Code::kUnavailable);
}

TEST(Balancer, ResidencyHoldsAlsoInPanicAndForTheOwnSite) {
    World world({replica(0, "here", "US"), replica(1, "there", "DE")}, {{"DE"}, {}});
    for (int i = 0; i < 100; ++i) {
        const Ending ending = i % 2 == 0 ? Ending::kUnreachable : Ending::kPressed;
        EXPECT_EQ(world.ask(ending, 1ms, {.service = "s", .site = "here"}), "n1");
    }
}

TEST(Balancer, TheFirstConnectErrorEjectsForATimeThatDoubles) {
    World world({replica(0), replica(1)});
    const auto n0 = [&] { return world.of("n0").health; };
    const Want only_n0{.service = "s", .exclude = {replica(1).url}};
    EXPECT_EQ(world.ask(Ending::kUnreachable, 1ms, only_n0), "n0");
    Duration time = kEjectionFirst;
    for (int round = 0; round < 10; ++round) {
        EXPECT_EQ(n0(), Health::kEjected);
        for (int i = 0; i < 20; ++i) EXPECT_EQ(world.ask(Ending::kAnswered, 0ms), "n1");
        world.now += time - 1ns;
        EXPECT_EQ(n0(), Health::kEjected) << round << ": " << format_duration(time);
        world.now += 1ns;
        EXPECT_EQ(n0(), Health::kDue) << round;
        // Exactly one probe, until it is known what became of it.
        const Result<Choice> probe = world.choose();
        ASSERT_TRUE(probe.ok() && probe->ticket.probe) << reason(probe);
        EXPECT_EQ(n0(), Health::kProbed);
        for (int i = 0; i < 20; ++i) EXPECT_EQ(world.ask(Ending::kAnswered, 0ms), "n1");
        world.balancer.report(*probe, {.ending = Ending::kUnreachable}, world.now);
        time = std::min(time * 2, kEjectionMax);
    }
    EXPECT_EQ(time, kEjectionMax);
    world.now += time;
    EXPECT_EQ(world.ask(), "n0");
    EXPECT_EQ(n0(), Health::kServing);
    // It flaps: the time goes on from where it was; after long enough it begins anew.
    EXPECT_EQ(world.ask(Ending::kUnreachable, 1ms, only_n0), "n0");
    world.now += kEjectionMax - 1ns;
    EXPECT_EQ(n0(), Health::kEjected);
    world.now += 1ns;
    EXPECT_EQ(world.ask(), "n0");
    world.now += kForgivenAfter;
    EXPECT_EQ(world.ask(Ending::kUnreachable, 0ms, only_n0), "n0");
    world.now += kEjectionFirst;
    EXPECT_EQ(n0(), Health::kDue);
}

TEST(Balancer, WhatWasUnderWayWhenAReplicaDiedIsNoNews) {
    World world({replica(0)});
    std::vector<Choice> under_way;
    for (int i = 0; i < 10; ++i) under_way.push_back(*world.choose());
    world.now += 1ms;
    for (const Choice& choice : under_way) {
        world.balancer.report(choice, {.ending = Ending::kUnreachable}, world.now);
        world.now += 10ms;
    }
    EXPECT_EQ(world.of("n0").in_flight, 0u);
    world.now += kEjectionFirst - 100ms;
    EXPECT_EQ(world.of("n0").health, Health::kDue) << "ejected once, not ten times";
    EXPECT_EQ(world.balancer.view(world.now)[0].ejections, 1u);
}

TEST(Balancer, AnOldAnswerDoesNotReviveAndAProbeThatWasNotSentDecidesNothing) {
    World world({replica(0), replica(1)});
    const Want only_n0{.service = "s", .exclude = {replica(1).url}};
    const Choice slow = *world.choose(only_n0);
    EXPECT_EQ(world.ask(Ending::kUnreachable, 1ms, only_n0), "n0");
    world.balancer.report(slow, {.ending = Ending::kAnswered}, world.now);
    EXPECT_EQ(world.of("n0").health, Health::kEjected);
    world.now += kEjectionFirst;
    EXPECT_EQ(world.ask(Ending::kNotSent), "n0");
    EXPECT_EQ(world.of("n0").health, Health::kDue);
    // A probe that another had to be asked besides is not answered.
    EXPECT_EQ(world.ask(Ending::kBeaten), "n0");
    EXPECT_EQ(world.of("n0").health, Health::kEjected);
}

TEST(Balancer, PanicTriesTheOneEjectedLongestAgoAndGoesRound) {
    World world({replica(0), replica(1), replica(2)});
    std::vector<std::string> order;
    for (int i = 0; i < 3; ++i) order.push_back(world.ask(Ending::kUnreachable, 1ms));
    EXPECT_EQ(std::set<std::string>(order.begin(), order.end()).size(), 3u);
    for (int i = 0; i < 9; ++i) {
        const Result<Choice> choice = world.choose();
        ASSERT_TRUE(choice.ok());
        EXPECT_TRUE(choice->ticket.panic);
        EXPECT_EQ(choice->replica.node, order[static_cast<std::size_t>(i) % 3]);
        world.now += 1ms;
        world.balancer.report(*choice, {.ending = Ending::kUnreachable}, world.now);
    }
    EXPECT_EQ(world.choose({.service = "s", .only_serving = true}).status().code(),
              Code::kUnavailable);
    EXPECT_EQ(world.ask(), order[0]);
    EXPECT_EQ(world.of(order[0]).health, Health::kServing) << "an answer in panic revives";
    for (int i = 0; i < 10; ++i) EXPECT_EQ(world.ask(), order[0]);
    // Tried often in panic, it is not out for longer.
    world.now += kEjectionFirst;
    EXPECT_EQ(world.of(order[1]).health, Health::kDue);
}

TEST(Balancer, PressureIsNotDeath) {
    World world({replica(0), replica(1)});
    const Want only_n0{.service = "s", .exclude = {replica(1).url}};
    const Choice choice = *world.choose(only_n0);
    world.balancer.report(choice, {.ending = Ending::kPressed, .retry_after = 3s}, world.now);
    EXPECT_EQ(world.of("n0").health, Health::kServing);
    for (int i = 0; i < 50; ++i) EXPECT_EQ(world.ask(Ending::kAnswered, 1ms), "n1");
    EXPECT_EQ(world.ask(Ending::kAnswered, 1ms, only_n0), "n0") << "when there is no other";
    world.now += 3s;
    int to_n0 = 0;
    for (int i = 0; i < 50; ++i) to_n0 += world.ask(Ending::kAnswered, 1ms) == "n0" ? 1 : 0;
    EXPECT_GT(to_n0, 0);
    // A replica cannot send itself on holiday.
    const Choice again = *world.choose(only_n0);
    world.balancer.report(again, {.ending = Ending::kPressed, .retry_after = 24h}, world.now);
    world.now += kPressureMax;
    to_n0 = 0;
    for (int i = 0; i < 50; ++i) to_n0 += world.ask(Ending::kAnswered, 1ms) == "n0" ? 1 : 0;
    EXPECT_GT(to_n0, 0);
}

TEST(Balancer, FailuresAndSilenceEjectWhenTheyRepeatAndOthersRemain) {
    for (const Ending ending : {Ending::kFailed, Ending::kSilent, Ending::kBeaten}) {
        SCOPED_TRACE(static_cast<int>(ending));
        World world({replica(0), replica(1), replica(2)});
        const Want only_n0{.service = "s", .exclude = {replica(1).url, replica(2).url}};
        const Want only_n1{.service = "s", .exclude = {replica(0).url, replica(2).url}};
        for (int i = 1; i < kFailuresMax; ++i) world.ask(ending, kUnansweredFor, only_n0);
        EXPECT_EQ(world.of("n0").health, Health::kServing);
        world.ask(Ending::kAnswered, 1ms, only_n0);
        for (int i = 1; i < kFailuresMax; ++i) world.ask(ending, kUnansweredFor, only_n0);
        EXPECT_EQ(world.of("n0").health, Health::kServing) << "an answer begins the count anew";
        world.ask(ending, 1ms, only_n0);
        EXPECT_EQ(world.of("n0").health, Health::kEjected);
        for (int i = 0; i < 50; ++i) world.ask(ending, 1ms, only_n1);
        EXPECT_EQ(world.of("n1").health, Health::kServing) << "half of them must remain";
        EXPECT_EQ(world.ask(Ending::kUnreachable, 1ms, only_n1), "n1");
        EXPECT_EQ(world.of("n1").health, Health::kEjected) << "what is certain counts";
    }
    // A queue is not silence: many unanswered within a moment.
    World world({replica(0), replica(1), replica(2)});
    const Want only_n0{.service = "s", .exclude = {replica(1).url, replica(2).url}};
    for (int i = 0; i < 90; ++i) world.ask(Ending::kBeaten, 10ms, only_n0);
    EXPECT_EQ(world.of("n0").health, Health::kServing);
    for (int i = 0; i < 20; ++i) world.ask(Ending::kBeaten, 10ms, only_n0);
    EXPECT_EQ(world.of("n0").health, Health::kEjected);
}

TEST(Balancer, TheOwnSiteComesFirstUntilItIsMuchSlower) {
    World world({replica(0, "here"), replica(1, "there")});
    const Want want{.service = "s", .site = "here"};
    for (int i = 0; i < 200; ++i) EXPECT_EQ(world.ask(Ending::kAnswered, 10ms, want), "n0");
    // The far one has not been asked, so it counts as the near one does: two more under way are
    // too many for the near one.
    const Choice one = *world.choose(want);
    const Choice two = *world.choose(want);
    EXPECT_EQ(one.replica.node + two.replica.node, "n0n0");
    EXPECT_EQ(world.ask(Ending::kAnswered, 15ms, want), "n1");
    world.balancer.report(one, {.ending = Ending::kAnswered}, world.now);
    world.balancer.report(two, {.ending = Ending::kAnswered}, world.now);
    for (int i = 0; i < 2000; ++i) EXPECT_EQ(world.ask(Ending::kAnswered, 15ms, want), "n0") << i;
    // It limps: one answer tells, and it gets its chance when the memory has faded.
    EXPECT_EQ(world.ask(Ending::kAnswered, 300ms, want), "n0");
    EXPECT_EQ(world.ask(Ending::kAnswered, 15ms, want), "n1");
    for (int i = 0; i < 40; ++i) {
        world.now += 1s;
        world.ask(Ending::kAnswered, 15ms, want);
    }
    EXPECT_EQ(world.ask(Ending::kAnswered, 15ms, want), "n0");
    // Dead: the other site takes over, and gives back.
    EXPECT_EQ(world.ask(Ending::kUnreachable, 1ms, want), "n0");
    EXPECT_EQ(world.ask(Ending::kAnswered, 15ms, want), "n1");
    world.now += kEjectionFirst;
    EXPECT_EQ(world.ask(Ending::kAnswered, 15ms, want), "n0");
    // A caller of no site has no preference.
    std::set<std::string> seen;
    for (int i = 0; i < 50; ++i) seen.insert(world.choose()->replica.node);
    EXPECT_EQ(seen.size(), 2u);
}

TEST(Balancer, ANewReplicaGetsOneRequestUntilItHasAnswered) {
    World world({replica(0), replica(1)});
    for (int i = 0; i < 100; ++i) world.ask();
    world.set({{"s", {replica(0), replica(1), replica(2)}, {}}});
    std::vector<Choice> under_way;
    for (int i = 0; i < 60; ++i) under_way.push_back(*world.choose());
    EXPECT_EQ(world.of("n2").in_flight, 1u);
}

TEST(Balancer, ANewTableKeepsWhatIsKnownOfThoseThatStay) {
    World world({replica(0), replica(1)});
    const Want only_n0{.service = "s", .exclude = {replica(1).url}};
    const Choice under_way = *world.choose(only_n0);
    world.ask(Ending::kUnreachable, 1ms, only_n0);
    world.set({{"s", {replica(2), replica(1), replica(0)}, {}}});
    EXPECT_EQ(world.of("n0").health, Health::kEjected);
    EXPECT_EQ(world.of("n0").in_flight, 1u);
    Replica restarted = replica(0);
    restarted.epoch = 2;
    world.set({{"s", {restarted, replica(1)}, {}}});
    EXPECT_EQ(world.of("n0").health, Health::kServing) << "another epoch is another replica";
    EXPECT_EQ(world.of("n0").in_flight, 0u);
    world.balancer.report(under_way, {.ending = Ending::kUnreachable}, world.now);
    EXPECT_EQ(world.of("n0").health, Health::kServing);
    // Gone and back while a request was under way: its end is not counted against the new one.
    const Choice old = *world.choose({.service = "s", .exclude = {replica(1).url}});
    world.set({{"s", {replica(1)}, {}}});
    world.set({{"s", {restarted, replica(1)}, {}}});
    world.balancer.report(old, {.ending = Ending::kUnreachable}, world.now);
    EXPECT_EQ(world.of("n0").health, Health::kServing);
    world.set({});
    world.balancer.report(old, {.ending = Ending::kAnswered}, world.now);
}

TEST(Balancer, AMachineThatIsGoneIsGoneForEveryService) {
    World world({replica(0), replica(1)});
    world.set({{"s", {replica(0), replica(1)}, {}}, {"t", {replica(0), replica(1)}, {}}});
    world.ask(Ending::kUnreachable, 1ms, {.service = "s", .exclude = {replica(1).url}});
    for (int i = 0; i < 20; ++i)
        EXPECT_EQ(world.ask(Ending::kAnswered, 0ms, {.service = "t"}), "n1");
    // Answers 500 are the service's own.
    world.set({{"s", {replica(2), replica(3), replica(4)}, {}}, {"t", {replica(2)}, {}}});
    const Want only_n2{.service = "s", .exclude = {replica(3).url, replica(4).url}};
    for (int i = 0; i < kFailuresMax; ++i) world.ask(Ending::kFailed, 0ms, only_n2);
    const auto view = world.balancer.view(world.now);
    EXPECT_EQ(view[0].replicas[0].health, Health::kEjected);
    EXPECT_EQ(view[1].replicas[0].health, Health::kServing);
    // So is silence.
    const Choice choice = *world.choose({.service = "s", .exclude = {replica(2).url}});
    world.set({{"s", {choice.replica}, {}}, {"t", {choice.replica}, {}}});
    world.balancer.report(choice, {.ending = Ending::kUnreachable, .machine = false}, world.now);
    EXPECT_EQ(world.balancer.view(world.now)[0].replicas[0].health, Health::kEjected);
    EXPECT_EQ(world.balancer.view(world.now)[1].replicas[0].health, Health::kServing);
}

TEST(RetryBudget, IsAFifthOfTheRequestsAndHedgesLeaveSome) {
    RetryBudget budget;
    EXPECT_FALSE(budget.spend_on_hedge()) << "what is there at first is for failures";
    for (int i = 0; i < kRetryTokensFirst; ++i) EXPECT_TRUE(budget.spend_on_retry());
    EXPECT_FALSE(budget.spend_on_retry());
    int spent = 0;
    for (int i = 0; i < 1000; ++i) {
        budget.earn();
        spent += budget.spend_on_retry() ? 1 : 0;
    }
    EXPECT_EQ(spent, 200);
    for (int i = 0; i < 100'000; ++i) budget.earn();
    EXPECT_EQ(budget.tokens(), kRetryTokensMax);
    int hedges = 0;
    while (budget.spend_on_hedge()) ++hedges;
    EXPECT_EQ(hedges, kRetryTokensMax - kHedgeReserve);
    EXPECT_TRUE(budget.spend_on_retry());
}

TEST(RecentLatencies, SayNothingUntilThereAreEnoughAndForgetTheOld) {
    RecentLatencies latencies;
    Instant now = kStart;
    for (std::size_t i = 1; i < kLatenciesNeeded; ++i) latencies.add(1ms, now);
    EXPECT_FALSE(latencies.p95(now));
    EXPECT_FALSE(latencies.fastest(now));
    for (int i = 1; i <= 100; ++i) latencies.add(i * 1ms, now);
    for (int i = 1; i <= 100; ++i) latencies.add(i * 10ms, now);
    // The last 128: 73 to 100 ms, and 10 to 1000 ms.
    EXPECT_EQ(latencies.fastest(now), 10ms);
    EXPECT_EQ(latencies.p95(now), 940ms);
    EXPECT_TRUE(latencies.p95(now + kLatencyAgeMax));
    EXPECT_FALSE(latencies.p95(now + kLatencyAgeMax + 1ns));
}

}  // namespace
}  // namespace hf::serve::gateway
