// How many replicas a service gets, by text; and in closed loops with load that comes and goes,
// where the number must stay within its limits, settle, and not flap.

#include "control/scale/decide.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <fstream>

#include <gtest/gtest.h>

#include "api/kinds.h"
#include "api/validate.h"
#include "api/yaml.h"
#include "base/rng.h"
#include "base/text.h"
#include "testing/script.h"

namespace hf::control::scale {
namespace {

using namespace std::chrono_literals;

// "max" of "max=10".
std::pair<std::string, std::string> split_word(const std::string& word) {
    const std::size_t at = word.find('=');
    return {word.substr(0, at), at == std::string::npos ? "" : word.substr(at + 1)};
}

// A Service and what its machines say. What was decided lives in the Service's status alone, as
// between two servers.
class Script {
public:
    std::string run(const testing::TextCommand& command) {
        if (command.name == "scale") return set_scale(command.arguments);
        if (command.name == "load") return set_load(command.arguments);
        if (command.name == "roll-out") {
            situation_.rolling = command.arguments.at(0) == "begins";
            return "";
        }
        if (command.name == "wanted") {
            service_.edit_status()["wantedReplicas"] = std::stoll(command.arguments.at(0));
            return "";
        }
        if (command.name == "status") return json::write(*json::find(service_.status(), "scale"));
        if (command.name == "step") return step(command.arguments);
        return "unknown command " + command.name;
    }

private:
    // "fresh": of a new Service.
    std::string set_scale(const std::vector<std::string>& words) {
        json::Object scale;
        for (const std::string& word : words) {
            const auto [key, value] = split_word(word);
            if (word == "fresh") {
                service_ = api::Object::make("Service", "default", "pump");
                situation_ = {};
            } else {
                scale[key] = std::stoll(value);
            }
        }
        service_.edit_spec()["scale"] = std::move(scale);
        return "";
    }

    // Requests that are there, then how many machines answer (all, unless it says so), what a
    // request waits, who is silent.
    std::string set_load(const std::vector<std::string>& words) {
        Signals& signals = situation_.signals;
        signals = {};
        signals.concurrency_milli = std::llround(1000 * std::stod(words.at(0)));
        seats_ = -1;
        answering_ = -1;
        for (const std::string& word : words) {
            const auto [key, value] = split_word(word);
            if (key == "seats") seats_ = std::stoll(value);
            if (key == "answering") answering_ = std::stoll(value);
            if (key == "queue") signals.queue = parse_duration(value).value();
            if (key == "silent") signals.silent.push_back(value);
        }
        return "";
    }

    std::string step(const std::vector<std::string>& words) {
        if (!words.empty()) now_ += parse_duration(words[0]).value();
        const History before = history_of(service_);
        Signals& signals = situation_.signals;
        signals.seats = seats_ >= 0 ? seats_ : before.wanted;
        const auto silent = static_cast<std::int64_t>(signals.silent.size());
        signals.answering = answering_ >= 0 ? answering_ : signals.seats - silent;
        const Decision decision = decide(*scale_spec_of(service_), situation_, before, now_);
        write_decision(service_, decision, now_);
        EXPECT_EQ(history_of(service_), decision.history) << "what is written reads back";
        std::string text = fmt::format("{}", decision.history.wanted);
        for (const std::string_view type : {"Scaled", "ScalingLimited"}) {
            const auto condition = api::find_condition(service_, type);
            const bool usual = condition->reason == "WithinLimits";
            if (usual) continue;
            text += fmt::format("\n{} {}: {}", condition->reason,
                                condition->status == api::Truth::kTrue ? "true" : "false",
                                condition->message);
        }
        return text;
    }

    api::Object service_ = api::Object::make("Service", "default", "pump");
    Situation situation_;
    std::int64_t seats_ = -1;      // as many as are wanted
    std::int64_t answering_ = -1;  // all that are not silent
    Instant now_{};
};

TEST(Scale, DecidesAsWritten) {
    Script script;
    testing::run_text_test(
        "src/control/scale/testdata/decide.txt",
        [&](const testing::TextCommand& command) { return script.run(command); });
}

// A service whose requests take `kWork` on one of `kAtOnce` at a time a replica. Fluid: what comes
// and what is done are amounts.
class Loop {
public:
    static constexpr double kWork = 0.1;    // seconds
    static constexpr double kAtOnce = 4;    // requests of one replica
    static constexpr Duration kStart = 5s;  // until a new replica answers
    static constexpr Duration kWindow = 10s;

