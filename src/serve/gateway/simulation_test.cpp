// A service of simulated replicas, each with a queue of its own, under a stream of simulated
// requests: Call and Balancer as the gateway runs them, with time, network and faults from a seed.

#include <functional>
#include <map>
#include <queue>
#include <set>

#include <gtest/gtest.h>

#include "base/text.h"
#include "serve/gateway/call.h"
#include "testing/script.h"

namespace hf::serve::gateway {
namespace {

using namespace std::chrono_literals;

constexpr Instant kStart{1'000'000s};

enum class Mode { kAlive, kRefuses, kDrops, kPresses };  // kDrops: connecting times out

struct Machine {
    Duration work{};  // of one request; one at a time
    double limp = 1.0;
    Duration queue_max = 1h;  // of work; it says 503 beyond
    Mode mode = Mode::kAlive;
    Instant free_at = kStart;
    std::uint64_t sent = 0;
    std::uint64_t answered = 0;

    // What the simulated gateway knows for sure: when a request there was seen to fail.
    std::optional<Instant> failed_at;
};

class Simulation {
public:
    Simulation(std::vector<Duration> work, std::uint64_t seed) : rng_(seed) {
        Route route{"s", {}, {}};
        for (std::size_t i = 0; i < work.size(); ++i) {
            machines.emplace_back();
            machines.back().work = work[i];
            Replica replica;
            replica.url = fmt::format("http://127.0.0.1:{}", 9000 + i);
            replica.node = fmt::format("n{}", i);
            replica.epoch = 1;
            replica.ready = true;
            route.replicas.push_back(std::move(replica));
        }
        HF_CHECK(balancer.set_routes({route}).ok());
    }

    void at(Duration when, std::function<void()> what) { plan(kStart + when, std::move(what)); }

    // Requests come from `from` to `to`, one every `every` on the average.
    void load(Duration from, Duration to, Duration every) {
        for (Duration when = from; when < to;) {
            at(when, [this] { arrive(); });
            when += Duration(static_cast<Duration::rep>(
                rng_.below(static_cast<std::uint64_t>(2 * every.count()))));
        }
    }

    void run() {
        while (!events_.empty()) {
            const Event event = events_.top();
            events_.pop();
            now = event.at;
            event.what();
        }
    }

    std::vector<Machine> machines;
    Balancer balancer;
    Instant now = kStart;
    Duration timeout = 10s;
    std::uint64_t requests = 0;
    std::uint64_t good = 0;
    std::uint64_t pressed = 0;
    std::map<Code, std::uint64_t> failed;
    std::uint64_t sends = 0;
    std::uint64_t probes = 0;
    std::uint64_t panics = 0;
    std::uint64_t hedges = 0;
    std::uint64_t sent_to_ejected = 0;
    std::vector<Duration> latencies;

private:
    struct Event {
        Instant at;
        std::uint64_t number;
        std::function<void()> what;
        bool operator<(const Event& other) const {
            return std::pair(other.at, other.number) < std::pair(at, number);
        }
    };
    struct Request {
        explicit Request(Call::Facts facts) : call(std::move(facts)) {}
        Call call;
        Instant came{};
        bool done = false;
        std::set<std::size_t> under_way;
    };

    void plan(Instant when, std::function<void()> what) {
        events_.push({when, ++planned_, std::move(what)});
    }

    void arrive() {
        ++requests;
        const auto request = std::make_shared<Request>(Call::Facts{"s", "", now + timeout, true});
        request->came = now;
        advance(request);
    }

    void advance(const std::shared_ptr<Request>& request) {
        while (!request->done) {
            const Call::Step step = request->call.next(balancer, now, rng_);
            if (step.send) {
                send(request, *step.send);
            } else if (step.done) {
                finish(*request, step);
            } else {
                plan(step.wake, [this, request] { advance(request); });
                return;
            }
        }
    }

