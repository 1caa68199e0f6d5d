#include "node/lifecycle.h"

#include <gtest/gtest.h>

#include "base/rng.h"
#include "base/text.h"
#include "testing/script.h"

namespace hf::node {
namespace {

using namespace std::chrono_literals;

constexpr std::array kStepNames{"resolve", "pull", "verify", "compile", "reproduce", "activate"};

Step step_named(std::string_view name) {
    for (std::size_t i = 0; i < kStepNames.size(); ++i) {
        if (name == kStepNames[i]) return static_cast<Step>(i);
    }
    ADD_FAILURE() << "no step " << name;
    return Step::kResolve;
}

std::string show(const State& state, const Actions& actions) {
    std::string text;
    for (const Action& action : actions) {
        switch (action.kind) {
            case Action::Kind::kRun:
                text += fmt::format("run {} {} [{}]\n", kStepNames[static_cast<int>(action.step)],
                                    action.service, action.digest);
                break;
            case Action::Kind::kRetire: text += "retire " + action.service + "\n"; break;
            case Action::Kind::kCascade:
                text += fmt::format("cascade {} [{}]\n", action.service, action.wish.cascade);
                break;
            case Action::Kind::kEvent:
                text += fmt::format("{} {}: {}\n", action.warning ? "warn" : "tell", action.reason,
                                    action.message);
                break;
            case Action::Kind::kReport:
                text += "report";
                for (const Condition& c : state.slots.at(action.service).conditions) {
                    text += fmt::format(" {}{}", c.truth ? "+" : "-", c.type);
                    if (!c.truth || c.type == "Ready") text += "(" + c.reason + ")";
                }
                text += "\n";
        }
    }
    return text;
}

Status status_named(const std::vector<std::string>& words, std::size_t at) {
    if (at >= words.size() || words[at] == "ok") return {};
    const std::string message = at + 1 < words.size() ? words[at + 1] : "trouble";
    if (words[at] == "UNAVAILABLE") return unavailable("{}", message);
    if (words[at] == "RESOURCE_EXHAUSTED") return resource_exhausted("{}", message);
    if (words[at] == "NOT_FOUND") return not_found("{}", message);
    return unauthenticated("{}", message);
}

// "[ahead] START...": each an hour long, in UTC or START@ZONE.
api::Windows windows_named(const std::vector<std::string>& words) {
    api::Windows windows;
    for (const std::string& word : words) {
        if (word == "ahead") continue;
        const std::size_t at = word.find('@');
        const int start = api::parse_time_of_day(word.substr(0, at)).value();
        windows.push_back(
            {api::kEveryDay, start, 60, 0, at == std::string::npos ? "" : word.substr(at + 1)});
    }
    return windows;
}

// What a service waits for, and when it looks again.
std::string show_wait(const State& state, const std::string& service) {
    std::string text;
    for (const Condition& each : state.slots.at(service).conditions) {
        if (each.type == "WaitingForWindow") text += each.message + "\n";
    }
    const std::optional<Instant> tick = next_tick(state);
    return text + "next tick " + (tick ? format_rfc3339(*tick) : "never");
}

void play(const std::string& name) {
    State state;
    Instant now{};
    api::Windows windows;  // of the wishes that follow
    bool ahead = false;
    testing::run_text_test("src/node/testdata/" + name, [&](const testing::TextCommand& c) {
        const std::vector<std::string>& words = c.arguments;
        if (c.name == "windows") {
            windows = windows_named(words);
            ahead = !words.empty() && words[0] == "ahead";
            return std::string();
        }
        if (c.name == "zone") {  // NAME RULE
            state.time_zones.emplace(words[0], TimeZone::parse_rule(words[1]).value());
            return std::string();
        }
        if (c.name == "waits") return show_wait(state, words[0]);
        if (c.name == "wish") {
            Wish wish;
            wish.service = words[0];
            wish.generation = std::stoi(words[1]);
            wish.reference = words[2];
            wish.policy_version = words.size() > 3 ? words[3] : "1";
            wish.windows = windows;
            wish.download_ahead = ahead;
            return show(state, on_wish(state, wish, now));
        }
        if (c.name == "gone") return show(state, on_gone(state, words[0]));
        if (c.name == "answers") {  // service succeeded failed
            const Answers answers{std::stoull(words[1]), std::stoull(words[2]), 0, 0, 0};
            return show(state, on_answers(state, words[0], answers, now));
        }
        if (c.name == "stale") {  // an answer to a run before the last
            const RunId run{state.last_run.value() - 1};
            const Done done{words[0], step_named(words[1]), run, {}, words[2]};
            return show(state, on_done(state, done, now));
        }
        if (c.name == "done") {  // service step digest [status [message]]
            const RunId run = state.slots[words[0]].in_flight_run;
            const Done done{words[0], step_named(words[1]), run, status_named(words, 3), words[2]};
            return show(state, on_done(state, done, now));
        }
        now += parse_duration(words[0]).value();  // tick
        return show(state, on_tick(state, now));
    });
}

TEST(Lifecycle, Script) {
    play("lifecycle.txt");
}

TEST(Lifecycle, Windows) {
    play("windows.txt");
}

// A registry that refuses, or a file that may not be read, is no reason to stop what answers.
TEST(Lifecycle, OnlyResidencyEndsWhatAnswers) {
    for (const bool banned : {false, true}) {
        State state;
        Wish wish;
        wish.service = "default/pump";
        wish.reference = "pump:v1";
        Actions actions = on_wish(state, wish, Instant());
        for (int step = 0; step < static_cast<int>(kStepCount); ++step) {
            const RunId run = state.slots["default/pump"].in_flight_run;
            on_done(state, {"default/pump", static_cast<Step>(step), run, {}, "d1"}, Instant());
        }
        wish.reference = "pump:v2";
        on_wish(state, wish, Instant());
        const RunId run = state.slots["default/pump"].in_flight_run;
        const std::string shown =
            show(state,
                 on_done(state,
                         {"default/pump", Step::kResolve, run, permission_denied("no"), "", banned},
                         Instant()));
        EXPECT_EQ(shown, banned ? "warn Residency: no\nretire default/pump\n"
                                  "report -Ready(NotServing) -Resolved(Residency)\n"
                                : "warn NotFound: no\n"
                                  "report +Ready(ServingPrevious) -Resolved(NotFound)\n");
    }
}

// Every step of the service that is under way passes, but for the golden samples of `differs`.
void pass_all(State& state, const std::string& service, const std::string& differs = "") {
    while (state.slots.at(service).in_flight) {
        const Slot& slot = state.slots.at(service);
        Done done{service, *slot.in_flight, slot.in_flight_run, {}, slot.in_flight_wish.digest};
        const bool bad = done.step == Step::kReproduce && done.digest == differs;
        if (bad) done.status = failed_precondition("the samples differ");
        on_done(state, done, Instant());
    }
}

// The version on trial fails while the wish, by another policy, is for one that was refused.
TEST(Lifecycle, WhatIsGoneBackFromIsRefusedAsItWasWishedFor) {
    State state;
    Wish wish;
    wish.service = "default/pump";
    for (const char* version : {"1", "2", "3"}) {
        wish.digest = version;
        wish.policy_version = version;
        on_wish(state, wish, Instant());
        pass_all(state, wish.service, "3");
    }
    EXPECT_EQ(state.slots.at(wish.service).active_digest, "2");
    Answers answers;
    answers.failed = 9;
    on_answers(state, wish.service, answers, Instant());
    pass_all(state, wish.service);
    const Slot& slot = state.slots.at(wish.service);
    EXPECT_EQ(slot.active_digest, "1");
    ASSERT_EQ(slot.refusals.size(), 2u);
    EXPECT_EQ(slot.refusals.back().digest, "2");
    EXPECT_EQ(slot.refusals.back().policy_version, "2");
}

TEST(Lifecycle, ACascadeChangesWithoutTheVersion) {
    State state;
    Wish wish;
    wish.service = "default/pump";
    wish.cascade = "{1}";
    EXPECT_EQ(show(state, on_wish(state, wish, Instant())),
              "cascade default/pump [{1}]\nreport -Ready(NotServing)\n"
              "run resolve default/pump []\n");
    wish.cascade = "{2}";
    EXPECT_EQ(show(state, on_wish(state, wish, Instant())),
              "cascade default/pump [{2}]\nreport -Ready(NotServing)\n")
        << "no step begins again";
    // Where data may go is also where it may lie.
    wish.forbidden = {"FR"};
    EXPECT_EQ(show(state, on_wish(state, wish, Instant())).substr(0, 27),
              "cascade default/pump [{2}]\n");
    wish.generation = 2;
    EXPECT_EQ(show(state, on_wish(state, wish, Instant())), "report -Ready(NotServing)\n");
    wish.cascade.clear();
    EXPECT_EQ(show(state, on_wish(state, wish, Instant())).substr(0, 24),
              "cascade default/pump []\n");
}

// Runs of steps that have not been answered, and what the current run of each service has passed.
struct Observer {
    std::vector<Action> in_flight;
    std::map<std::string, std::string> passed;  // service -> "digest:steps"

