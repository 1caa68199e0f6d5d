// The agent's decisions, step by step, across restarts and wrong clocks.

#include "node/brain.h"

#include <gtest/gtest.h>

#include <memory>

namespace hf::node {
namespace {

using namespace std::chrono_literals;

constexpr Instant kStart{1'000'000s};
const std::string kDigest = "sha256:" + std::string(64, 'a');

// A machine in DE, whose worker does what the brain asks at once, as `answer` says.
class Machine {
public:
    // Orders the service, by the law of `jurisdictions`; empty: anywhere.
    api::Object node(std::int64_t generation, json::Array jurisdictions,
                     const std::string& device = "auto") {
        api::Object object = api::Object::make("Node", "", "here");
        object.edit_metadata()["uid"] = "u";
        object.edit_metadata()["generation"] = generation;
        object.edit_spec()["services"] = json::Array{{{"namespace", "default"},
                                                      {"name", "pump"},
                                                      {"uid", "s"},
                                                      {"model", "pump:v1"},
                                                      {"digest", kDigest},
                                                      {"device", device},
                                                      {"jurisdictions", std::move(jurisdictions)}}};
        return object;
    }

    void step(Brain::Input input) { carry_out(brain_->step(std::move(input), now)); }
    void news(const api::Object& node) { step({{}, node, {}}); }

    // Does all that is asked, until `before` is asked.
    void work(std::optional<Step> before = std::nullopt) {
        while (!asked.empty() && (!before || asked.front().step != *before)) {
            const Action action = asked.front();
            asked.erase(asked.begin());
            if (action.kind != Action::Kind::kRun) continue;
            Finished finished{{action.service,
                               action.step,
                               action.run,
                               {},
                               action.wish.digest.empty() ? kDigest : action.wish.digest},
                              action.wish,
                              std::nullopt};
            const bool banned =
                !action.wish.jurisdictions.empty() && action.wish.jurisdictions.front() != "DE";
            if (action.step == Step::kResolve && banned) {
                finished.done.status = permission_denied("[residency]");
                finished.done.banned = true;
            } else if (action.step == Step::kVerify && finished.done.digest == unsigned_digest) {
                finished.done.status = failed_precondition("no signature");
            } else if (action.step == fails) {
                finished.done.status = failure;
            }
            step({{finished}, std::nullopt, {}});
        }
    }

    // As after a loss of power.
    void restart() {
        asked.clear();
        brain_ = std::make_unique<Brain>(Brain::Options());
        brain_->recall(read_memory(disk).value(), now);
        step({});
    }

    const Slot* slot() const {
        const auto at = brain_->state().slots.find("default/pump");
        return at == brain_->state().slots.end() ? nullptr : &at->second;
    }
    Brain& brain() { return *brain_; }