    void finish(Request& request, const Call::Step& step) {
        request.done = true;
        if (step.answer) {
            latencies.push_back(now - request.came);
            ++good;
        } else {
            ++failed[step.failure.code()];
        }
        for (const std::size_t attempt : request.under_way) {
            Call::Ended ended;
            ended.stopped = true;
            request.call.ended(balancer, attempt, ended, now);
        }
        request.under_way.clear();
    }

    void send(const std::shared_ptr<Request>& request, const Call::Send& send) {
        const auto index = static_cast<std::size_t>(parse_port(send.choice.replica.url) - 9000);
        Machine& machine = machines.at(index);
        ++sends;
        ++machine.sent;
        hedges += send.hedge ? 1 : 0;
        probes += send.choice.ticket.probe ? 1 : 0;
        panics += send.choice.ticket.panic ? 1 : 0;
        const bool exempt = send.choice.ticket.probe || send.choice.ticket.panic;
        if (machine.failed_at && now < *machine.failed_at + kEjectionFirst && !exempt) {
            ++sent_to_ejected;
        }
        Call::Ended ended;
        ended.answered = true;
        Instant end = now + 200us;
        switch (machine.mode) {
            case Mode::kAlive: {
                if (machine.free_at - now > machine.queue_max) {
                    ended.outcome = {.ending = Ending::kPressed, .retry_after = 1s};
                    break;
                }
                const double jitter = 0.8 + 0.4 * rng_.uniform();
                const auto work =
                    std::chrono::duration_cast<Duration>(machine.work * machine.limp * jitter);
                machine.free_at = std::max(machine.free_at, now) + work;
                end = machine.free_at + 200us;
                break;
            }
            case Mode::kPresses:
                ended.outcome = {.ending = Ending::kPressed, .retry_after = 1s};
                break;
            case Mode::kRefuses:
            case Mode::kDrops:
                if (machine.mode == Mode::kDrops) end = now + 300ms;
                ended.answered = false;
                ended.outcome.ending = Ending::kUnreachable;
                ended.error = unavailable("gone");
        }
        request->under_way.insert(send.attempt);
        plan(end, [this, request, index, attempt = send.attempt, ended] {
            if (!request->under_way.erase(attempt)) return;  // stopped meanwhile
            Machine& of = machines.at(index);
            if (ended.outcome.ending == Ending::kUnreachable) of.failed_at = now;
            if (ended.answered) {
                ++of.answered;
                of.failed_at.reset();
            }
            request->call.ended(balancer, attempt, ended, now);
            advance(request);
        });
    }

    static std::int64_t parse_port(const std::string& url) {
        return *parse_int(std::string_view(url).substr(url.rfind(':') + 1));
    }