    void take(const Actions& actions) {
        for (const Action& action : actions) {
            if (action.kind != Action::Kind::kRun) continue;
            if (action.step == Step::kResolve) passed[action.service] = "";
            if (action.step == Step::kActivate) {
                EXPECT_EQ(passed[action.service], action.digest + ":01234");
            }
            in_flight.push_back(action);
        }
    }

    // Answers one run, not always the oldest; those of services that went come late.
    Actions answer(State& state, Rng& rng, Instant now) {
        if (in_flight.empty()) return {};
        const auto at =
            in_flight.begin() + static_cast<std::ptrdiff_t>(rng.below(in_flight.size()));
        const Action action = *at;
        in_flight.erase(at);
        Done done{action.service, action.step, action.run, {}, action.digest};
        if (action.step == Step::kResolve) done.digest = std::to_string(rng.below(3));
        const std::uint64_t luck = rng.below(8);
        if (luck == 0) done.status = unavailable("later");
        if (luck == 1) done.status = data_loss("bad");
        const auto slot = state.slots.find(action.service);
        const bool current = slot != state.slots.end() && slot->second.in_flight &&
                             slot->second.in_flight_run == action.run;
        if (current && done.status.ok()) {
            std::string& steps = passed[action.service];
            if (action.step == Step::kResolve) steps = done.digest + ":";
            steps += std::to_string(static_cast<int>(action.step));
        }
        return on_done(state, done, now);
    }
};

// Whatever happens in whatever order: nothing is activated that did not pass every step before, for
// the very digest, in a row.
TEST(Lifecycle, NeverActivatesWhatDidNotPass) {
    Rng rng(testing::seed());
    std::size_t activated = 0;
    for (int round = 0; round < 500; ++round) {
        State state;
        Observer observer;
        Instant now{};
        for (int step = 0; step < 60; ++step) {
            Wish wish;
            wish.service = rng.below(2) ? "a" : "b";
            switch (rng.below(8)) {
                case 0:
                    wish.generation = static_cast<std::int64_t>(rng.below(3));
                    wish.policy_version = std::to_string(rng.below(2));
                    observer.take(on_wish(state, wish, now));
                    break;
                case 1:
                    if (rng.below(4) == 0) observer.take(on_gone(state, wish.service));
                    break;
                case 2:
                    now += std::chrono::seconds(rng.below(90));
                    observer.take(on_tick(state, now));
                    break;
                default: observer.take(observer.answer(state, rng, now));
            }
        }
        for (const auto& [service, slot] : state.slots) activated += !slot.active_digest.empty();
    }
    EXPECT_GT(activated, 100u) << "the test must reach what it is about";
}

}  // namespace
}  // namespace hf::node
