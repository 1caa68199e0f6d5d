// Random fleets, specs, people, failures and crashes, from a seed: what step.h says holds whatever
// happens is held against an own, dumber account of what was ordered.

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "control/rollout/world_test.h"
#include "testing/script.h"

namespace hf::control::rollout {
namespace {

using namespace std::chrono_literals;

RolloutSpec random_spec(Rng& rng) {
    RolloutSpec spec;
    spec.service = "pump";
    spec.digest = "v2";
    spec.from = rng.chance(1, 8) ? "" : "v1";
    for (std::uint64_t i = 1 + rng.below(4); i > 0; --i) {
        Stage stage;
        stage.name = fmt::format("s{}", i);
        if (rng.chance(1, 4)) stage.selector = fmt::format("tier={}", rng.below(2));
        if (rng.chance(1, 2)) stage.limit = Share::count(1 + static_cast<int>(rng.below(5)));
        if (rng.chance(1, 4)) stage.limit = Share::percent(1 + static_cast<int>(rng.below(100)));
        stage.soak = std::chrono::seconds(rng.below(3) * 60);
        stage.approval = rng.chance(1, 4);
        stage.success_percent = rng.chance(1, 2) ? 100 : 1 + static_cast<int>(rng.below(100));
        stage.max_parallel = 1 + static_cast<int>(rng.below(6));
        spec.stages.push_back(stage);
    }
    if (rng.chance(1, 2)) spec.abort.failures = 1 + static_cast<int>(rng.below(4));
    if (rng.chance(1, 3)) spec.abort.failure_percent = 1 + static_cast<int>(rng.below(100));
    spec.abort.minimum_sample = 1 + static_cast<int>(rng.below(5));
    if (rng.chance(1, 2)) spec.budget = Share::count(1 + static_cast<int>(rng.below(4)));
    if (rng.chance(1, 4)) spec.budget = Share::percent(1 + static_cast<int>(rng.below(50)));
    if (rng.chance(1, 3)) spec.rate_per_minute = 1 + static_cast<int>(rng.below(20));
    if (rng.chance(1, 4)) {
        const int start = static_cast<int>(rng.below(api::kMinutesPerDay));
        spec.windows.push_back({api::kEveryDay, start, 300, 60});
    }
    if (rng.chance(1, 4)) {
        spec.gates.error_rate_percent_max = 10;
        spec.gates.minimum_requests = 20;
    }
    spec.attempts_max = 1 + static_cast<int>(rng.below(3));
    spec.timeout = 300s;
    spec.patience = 60s;
    return spec;
}

// What is known of one roll-out from its orders alone.
struct Account {
    std::map<std::int64_t, std::set<std::string>> ordered;    // by stage
    std::map<std::int64_t, std::set<std::string>> good;       // ever, by stage
    std::map<std::string, std::set<std::int64_t>> revisions;  // of new orders, by node
    std::set<std::string> failed;
    std::set<std::string> born;
};

class Simulation {
public:
    explicit Simulation(std::uint64_t seed) : rng_(seed) {
        world_.observed.spec = random_spec(rng_);
        world_.now = Instant{} + std::chrono::hours(rng_.below(1000));
        for (std::uint64_t i = rng_.below(16); i > 0; --i) appear();
    }

    // Chaos, then a while in which all that is waited for comes.
    Phase run() {
        for (int i = 0; i < 120 && !::testing::Test::HasFailure(); ++i) {
            disturb();
            round(true);
        }
        if (world_.observed.nodes.empty()) appear();
        for (int i = 0; i < 600 && !::testing::Test::HasFailure(); ++i) {
            settle();
            // What only a person can end: the first stage has nobody, or nobody left.
            if (i == 400) world_.observed.spec.aborted = true;
            round(false);
            if (world_.state.phase >= Phase::kRolledBack && i > 20) break;
        }
        return world_.state.phase;
    }

    const World& world() const { return world_; }

private:
    void appear() {
        const std::string name = fmt::format("n{}", rng_.below(24));
        if (world_.find(name) || !account_.born.insert(name).second) return;
        NodeState& node = world_.add(name);
        node.labels["tier"] = std::to_string(rng_.below(2));
        if (rng_.chance(1, 12)) node.wants = node.runs = "v9";
    }