    Instant now = kStart;
    std::optional<Step> fails;
    Status failure = unavailable("later");
    std::string unsigned_digest;
    Actions asked;
    std::string disk;
    bool full = false;  // the disk
    std::vector<Status> troubles;
    int reports = 0;

private:
    void carry_out(Effects effects) {
        if (effects.memory && full) brain_->note_memory_not_kept(now);
        if (effects.memory && !full) disk = *effects.memory;
        asked.insert(asked.end(), effects.work.begin(), effects.work.end());
        troubles.insert(troubles.end(), effects.troubles.begin(), effects.troubles.end());
        reports += effects.status;
    }
    std::unique_ptr<Brain> brain_ = std::make_unique<Brain>(Brain::Options());
};

TEST(Brain, WhatAnsweredComesUpAgainBeforeNewOrders) {
    Machine machine;
    machine.news(machine.node(1, {}));
    machine.work();
    EXPECT_EQ(machine.slot()->active_digest, kDigest);
    machine.restart();
    machine.news(machine.node(2, {}, "cpu"));
    EXPECT_EQ(machine.slot()->wish.device, "auto");
    machine.work();
    EXPECT_EQ(machine.slot()->wish.device, "cpu");
    EXPECT_EQ(machine.slot()->active_digest, kDigest);
}

// It could not at once, and its next version is refused here, or waits for its window.
TEST(Brain, WhatAnsweredComesUpAfterAllWhereNewOrdersBringUpNothing) {
    for (const bool waits : {false, true}) {
        Machine machine;
        machine.news(machine.node(1, {}));
        machine.work();
        machine.restart();
        api::Object next = machine.node(2, {});
        json::Object& order = next.edit_spec()["services"].as_array().front().as_object();
        order["digest"] = "sha256:" + std::string(64, 'b');
        if (waits) order["windows"] = api::to_json({{api::kEveryDay, 120, 60, 0, "Nowhere/Now"}});
        machine.unsigned_digest = "sha256:" + std::string(64, 'b');
        machine.fails = Step::kCompile;
        machine.failure = resource_exhausted("no memory");
        machine.news(next);
        machine.work();
        EXPECT_EQ(machine.slot()->active_digest, "");
        EXPECT_EQ(machine.slot()->settled, !waits);
        EXPECT_GT(machine.brain().next(machine.now), machine.now) << "a pause comes first";

        machine.fails.reset();
        machine.now = machine.brain().next(machine.now);
        machine.step({});
        machine.work();
        EXPECT_EQ(machine.slot()->active_digest, kDigest);
        EXPECT_NE(machine.slot()->wish.digest, kDigest);
        EXPECT_EQ(machine.slot()->settled, !waits);
        EXPECT_EQ(machine.slot()->condition("Ready")->reason, "ServingPrevious");
        EXPECT_GT(machine.brain().next(machine.now), machine.now);
    }
}

TEST(Brain, WhatMayNotLieHereDoesNotComeUpAfterAll) {
    Machine machine;
    machine.news(machine.node(1, {}));
    machine.work();
    machine.restart();
    machine.fails = Step::kCompile;
    machine.work();
    ASSERT_TRUE(machine.slot()->retry_at);
    machine.fails.reset();
    machine.news(machine.node(2, {"FR"}));
    machine.work();
    machine.now += 2 * kRetryMost;
    machine.step({});
    EXPECT_TRUE(machine.asked.empty());
    EXPECT_EQ(machine.slot()->active_digest, "");
}

TEST(Brain, WhatAFullDiskDidNotTakeIsTriedUntilItDoes) {
    Machine machine;
    machine.news(machine.node(1, {}));
    machine.work();
    machine.full = true;
    machine.news(machine.node(2, {}, "cpu"));
    machine.work();
    EXPECT_EQ(read_memory(machine.disk)->node.generation(), 1);
    for (int tries = 0; tries < 3; ++tries) {
        const Instant next = machine.brain().next(machine.now);
        EXPECT_GT(next, machine.now) << "a full disk does not keep the node busy";
        EXPECT_LE(next, machine.now + kKeepAgainAfter);
        machine.now = next;
        machine.step({});
    }
    machine.full = false;
    machine.now += kKeepAgainAfter;
    machine.step({});
    EXPECT_EQ(read_memory(machine.disk)->node.generation(), 2);
    machine.disk.clear();
    machine.now += kKeepAgainAfter;
    machine.step({});
    EXPECT_EQ(machine.disk, "") << "once is enough";
}

TEST(Brain, WhatMayNotLieHereDoesNotComeUpAgain) {
    Machine machine;
    machine.news(machine.node(1, {"DE"}));
    machine.work();
    machine.news(machine.node(2, {"FR"}));
    machine.work();
    EXPECT_EQ(machine.slot()->active_digest, "");
    machine.restart();
    for (const Action& action : machine.asked) {
        EXPECT_EQ(action.wish.jurisdictions, std::vector<std::string>{"FR"});
    }
    machine.work();
    EXPECT_EQ(machine.slot()->active_digest, "");
}

TEST(Brain, ABanThatWasOnlyHeardOfHoldsAfterARestart) {
    Machine machine;
    machine.news(machine.node(1, {"DE"}));
    machine.work();
    machine.news(machine.node(2, {"FR"}));  // and the power goes before anything is done
    machine.restart();
    machine.work();
    EXPECT_EQ(machine.slot()->active_digest, "");
}

TEST(Brain, ABanDoesNotWaitForWhatComesUp) {
    Machine machine;
    machine.news(machine.node(1, {"DE"}));
    machine.work();
    machine.restart();
    machine.work(Step::kActivate);
    machine.asked.clear();  // the worker is slow; meanwhile:
    machine.restart();
    machine.work(Step::kReproduce);
    machine.news(machine.node(2, {"FR"}));
    machine.work();
    EXPECT_EQ(machine.slot()->active_digest, "");
}

TEST(Brain, WhatIsNotOrderedAnyMoreDoesNotComeUp) {
    Machine machine;
    machine.news(machine.node(1, {}));
    machine.work();
    machine.restart();
    api::Object none = machine.node(2, {});
    none.edit_spec()["services"] = json::Array();
    machine.news(none);
    EXPECT_EQ(machine.slot(), nullptr);
    machine.restart();
    EXPECT_TRUE(machine.asked.empty());
}

TEST(Brain, RemembersTheWishThatWasActivated) {
    Machine machine;
    machine.news(machine.node(1, {}));
    machine.work(Step::kActivate);
    const Action activate = machine.asked.front();
    machine.asked.clear();
    machine.news(machine.node(2, {}, "cpu"));  // while it is being activated
    machine.step({{{{activate.service, activate.step, activate.run, {}, kDigest},
                    activate.wish,
                    std::nullopt}},
                  std::nullopt,
                  {}});
    EXPECT_EQ(read_memory(machine.disk).value().active.at("default/pump").device, "auto");
}

TEST(Brain, RemembersRefusalsAlsoWhenThereAreAsManyAsItKeeps) {
    Machine machine;
    machine.fails = Step::kVerify;
    machine.failure = failed_precondition("no");
    for (std::int64_t i = 0; i < static_cast<std::int64_t>(kMaxRefusals) + 3; ++i) {
        api::Object node = machine.node(i + 1, {});
        node.edit_spec()["trustPolicies"] = json::Array{
            {{"name", "default"}, {"uid", "p"}, {"generation", i}, {"spec", json::Object()}}};
        machine.news(node);
        machine.work();
    }
    const Memory memory = read_memory(machine.disk).value();
    const std::vector<Refusal>& known = memory.refusals.at("default/pump");
    EXPECT_EQ(known.size(), kMaxRefusals);
    EXPECT_EQ(known.back().policy_version, fmt::format("p/{}", kMaxRefusals + 2));
}

// By the policy and for the device that it was tried with, not those of what answered before.
TEST(Brain, AVersionThatTakesTheProcessDownTwiceIsRefused) {
    const std::string next = "sha256:" + std::string(64, 'b');
    Machine machine;
    machine.news(machine.node(1, {}));
    machine.work();
    api::Object node = machine.node(2, {}, "cpu");
    json::Object& order = node.edit_spec()["services"].as_array().front().as_object();
    order["digest"] = next;
    node.edit_spec()["trustPolicies"] = json::Array{
        {{"name", "default"}, {"uid", "p"}, {"generation", 7}, {"spec", json::Object()}}};
    machine.news(node);
    machine.work();
    EXPECT_EQ(machine.slot()->active_digest, next);
    for (int ends = 0; ends < 2; ++ends) {
        machine.restart();
        machine.work();
    }
    EXPECT_EQ(machine.slot()->active_digest, kDigest);
    ASSERT_EQ(machine.slot()->refusals.size(), 1u);
    EXPECT_EQ(machine.slot()->refusals.front().digest, next);
    EXPECT_EQ(machine.slot()->refusals.front().device, "cpu");
    EXPECT_EQ(machine.slot()->refusals.front().policy_version, "p/7");
}

// Also when the process ends again and again before the minute is over.
TEST(Brain, WhatIsOrderedBackFromATrialIsNotOnTrial) {
    Machine machine;
    machine.news(machine.node(1, {}));
    machine.work();
    api::Object next = machine.node(2, {});
    next.edit_spec()["services"].as_array().front().as_object()["digest"] =
        "sha256:" + std::string(64, 'b');
    machine.news(next);
    machine.work();
    ASSERT_TRUE(machine.slot()->trial_ends);
    machine.news(machine.node(3, {}));
    machine.work();
    EXPECT_EQ(machine.slot()->active_digest, kDigest);
    EXPECT_FALSE(machine.slot()->trial_ends);
    EXPECT_TRUE(read_memory(machine.disk)->trials.empty());
    for (int ends = 0; ends < 3; ++ends) {
        machine.restart();
        machine.work();
        EXPECT_EQ(machine.slot()->active_digest, kDigest);
    }
    EXPECT_TRUE(machine.slot()->refusals.empty());
}

// For want of memory, say: here and after a restart.
TEST(Brain, AWayBackThatFailsForNowIsGoneLater) {
    for (const bool restarts : {false, true}) {
        Machine machine;
        machine.news(machine.node(1, {}));
        machine.work();
        api::Object next = machine.node(2, {});
        const std::string bad = "sha256:" + std::string(64, 'b');
        next.edit_spec()["services"].as_array().front().as_object()["digest"] = bad;
        machine.news(next);
        machine.work();
        machine.fails = Step::kCompile;
        machine.failure = resource_exhausted("no memory");
        machine.step({{}, std::nullopt, {{"default/pump", {0, kTrialFailures, 0, 0, 0}}}});
        machine.work();
        EXPECT_EQ(machine.slot()->active_digest, bad);
        EXPECT_TRUE(machine.slot()->owes_way_back());
        if (restarts) {
            machine.restart();
            machine.work();
            EXPECT_EQ(machine.slot()->active_digest, "");
        }
        machine.fails.reset();
        machine.now += kRetryMost;
        machine.step({});
        machine.work();
        EXPECT_EQ(machine.slot()->active_digest, kDigest) << restarts;
        EXPECT_FALSE(machine.slot()->owes_way_back());
    }
}

TEST(Brain, AClockThatIsPutBackDelaysNothing) {
    Machine machine;
    machine.fails = Step::kPull;
    machine.news(machine.node(1, {}));
    machine.work();
    ASSERT_TRUE(machine.slot()->retry_at);
    machine.fails.reset();
    machine.now -= 48h;
    EXPECT_LE(machine.brain().next(machine.now), machine.now + kRetryMost);
    const int reports = machine.reports;
    machine.step({});
    machine.work();
    EXPECT_EQ(machine.slot()->active_digest, kDigest);
    EXPECT_GT(machine.reports, reports);
}

TEST(Brain, OneGenerationHasOneOrder) {
    Machine machine;
    machine.news(machine.node(2, {}));
    machine.work();
    machine.news(machine.node(2, {}, "cpu"));
    ASSERT_EQ(machine.troubles.size(), 1u);
    EXPECT_NE(machine.troubles[0].message().find("let it enlist anew"), std::string::npos);
    EXPECT_EQ(machine.slot()->wish.device, "auto");
    EXPECT_EQ(machine.brain().followed()->wishes.at("default/pump").device, "auto");
    machine.news(machine.node(2, {}));
    EXPECT_EQ(machine.troubles.size(), 1u) << "the same once more is no trouble";
    machine.news(machine.node(3, {}, "cpu"));
    EXPECT_EQ(machine.slot()->wish.device, "cpu");
}

// Windows are of the orders, and the machine's clock judges them, with a network or without.
TEST(Brain, AVersionWaitsForItsWindowAlsoOverARestart) {
    Machine machine;
    machine.news(machine.node(1, {}));
    machine.work();
    ASSERT_EQ(machine.slot()->active_digest, kDigest);
    api::Object next = machine.node(2, {});
    json::Object& order = next.edit_spec()["services"].as_array().front().as_object();
    order["digest"] = "sha256:" + std::string(64, 'b');
    order["windows"] = api::to_json({{api::kEveryDay, 120, 60, 0, "Europe/Berlin"}});
    machine.news(next);
    machine.work();
    EXPECT_TRUE(machine.slot()->condition("WaitingForWindow"));
    EXPECT_EQ(machine.slot()->active_digest, kDigest);
    EXPECT_EQ(machine.brain().unknown_time_zones(), std::set<std::string>{"Europe/Berlin"});
    Brain::Input zones;
    zones.time_zones.emplace("Europe/Berlin", TimeZone::parse_rule("CET-1").value());
    machine.step(zones);
    EXPECT_TRUE(machine.brain().unknown_time_zones().empty());
    // 1970-01-12T13:46:40Z: 02:00 there is 01:00 in UTC.
    EXPECT_NE(machine.slot()->condition("WaitingForWindow")->message.find("1970-01-13T01:00:00Z"),
              std::string::npos);

    // A restart brings up what answered before, at once; then the version waits again.
    machine.restart();
    machine.work();
    EXPECT_EQ(machine.slot()->active_digest, kDigest);
    EXPECT_TRUE(machine.slot()->condition("WaitingForWindow"));
    machine.step(zones);
    machine.now = parse_rfc3339("1970-01-13T01:00:00Z").value();
    machine.step({});
    machine.work(Step::kActivate);
    EXPECT_FALSE(machine.slot()->condition("WaitingForWindow"));
    EXPECT_EQ(machine.slot()->in_flight, Step::kActivate);
}

TEST(Brain, OrdersWithAWindowThatDoesNotReadAreNotFollowed) {
    Machine machine;
    api::Object node = machine.node(1, {});
    json::Object& order = node.edit_spec()["services"].as_array().front().as_object();
    order["windows"] = api::to_json({{api::kEveryDay, 120, 0, 0}});
    const Result<Desired> desired = read_desired(node);
    EXPECT_EQ(desired.status().code(), Code::kInvalidArgument);
    EXPECT_NE(desired.status().message().find("spec.services[0]: windows[0]: durationMinutes"),
              std::string::npos)
        << desired.status().message();
}

TEST(Brain, ADataBudgetComesWithTheOrders) {
    Machine machine;
    api::Object node = machine.node(1, {});
    EXPECT_EQ(read_desired(node)->wishes.at("default/pump").data_limit, std::nullopt);
    node.edit_spec()["link"] = {{"dataBudget", {{"bytes", 5000}, {"periodHours", 720}}}};
    const DataLimit limit{5000, std::chrono::hours(720)};
    EXPECT_EQ(read_desired(node)->wishes.at("default/pump").data_limit, limit);
    machine.news(node);
    machine.failure = resource_exhausted("[data-budget] 9 B are to be fetched");
    machine.fails = Step::kPull;
    machine.work();
    EXPECT_EQ(machine.slot()->condition("Pulled")->reason, "DataBudget");
    EXPECT_FALSE(machine.slot()->settled) << "it is no refusal";
}

TEST(Brain, AProfileIsReportedAsSoonAsItIsKnown) {
    Brain brain({NodeFacts(), 30s});
    EXPECT_TRUE(brain.step({}, kStart).status);
    EXPECT_FALSE(brain.status({}, kStart).contains("profile"));
    EXPECT_FALSE(brain.step({}, kStart + 1s).status);
    Brain::Input input;
    input.profile.emplace();
    input.profile->speed.f32_megaops = 7;
    EXPECT_TRUE(brain.step(std::move(input), kStart + 2s).status);
    const json::Object status = brain.status({}, kStart + 2s);
    EXPECT_EQ(json::get_int(status.at("profile"), "float32MegaopsPerSecond"), 7);
}

TEST(Brain, TheLoadIsToldWhereTheOrderWantsItAndOnlyWhenItChanges) {
    Machine machine;
    machine.news(machine.node(1, {}));
    machine.work();
    EXPECT_EQ(machine.brain().measured(), std::vector<std::string>());
    api::Object node = machine.node(2, {});
    json::Array orders = *json::find_array(node.spec(), "services");
    orders[0].as_object()["reportLoad"] = true;
    node.edit_spec()["services"] = std::move(orders);
    machine.news(node);
    EXPECT_EQ(machine.brain().measured(), std::vector<std::string>{"default/pump"});
    EXPECT_TRUE(machine.asked.empty()) << "it is the same version";
    machine.reports = 0;
    const auto services = [&] {
        return json::write(machine.brain().status({}, machine.now).at("services"));
    };
    EXPECT_EQ(services().find("load"), std::string::npos) << "nobody knows yet";
    Traffic traffic;
    const auto live = [&](int seconds, std::uint64_t requests) {
        for (int i = 0; i < 2 * seconds; ++i) {
            machine.now += 500ms;
            traffic.requests += requests;
            traffic.there += requests * 100ms;
            Brain::Input input;
            input.traffic["default/pump"] = traffic;
            machine.step(std::move(input));
        }
    };
    live(20, 0);
    EXPECT_EQ(machine.reports, 1) << "idle, it is told once";
    live(20, 10);
    EXPECT_NE(services().find(R"("concurrencyMilli":2000)"), std::string::npos) << services();
    EXPECT_GE(machine.reports, 3);
    EXPECT_LE(machine.reports, 6) << "every five seconds at the most, and once of old";
    machine.news(machine.node(3, {}));
    machine.step({});
    EXPECT_EQ(services().find("load"), std::string::npos);
}

}  // namespace
}  // namespace hf::node