    explicit Loop(ScaleSpec spec) : spec_(spec) {}

    // A second with so many requests.
    void second(double requests) {
        now_ += 1s;
        std::erase_if(starting_, [&](Instant until) {
            if (until > now_) return false;
            ++answering_;
            return true;
        });
        const double most = static_cast<double>(answering_) * kAtOnce / kWork;  // a second
        waiting_ += requests;
        const double done = std::min(waiting_, most);
        waiting_ = std::min(waiting_ - done, 5 * most);  // who has waited five seconds gives up
        seen_.push_back(done * kWork + waiting_);
        if (seen_.size() > static_cast<std::size_t>(kWindow / 1s)) seen_.pop_front();
        double sum = 0;
        for (const double each : seen_) sum += each;
        Situation situation;
        situation.signals.concurrency_milli =
            std::llround(1000 * sum / static_cast<double>(seen_.size()));
        situation.signals.queue =
            done > 0 ? Duration(std::llround(1e9 * waiting_ / done)) : Duration::zero();
        situation.signals.seats = answering_ + static_cast<std::int64_t>(starting_.size());
        situation.signals.answering = answering_;
        if (silent) situation.signals.silent = {"a"};
        const History before = history_;
        history_ = decide(spec_, situation, history_, now_).history;
        check(before);
        follow();
    }

    std::int64_t wanted() const { return history_.wanted; }
    double waiting() const { return waiting_; }
    std::int64_t turns() const { return turns_; }  // from up to down, and from down to up

    bool silent = false;

private:
    void check(const History& before) {
        EXPECT_GE(history_.wanted, spec_.min);
        EXPECT_LE(history_.wanted, spec_.max);
        EXPECT_LE(history_.higher.size(), kHigherMax);
        if (before.wanted == 0) return;
        const std::int64_t change = history_.wanted - before.wanted;
        if (silent) {
            EXPECT_GE(change, 0) << "nobody knows what the silent one is asked";
        }
        if (change == 0) return;
        const bool up = change > 0;
        if (last_move_ && up_ != up) ++turns_;
        if (!up && last_up_) {
            EXPECT_GE(now_ - *last_up_, spec_.down_after) << "more was asked for then";
        }
        if (up) last_up_ = now_;
        up_ = up;
        last_move_ = now_;
    }

    // Replicas that go end what they have begun; a fluid has no rest to lose.
    void follow() {
        std::int64_t seats = answering_ + static_cast<std::int64_t>(starting_.size());
        for (; seats < history_.wanted; ++seats) starting_.push_back(now_ + kStart);
        for (; seats > history_.wanted && !starting_.empty(); --seats) starting_.pop_back();
        for (; seats > history_.wanted; --seats) --answering_;
    }