    void disturb() {
        world_.now += std::chrono::seconds(rng_.below(90));
        if (rng_.chance(1, 30)) world_.now -= 40s;  // clocks are set back
        RolloutSpec& spec = world_.observed.spec;
        if (rng_.chance(1, 20)) appear();
        if (rng_.chance(1, 40)) spec.paused = !spec.paused;
        if (rng_.chance(1, 400)) spec.aborted = true;
        if (rng_.chance(1, 60)) spec.abort.failures = 1 + static_cast<int>(rng_.below(6));
        if (rng_.chance(1, 60)) spec.budget = Share::count(1 + static_cast<int>(rng_.below(6)));
        if (rng_.chance(1, 20)) approve_all();
        Metrics& metrics = world_.observed.metrics["v2"];
        metrics.requests += static_cast<std::int64_t>(rng_.below(5));
        if (rng_.chance(1, 40)) ++metrics.errors;
        if (may_vanish_ && rng_.chance(1, 60) && !world_.observed.nodes.empty()) vanish();
        for (NodeState& node : world_.observed.nodes) disturb(node);
    }

    void vanish() {
        std::vector<NodeState>& nodes = world_.observed.nodes;
        nodes.erase(nodes.begin() + static_cast<std::ptrdiff_t>(rng_.below(nodes.size())));
    }

    void disturb(NodeState& node) {
        if (rng_.chance(1, 25)) {
            if (node.unreachable_since) {
                node.unreachable_since.reset();
            } else {
                node.unreachable_since = world_.now;
            }
        }
        if (node.unreachable_since) return;
        if (rng_.chance(1, 30)) node.available = !node.available;
        if (!node.token || node.wants == "v9") return;
        const bool fresh = node.answered != node.token->revision;
        if (!fresh && !(node.outcome == Outcome::kGood && rng_.chance(1, 200))) {
            if (node.outcome != Outcome::kWorking && node.outcome != Outcome::kPassing) return;
        }
        constexpr std::array kOutcomes{Outcome::kWorking, Outcome::kWorking, Outcome::kPassing,
                                       Outcome::kGood,    Outcome::kGood,    Outcome::kGood};
        if (rng_.chance(1, 2)) return;
        Outcome outcome = kOutcomes[rng_.below(kOutcomes.size())];
        if (rng_.chance(1, 25)) outcome = Outcome::kFailed;
        if (rng_.chance(1, 60)) outcome = Outcome::kRolledBack;
        say(node, outcome);
    }

    void say(NodeState& node, Outcome outcome) {
        world_.report(node, outcome, "said so");
        if (node.wants != "v2") return;
        if (outcome == Outcome::kGood) account_.good[node.token->stage].insert(node.name);
    }

    void approve_all() {
        for (const Stage& stage : world_.observed.spec.stages) {
            Word word{stage.name, "ada"};
            std::vector<Word>& words = world_.observed.spec.approvals;
            if (std::find(words.begin(), words.end(), word) == words.end()) words.push_back(word);
        }
    }

    // All that is waited for: people, networks, nodes.
    void settle() {
        world_.now += 120s;
        world_.observed.metrics["v2"].requests += 100;
        approve_all();
        RolloutSpec& spec = world_.observed.spec;
        spec.paused = false;
        for (NodeState& node : world_.observed.nodes) {
            node.unreachable_since.reset();
            node.available = true;
            if (node.token && node.wants != "v9" && node.answered != node.token->revision) {
                say(node, Outcome::kGood);
            }
        }
    }

    // One round of a shell, which may crash between its writes or come too late with them.
    void round(bool crashes) {
        State next = world_.state;
        const Decision decision = world_.step_on(next);
        check_again(next, decision);
        const std::uint64_t luck = crashes ? rng_.below(10) : 9;
        if (luck == 1) return;  // before any write: nothing came of it
        check(decision, next);
        const bool state_lost = luck == 0;
        // Orders that only the records tell of are forgotten with a node that goes: step.h asks for
        // the State to be written first.
        may_vanish_ = !state_lost;
        if (!state_lost) world_.state = next;
        for (const Action& action : decision.actions) {
            if (action.kind == Action::Kind::kEvent) continue;
            if (luck == 2 && rng_.chance(1, 2)) continue;
            if (luck == 3) late_.push_back(action);
            if (luck == 3) continue;
            world_.write(action);
        }
        if (crashes && rng_.chance(1, 6)) write_late();
        if (!crashes) late_.clear();
    }