    Rng rng_;
    std::priority_queue<Event> events_;
    std::uint64_t planned_ = 0;
};

std::vector<std::uint64_t> seeds() {
    std::vector<std::uint64_t> seeds;
    for (std::uint64_t i = 0; i < 10; ++i) seeds.push_back(testing::seed() + i);
    return seeds;
}

// At most a fifth of the requests is sent a second time, but for what there was at the beginning
// and what followed a probe.
void expect_budget_holds(const Simulation& simulation) {
    const std::uint64_t more = simulation.sends - simulation.requests;
    EXPECT_LE(more, simulation.requests / 5 + kRetryTokensFirst + simulation.probes);
}

TEST(GatewaySimulation, LoadFollowsSpeed) {
    for (const std::uint64_t seed : seeds()) {
        Simulation simulation({2ms, 4ms, 8ms}, seed);
        simulation.load(0s, 20s, 2ms);  // of 1.14 ms that they manage together
        simulation.run();
        SCOPED_TRACE(seed);
        EXPECT_EQ(simulation.good, simulation.requests);
        const auto share = [&](std::size_t i) {
            return static_cast<double>(simulation.machines[i].sent) /
                   static_cast<double>(simulation.sends);
        };
        // Of the speed: 4/7, 2/7, 1/7.
        EXPECT_GT(share(0), 1.4 * share(1));
        EXPECT_GT(share(1), 1.4 * share(2));
        EXPECT_GT(share(2), 0.01) << "a slow one is used, too";
        EXPECT_EQ(simulation.sent_to_ejected, 0u);
        expect_budget_holds(simulation);
    }
}

TEST(GatewaySimulation, AReplicaDiesAndComesBack) {
    for (const Mode death : {Mode::kRefuses, Mode::kDrops}) {
        for (const std::uint64_t seed : seeds()) {
            Simulation simulation({4ms, 4ms, 4ms, 4ms}, seed);
            simulation.load(0s, 30s, 3ms);
            std::uint64_t before = 0;
            simulation.at(5s, [&] {
                simulation.machines[1].mode = death;
                before = simulation.machines[1].sent;
            });
            std::uint64_t at_return = 0;
            simulation.at(15s, [&] {
                simulation.machines[1].mode = Mode::kAlive;
                at_return = simulation.machines[1].sent;
            });
            simulation.run();
            SCOPED_TRACE(fmt::format("seed {}, death {}", seed, static_cast<int>(death)));
            EXPECT_EQ(simulation.good, simulation.requests) << "no request fails";
            EXPECT_EQ(simulation.sent_to_ejected, 0u);
            EXPECT_EQ(simulation.panics, 0u);
            // Until the first failure is seen, requests still go there: with connections refused
            // one, with 300 ms to time out those of that time. After that, probes only: at 0.5,
            // 1.5, 3.5 and 7.5 s.
            const std::uint64_t lost = at_return - before;
            EXPECT_LE(lost, death == Mode::kRefuses ? 2 + 4u : 60 + 4u);
            EXPECT_GT(simulation.machines[1].sent, at_return + 200) << "it is used again";
            expect_budget_holds(simulation);
            const Duration slowest =
                *std::max_element(simulation.latencies.begin(), simulation.latencies.end());
            EXPECT_LE(slowest, 500ms);
        }
    }
}

TEST(GatewaySimulation, ALimpingReplicaIsAvoidedAndHedged) {
    for (const std::uint64_t seed : seeds()) {
        Simulation simulation({4ms, 4ms, 4ms}, seed);
        simulation.load(0s, 60s, 4ms);
        simulation.at(5s, [&] { simulation.machines[2].limp = 100.0; });
        simulation.at(20s, [&] { simulation.machines[2].limp = 1.0; });
        std::uint64_t before = 0;
        std::uint64_t after = 0;
        simulation.at(5s, [&] { before = simulation.machines[2].sent; });
        simulation.at(20s, [&] { after = simulation.machines[2].sent; });
        simulation.run();
        SCOPED_TRACE(seed);
        EXPECT_EQ(simulation.good, simulation.requests);
        EXPECT_LT(after - before, 100u) << "of about 3,750";
        EXPECT_GT(simulation.machines[2].sent - after, 200u) << "and forgiven in half a minute";
        std::sort(simulation.latencies.begin(), simulation.latencies.end());
        EXPECT_LT(simulation.latencies[simulation.latencies.size() * 999 / 1000], 100ms);
        EXPECT_GT(simulation.hedges, 0u);
        expect_budget_holds(simulation);
    }
}

TEST(GatewaySimulation, AllDieAndTheFirstThatComesBackTakesAll) {
    for (const std::uint64_t seed : seeds()) {
        Simulation simulation({4ms, 4ms, 4ms}, seed);
        simulation.load(0s, 30s, 5ms);
        simulation.at(5s, [&] {
            for (Machine& machine : simulation.machines) machine.mode = Mode::kRefuses;
        });
        std::uint64_t good = 0;
        std::uint64_t requests = 0;
        simulation.at(10s, [&] { simulation.machines[1].mode = Mode::kAlive; });
        simulation.at(10200ms, [&] {
            good = simulation.good;
            requests = simulation.requests;
        });
        simulation.run();
        SCOPED_TRACE(seed);
        EXPECT_GT(simulation.failed[Code::kUnavailable], 500u);
        EXPECT_EQ(simulation.failed.size(), 1u);
        EXPECT_GT(simulation.panics, 500u) << "the last replica is never given up";
        // 200 ms after one is back, nothing fails but for its own queue.
        EXPECT_GE(simulation.good - good + 5, simulation.requests - requests);
        EXPECT_EQ(simulation.sent_to_ejected, 0u);
        expect_budget_holds(simulation);
    }
}

TEST(GatewaySimulation, FlappingCostsLittle) {
    for (const std::uint64_t seed : seeds()) {
        Simulation simulation({4ms, 4ms, 4ms}, seed);
        simulation.load(0s, 60s, 4ms);
        for (int i = 0; i < 60; ++i) {
            simulation.at(i * 1s + 300ms, [&] { simulation.machines[0].mode = Mode::kRefuses; });
            simulation.at(i * 1s + 900ms, [&] { simulation.machines[0].mode = Mode::kAlive; });
        }
        simulation.run();
        SCOPED_TRACE(seed);
        EXPECT_EQ(simulation.good, simulation.requests);
        EXPECT_EQ(simulation.sent_to_ejected, 0u);
        EXPECT_LT(simulation.sends - simulation.requests - simulation.hedges, 40u);
        expect_budget_holds(simulation);
    }
}

TEST(GatewaySimulation, OverloadMakesNoStorm) {
    for (const std::uint64_t seed : seeds()) {
        Simulation simulation({4ms, 4ms}, seed);
        simulation.load(0s, 20s, 4ms);
        for (Machine& machine : simulation.machines) machine.mode = Mode::kPresses;
        simulation.run();
        SCOPED_TRACE(seed);
        EXPECT_EQ(simulation.good, simulation.requests) << "the replicas' own 503 is the answer";
        EXPECT_EQ(simulation.balancer.view(simulation.now)[0].ejections, 0u);
        EXPECT_GT(simulation.sends, simulation.requests);
        expect_budget_holds(simulation);
    }
}

TEST(GatewaySimulation, AfterAnOverloadAllIsAsBefore) {
    for (const std::uint64_t seed : seeds()) {
        Simulation simulation({4ms, 4ms, 4ms, 4ms}, seed);
        for (Machine& machine : simulation.machines) machine.queue_max = 200ms;
        simulation.timeout = 1s;
        simulation.load(0s, 40s, 2ms);
        simulation.load(5s, 10s, 500us);  // 2.5 times of what they manage
        std::size_t before = 0;
        simulation.at(20s, [&] { before = simulation.latencies.size(); });
        simulation.run();
        SCOPED_TRACE(seed);
        EXPECT_EQ(simulation.good + simulation.failed[Code::kDeadlineExceeded],
                  simulation.requests);
        EXPECT_LT(simulation.failed[Code::kDeadlineExceeded], simulation.requests / 100);
        EXPECT_EQ(simulation.panics, 0u);
        std::vector<Duration>& latencies = simulation.latencies;
        latencies.erase(latencies.begin(), latencies.begin() + static_cast<std::ptrdiff_t>(before));
        std::sort(latencies.begin(), latencies.end());
        EXPECT_LT(latencies[latencies.size() * 99 / 100], 30ms);
        expect_budget_holds(simulation);
    }
}

TEST(GatewaySimulation, TheSameSeedGivesTheSameRun) {
    const auto run = [](std::uint64_t seed) {
        Simulation simulation({2ms, 5ms, 9ms}, seed);
        simulation.load(0s, 5s, 2ms);
        simulation.at(1s, [&] { simulation.machines[0].mode = Mode::kDrops; });
        simulation.run();
        std::vector<std::uint64_t> sent;
        for (const Machine& machine : simulation.machines) sent.push_back(machine.sent);
        return std::pair(sent, simulation.latencies);
    };
    EXPECT_EQ(run(7), run(7));
    EXPECT_NE(run(7), run(8));
}

}  // namespace
}  // namespace hf::serve::gateway