    const ScaleSpec spec_;
    Instant now_{};
    History history_;
    std::int64_t answering_ = 0;
    std::vector<Instant> starting_;
    double waiting_ = 0;
    std::deque<double> seen_;
    bool up_ = false;
    std::optional<Instant> last_move_, last_up_;
    std::int64_t turns_ = 0;
};

ScaleSpec upto(std::int64_t max, Duration down_after) {
    ScaleSpec spec;
    spec.max = max;
    spec.down_after = down_after;
    return spec;
}

TEST(Scale, ALoopSettlesAndComesBack) {
    Loop loop(upto(20, 60s));
    for (int i = 0; i < 120; ++i) loop.second(200);  // 20 at a time: five replicas
    const std::int64_t high = loop.wanted();
    EXPECT_GE(high, 5);
    EXPECT_LT(loop.waiting(), 1);
    for (int i = 0; i < 300; ++i) loop.second(200);
    EXPECT_EQ(loop.wanted(), 5) << "what the backlog took at first is given back";
    for (int i = 0; i < 120; ++i) loop.second(10);
    EXPECT_EQ(loop.wanted(), 1);
    EXPECT_EQ(loop.turns(), 1);
}

// On for twenty seconds, off for twenty, for half an hour: within the window, so it stays up.
TEST(Scale, LoadThatFlapsDoesNotMoveTheNumberToAndFro) {
    Loop loop(upto(20, 60s));
    for (int i = 0; i < 1800; ++i) loop.second(i % 40 < 20 ? 160 : 0);
    EXPECT_LE(loop.turns(), 1);
    EXPECT_GE(loop.wanted(), 2);
}

// With a queue's target alone above all that concurrency would ask for.
TEST(Scale, AQueueIsWorkedOff) {
    ScaleSpec spec = upto(20, 60s);
    spec.concurrency = 1000;
    spec.queue = 20ms;
    Loop loop(spec);
    for (int i = 0; i < 300; ++i) loop.second(200);
    EXPECT_GE(loop.wanted(), 5);
    EXPECT_LE(loop.wanted(), 20);
    EXPECT_LT(loop.waiting(), 5);
}

TEST(Scale, KeepsItsRulesInAnyWeather) {
    Rng rng(testing::seed());
    for (int world = 0; world < 200; ++world) {
        ScaleSpec spec;
        spec.min = 1 + static_cast<std::int64_t>(rng.below(4));
        spec.max = spec.min + static_cast<std::int64_t>(rng.below(30));
        spec.concurrency = 1 + static_cast<std::int64_t>(rng.below(8));
        if (rng.below(2) == 0) spec.queue = std::chrono::milliseconds(1 + rng.below(200));
        spec.down_after = std::chrono::seconds(rng.below(120));
        Loop loop(spec);
        double requests = 0;
        for (int i = 0; i < 600; ++i) {
            if (rng.below(30) == 0) requests = static_cast<double>(rng.below(2000));
            if (rng.below(50) == 0) loop.silent = !loop.silent;
            loop.second(requests * (0.9 + 0.02 * static_cast<double>(rng.below(11))));
        }
        loop.silent = false;
        for (int i = 0; i < 1200; ++i) loop.second(0);
        EXPECT_EQ(loop.wanted(), spec.min) << "world " << world;
        if (HasFailure()) return;
    }
}

TEST(ScaleSpec, TheExampleInTheReferenceIsAdmitted) {
    std::ifstream file(testing::source_dir() + "/docs/reference/autoscaling.md");
    const std::string text((std::istreambuf_iterator<char>(file)),
                           std::istreambuf_iterator<char>());
    const std::size_t begin = text.find("```yaml\n") + 8;
    const std::size_t end = text.find("```", begin);
    ASSERT_NE(end, std::string::npos);
    const json::Value value = api::parse_yaml(text.substr(begin, end - begin)).value();
    api::Object service = api::Object::from_json(value).value();
    EXPECT_EQ(api::prune(api::service_kind(), service), std::vector<std::string>());
    EXPECT_EQ(api::validate(api::service_kind(), service), std::vector<api::Cause>());
    EXPECT_EQ(admit_scale(service), Status());
    EXPECT_EQ(scale_spec_of(service), (ScaleSpec{1, 8, 4, 50ms, 300s}));
}

TEST(ScaleSpec, RefusesWhatContradictsItself) {
    api::Object service = api::Object::make("Service", "default", "pump");
    service.edit_spec()["scale"] = {{"min", 2}, {"max", 3}};
    EXPECT_EQ(admit_scale(service), Status());
    service.edit_spec()["scale"] = {{"min", 4}, {"max", 3}};
    EXPECT_EQ(admit_scale(service).message(),
              "spec.scale.min: 4 is more than spec.scale.max, which is 3");
    service.edit_spec()["scale"] = {{"max", 3}};
    service.edit_spec()["replicas"] = 2;
    EXPECT_EQ(
        admit_scale(service).message(),
        "spec.scale: spec.replicas is there, too; leave one of them out: replicas is a number "
        "that stays, scale a range in which it follows the load");
}

}  // namespace
}  // namespace hf::control::scale