    // A shell that stood still writes now; its records have moved on or not.
    void write_late() {
        for (const Action& action : late_) {
            if (world_.state.outbox.end() !=
                std::find_if(
                    world_.state.outbox.begin(), world_.state.outbox.end(), [&](const Outgoing& o) {
                        return o.node == action.node && o.revision == action.token.revision;
                    })) {
                world_.write(action);
            }
        }
        late_.clear();
    }

    // The same once more: the same State, and the same orders.
    void check_again(const State& next, const Decision& decision) {
        State again = next;
        const Decision second = world_.step_on(again);
        EXPECT_EQ(again, next) << explain(next) << "\n" << explain(again);
        EXPECT_FALSE(second.changed);
        const auto orders = [](const Decision& d) {
            std::string text;
            for (const Action& action : d.actions) {
                if (action.kind == Action::Kind::kEvent) continue;
                text +=
                    fmt::format("{} {} {}\n", action.node, action.digest, to_text(action.token));
            }
            return text;
        };
        EXPECT_EQ(orders(second), orders(decision));
        EXPECT_GE(next.revision, world_.state.revision);
        EXPECT_EQ(decision.changed, next.revision > world_.state.revision);
    }

    void check(const Decision& decision, const State& next) {
        note_failures(next);
        const bool had_begun =
            !world_.state.progress.empty() && world_.state.progress.front().began;
        const bool has_begun = !next.progress.empty() && next.progress.front().began;
        if (has_begun && !had_begun) first_base_ = std::max(first_base_, matching(0, next));
        for (std::size_t i = 0; i < next.progress.size(); ++i) {
            check_passed(static_cast<std::int64_t>(i), next);
        }
        bool news = false;
        for (const Action& action : decision.actions) {
            if (action.kind != Action::Kind::kOrder) continue;
            EXPECT_EQ(action.digest, "v2");
            EXPECT_FALSE(next.over() && next.phase != Phase::kSucceeded)
                << action.node << " is ordered after the abort";
            news |= check_order(action, next);
        }
        if (news) check_budget(decision, next);
    }

    void note_failures(const State& next) {
        for (const Failure& failure : next.failures) account_.failed.insert(failure.node);
        for (const NodeState& node : world_.observed.nodes) {
            const bool failed =
                node.token && node.wants == "v2" && node.answered == node.token->revision &&
                (node.outcome == Outcome::kFailed || node.outcome == Outcome::kRolledBack);
            if (failed) account_.failed.insert(node.name);
        }
    }

    // Whether the order was not seen before.
    bool check_order(const Action& action, const State& next) {
        const std::int64_t stage = action.token.stage;
        EXPECT_FALSE(account_.failed.contains(action.node)) << action.node << " failed before";
        EXPECT_LE(action.token.attempt, world_.observed.spec.attempts_max);
        EXPECT_LE(stage, next.stage);
        if (!account_.revisions[action.node].insert(action.token.revision).second) return false;
        EXPECT_TRUE(window_open(next.in_force->windows, {}, world_.now));
        for (std::int64_t earlier = 0; earlier < stage; ++earlier) {
            EXPECT_TRUE(next.progress[static_cast<std::size_t>(earlier)].passed);
        }
        if (account_.ordered[stage].insert(action.node).second) check_limit(stage, next);
        return true;
    }

    // When a stage passes, no more of those ordered in it have failed than it allows; and of the
    // first, some were good.
    void check_passed(std::int64_t stage, const State& next) {
        if (!next.progress[static_cast<std::size_t>(stage)].passed) return;
        if (!passed_.insert(stage).second) return;
        const std::set<std::string>& ordered = account_.ordered[stage];
        const Stage& rule = next.in_force->stages[static_cast<std::size_t>(stage)];
        std::int64_t failed = 0;
        for (const std::string& name : ordered) failed += account_.failed.contains(name);
        const auto all = static_cast<std::int64_t>(ordered.size());
        EXPECT_LE(failed, all - at_least(rule.success_percent, all)) << rule.name;
        if (stage == 0 && all > 0) {
            EXPECT_FALSE(account_.good[0].empty()) << "no node of the first stage was ever good";
        }
    }

    std::int64_t matching(std::int64_t stage, const State& next) const {
        const Stage& rule = next.in_force->stages[static_cast<std::size_t>(stage)];
        const auto selector = api::LabelSelector::parse(rule.selector).value();
        std::int64_t count = 0;
        for (const NodeState& node : world_.observed.nodes) {
            const bool known = node.wants == "v2" || node.wants == next.in_force->from;
            count += known && selector.matches(node.labels);
        }
        return count;
    }

    // A percentage is of those that match now; for the first stage, of those when it began.
    void check_limit(std::int64_t stage, const State& next) {
        const Stage& rule = next.in_force->stages[static_cast<std::size_t>(stage)];
        const std::int64_t base = stage == 0 ? first_base_ : matching(stage, next);
        const auto ordered = static_cast<std::int64_t>(account_.ordered[stage].size());
        EXPECT_LE(ordered, at_most(rule.limit, base)) << rule.name;
        if (stage > 0) return;
        EXPECT_LE(ordered, static_cast<std::int64_t>(next.canary.size()));
        for (const std::string& name : account_.ordered[0]) {
            EXPECT_TRUE(std::binary_search(next.canary.begin(), next.canary.end(), name));
        }
    }

    // When somebody new is ordered, all that may be down by that or otherwise is within the budget.
    void check_budget(const Decision& decision, const State& next) {
        std::set<std::string> busy;
        std::int64_t all = 0;
        for (const NodeState& node : world_.observed.nodes) {
            const bool known = node.wants == "v2" || node.wants == next.in_force->from;
            all += known;
            if (known && !node.unreachable_since && !node.available) busy.insert(node.name);
            const bool open =
                node.token && node.wants == "v2" &&
                (node.answered != node.token->revision || node.outcome == Outcome::kNone ||
                 node.outcome == Outcome::kWorking || node.outcome == Outcome::kPassing);
            if (open) busy.insert(node.name);
        }
        std::int64_t in_flight = 0;
        for (const Action& action : decision.actions) {
            if (action.kind != Action::Kind::kOrder) continue;
            ++in_flight;
            busy.insert(action.node);
        }
        EXPECT_LE(static_cast<std::int64_t>(busy.size()), at_most(next.in_force->budget, all));
        EXPECT_LE(in_flight, static_cast<std::int64_t>(kOutboxMax));
    }

    Rng rng_;
    World world_;
    Account account_;
    std::vector<Action> late_;
    std::set<std::int64_t> passed_;
    std::int64_t first_base_ = 0;
    bool may_vanish_ = true;
};

TEST(RolloutSimulation, WhateverHappens) {
    constexpr std::uint64_t kRuns = 400;
    std::map<Phase, int> ends;
    for (std::uint64_t run = 0; run < kRuns; ++run) {
        const std::uint64_t seed = testing::seed() + run;
        SCOPED_TRACE(fmt::format("HF_SEED={}", seed));
        Simulation simulation(seed);
        const Phase end = simulation.run();
        ++ends[end];
        EXPECT_GE(end, Phase::kRolledBack) << explain(simulation.world().state);
        if (HasFailure()) break;
        for (const NodeState& node : simulation.world().observed.nodes) {
            const bool ours = node.token && node.token->rollout == "r";
            if (simulation.world().state.turned_back()) {
                EXPECT_FALSE(ours && node.wants == "v2") << node.name << " was not called back";
            }
        }
    }
    EXPECT_GT(ends[Phase::kSucceeded], 50) << "the test must reach what it is about";
    EXPECT_GT(ends[Phase::kRolledBack], 50) << "the test must reach what it is about";
}

}  // namespace
}  // namespace hf::control::rollout
