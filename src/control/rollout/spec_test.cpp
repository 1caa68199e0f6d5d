#include "control/rollout/spec.h"

#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "api/kinds.h"
#include "api/patch.h"
#include "api/validate.h"
#include "api/yaml.h"
#include "control/rollout/step.h"
#include "testing/script.h"

namespace hf::control::rollout {
namespace {

constexpr std::string_view kBase = R"(
service: pump
digest: v2
fromDigest: v1
stages:
- name: canary
  selector: a=b
  limit: {count: 5}
  soakSeconds: 60
  successPercent: 90
  maxParallel: 5
- {name: rest, limit: {percent: 50}}
abort: {failures: 5, failurePercent: 20, minimumSample: 10}
disruptionBudget: {count: 5}
gates:
  errorRatePercentMax: 5
  latencyP99MillisecondsMax: 100
  agreement:
    {percentMin: 90, samplesMin: 50, toleranceMicros: 500, classScores: [p], samplePercent: 20}
  minimumRequests: 10
windows: [{start: "22:00", durationMinutes: 60}]
ratePerMinute: 10
nodeAttemptsMax: 3
nodeTimeoutSeconds: 600
patienceSeconds: 60
)";

json::Value base() {
    return api::parse_yaml(kBase).value();
}

// A JSON patch on the base, and the field that the refusal names; nullptr: it is taken.
struct Change {
    const char* patch;
    const char* refused;
};

constexpr Change kChanges[] = {
    {"[]", nullptr},
    {R"([{"op":"add","path":"/paused","value":true}])", nullptr},
    {R"([{"op":"add","path":"/aborted","value":true}])", nullptr},
    {R"([{"op":"add","path":"/approvals","value":[{"stage":"rest","by":"a"}]}])", nullptr},
    {R"([{"op":"add","path":"/promotions","value":[{"stage":"rest","by":"a"}]}])", nullptr},
    {R"([{"op":"replace","path":"/service","value":"x"}])", "service"},
    {R"([{"op":"replace","path":"/digest","value":"v3"}])", "digest"},
    {R"([{"op":"replace","path":"/fromDigest","value":"v0"}])", "fromDigest"},
    {R"([{"op":"add","path":"/model","value":"pump:v2"}])", "model"},
    {R"([{"op":"remove","path":"/stages/1"}])", "stages"},
    {R"([{"op":"add","path":"/stages/-","value":{"name":"more"}}])", "stages"},
    {R"([{"op":"replace","path":"/stages/1/name","value":"x"}])", "stages[1]: name"},
    {R"([{"op":"remove","path":"/stages/0/selector"}])", "stages[0]: selector"},
    {R"([{"op":"replace","path":"/stages/0/limit/count","value":4}])", "stages[0].limit"},
    {R"([{"op":"replace","path":"/stages/0/limit/count","value":6}])", "stages[0]: limit"},
    {R"([{"op":"replace","path":"/stages/1/limit/percent","value":49}])", nullptr},
    {R"([{"op":"replace","path":"/stages/1/limit/percent","value":51}])", "stages[1]: limit"},
    {R"([{"op":"replace","path":"/stages/1/limit","value":{"count":1}}])", "stages[1]: limit"},
    {R"([{"op":"remove","path":"/stages/1/limit"}])", "stages[1]: limit"},
    {R"([{"op":"replace","path":"/stages/0/soakSeconds","value":59}])", "stages[0]: soakSeconds"},
    {R"([{"op":"replace","path":"/stages/0/soakSeconds","value":61}])", nullptr},
    {R"([{"op":"replace","path":"/stages/0/successPercent","value":89}])",
     "stages[0]: successPercent"},
    {R"([{"op":"replace","path":"/stages/0/successPercent","value":91}])", nullptr},
    {R"([{"op":"replace","path":"/stages/0/maxParallel","value":6}])", "stages[0]: maxParallel"},
    {R"([{"op":"replace","path":"/stages/0/maxParallel","value":4}])", nullptr},
    {R"([{"op":"add","path":"/stages/1/approval","value":true}])", nullptr},
    {R"([{"op":"replace","path":"/abort/failures","value":6}])", "abort: failures"},
    {R"([{"op":"replace","path":"/abort/failures","value":4}])", nullptr},
    {R"([{"op":"remove","path":"/abort/failures"}])", "abort: failures"},
    {R"([{"op":"replace","path":"/abort/failurePercent","value":21}])", "abort: failurePercent"},
    {R"([{"op":"remove","path":"/abort"}])", "abort: failures"},
    {R"([{"op":"replace","path":"/abort/minimumSample","value":11}])", "abort: minimumSample"},
    {R"([{"op":"replace","path":"/abort/minimumSample","value":1}])", nullptr},
    {R"([{"op":"replace","path":"/disruptionBudget/count","value":6}])", "disruptionBudget"},
    {R"([{"op":"remove","path":"/disruptionBudget"}])", "disruptionBudget"},
    {R"([{"op":"replace","path":"/disruptionBudget/count","value":1}])", nullptr},
    {R"([{"op":"replace","path":"/gates/errorRatePercentMax","value":6}])",
     "gates: errorRatePercentMax"},
    {R"([{"op":"replace","path":"/gates/latencyP99MillisecondsMax","value":101}])",
     "gates: latencyP99MillisecondsMax"},
    {R"([{"op":"replace","path":"/gates/agreement/percentMin","value":89}])",
     "gates: agreement: percentMin"},
    {R"([{"op":"replace","path":"/gates/agreement/percentMin","value":91}])", nullptr},
    {R"([{"op":"replace","path":"/gates/agreement/toleranceMicros","value":501}])",
     "gates: agreement: toleranceMicros"},
    {R"([{"op":"replace","path":"/gates/agreement/toleranceMicros","value":0}])", nullptr},
    {R"([{"op":"replace","path":"/gates/agreement/samplesMin","value":49}])",
     "gates: agreement: samplesMin"},
    {R"([{"op":"replace","path":"/gates/agreement/classScores","value":[]}])",
     "gates: agreement: classScores"},
    {R"([{"op":"replace","path":"/gates/agreement/samplePercent","value":100}])", nullptr},
    {R"([{"op":"remove","path":"/gates/agreement"}])", "gates: agreement"},
    {R"([{"op":"replace","path":"/gates/minimumRequests","value":9}])", "gates: minimumRequests"},
    {R"([{"op":"replace","path":"/gates/minimumRequests","value":11}])", "gates: minimumRequests"},
    {R"([{"op":"remove","path":"/gates"}])", "gates: errorRatePercentMax"},
    {R"([{"op":"replace","path":"/windows/0/durationMinutes","value":59}])", "windows"},
    {R"([{"op":"remove","path":"/windows"}])", "windows"},
    {R"([{"op":"replace","path":"/ratePerMinute","value":11}])", "ratePerMinute"},
    {R"([{"op":"remove","path":"/ratePerMinute"}])", "ratePerMinute"},
    {R"([{"op":"replace","path":"/ratePerMinute","value":9}])", nullptr},
    {R"([{"op":"replace","path":"/nodeAttemptsMax","value":4}])", "nodeAttemptsMax"},
    {R"([{"op":"replace","path":"/nodeTimeoutSeconds","value":601}])", "nodeTimeoutSeconds"},
    {R"([{"op":"replace","path":"/patienceSeconds","value":59}])", "patienceSeconds"},
};

TEST(RolloutSpec, OnlyTightens) {
    const RolloutSpec before = spec_from(base()).value();
    ASSERT_EQ(check(before), Status());
    for (const Change& change : kChanges) {
        json::Value value = base();
        ASSERT_TRUE(api::json_patch(value, json::parse(change.patch).value()).ok()) << change.patch;
        const RolloutSpec after = spec_from(value).value();
        ASSERT_EQ(check(after), Status()) << change.patch;
        const Status status = check_change(before, after);
        if (!change.refused) {
            EXPECT_EQ(status, Status()) << change.patch;
        } else {
            EXPECT_EQ(status.code(), Code::kInvalidArgument) << change.patch;
            EXPECT_TRUE(status.message().starts_with(std::string(change.refused) + ": "))
                << status.message();
        }
    }
}

TEST(RolloutSpec, AnAbortCannotBeTakenBack) {
    RolloutSpec before = spec_from(base()).value();
    before.aborted = true;
    RolloutSpec after = before;
    after.aborted = false;
    EXPECT_FALSE(check_change(before, after).ok());
}

// What the kind's table asks for must not be refused by check(), nor the other way round.
TEST(RolloutSpec, TheTableAndTheCheckAgree) {
    constexpr const char* kBad[] = {
        R"([{"op":"replace","path":"/stages","value":[]}])",
        R"([{"op":"replace","path":"/stages/0/soakSeconds","value":-1}])",
        R"([{"op":"replace","path":"/stages/0/soakSeconds","value":9223372036854775807}])",
        R"([{"op":"replace","path":"/stages/0/successPercent","value":0}])",
        R"([{"op":"replace","path":"/stages/0/successPercent","value":101}])",
        R"([{"op":"replace","path":"/stages/0/maxParallel","value":10001}])",
        R"([{"op":"replace","path":"/stages/1/limit/percent","value":0}])",
        R"([{"op":"replace","path":"/abort/failures","value":501}])",
        R"([{"op":"replace","path":"/abort/failurePercent","value":0}])",
        R"([{"op":"replace","path":"/abort/minimumSample","value":0}])",
        R"([{"op":"replace","path":"/gates/errorRatePercentMax","value":101}])",
        R"([{"op":"replace","path":"/gates/latencyP99MillisecondsMax","value":0}])",
        R"([{"op":"replace","path":"/gates/minimumRequests","value":0}])",
        R"([{"op":"replace","path":"/gates/agreement/percentMin","value":101}])",
        R"([{"op":"replace","path":"/gates/agreement/samplesMin","value":0}])",
        R"([{"op":"replace","path":"/gates/agreement/toleranceMicros","value":-1}])",
        R"([{"op":"replace","path":"/gates/agreement/samplePercent","value":0}])",
        R"([{"op":"replace","path":"/windows/0/durationMinutes","value":0}])",
        R"([{"op":"replace","path":"/windows/0/durationMinutes","value":9223372036854775807}])",
        R"([{"op":"add","path":"/windows/0/utcOffsetMinutes","value":-9223372036854775807}])",
        R"([{"op":"replace","path":"/ratePerMinute","value":0}])",
        R"([{"op":"replace","path":"/nodeAttemptsMax","value":11}])",
        R"([{"op":"replace","path":"/nodeTimeoutSeconds","value":9}])",
        R"([{"op":"replace","path":"/patienceSeconds","value":2592001}])",
        R"([{"op":"add","path":"/approvals","value":[{"stage":"rest","by":""}]}])",
    };
    const std::string digest = "sha256:" + std::string(64, '1');
    for (const char* patch : kBad) {
        api::Object object = api::Object::make("Rollout", "default", "pump");
        json::Value value = base();
        value.get_object()["digest"] = digest;
        value.get_object().erase("fromDigest");
        object.fields()["spec"] = value;
        ASSERT_TRUE(api::validate(api::rollout_kind(), object).empty());
        ASSERT_TRUE(api::json_patch(value, json::parse(patch).value()).ok()) << patch;
        object.fields()["spec"] = value;
        EXPECT_FALSE(api::validate(api::rollout_kind(), object).empty()) << patch;
        const Result<RolloutSpec> spec = spec_from(value);
        EXPECT_FALSE(spec.ok() && check(*spec).ok()) << patch;
    }
}

// The example of the reference page is a good Rollout.
TEST(RolloutSpec, TheDocumentedExampleIsGood) {
    std::ifstream file(testing::source_dir() + "/docs/reference/rollouts.md");
    std::stringstream text;
    text << file.rdbuf();
    const std::string page = text.str();
    const std::size_t begin = page.find("```yaml\n");
    ASSERT_NE(begin, std::string::npos);
    const std::size_t end = page.find("```", begin + 8);
    const json::Value value = api::parse_yaml(page.substr(begin + 8, end - begin - 8)).value();
    api::Object object = api::Object::from_json(value).value();
    EXPECT_TRUE(api::prune(api::rollout_kind(), object).empty());
    for (const api::Cause& cause : api::validate(api::rollout_kind(), object)) {
        ADD_FAILURE() << cause.field << ": " << cause.message;
    }
    const RolloutSpec spec = spec_from(object.spec()).value();
    EXPECT_EQ(check(spec), Status());
}

// A full State fits the kind's table, word for word, and into a stored object.
TEST(RolloutState, FitsItsResource) {
    constexpr std::size_t kStoredBytesMax = 1u << 20;
    State state;
    json::Value value = base();
    value.get_object()["digest"] = "sha256:" + std::string(64, '1');
    value.get_object()["fromDigest"] = "sha256:" + std::string(64, '2');
    state.in_force = spec_from(value).value();
    state.progress.assign(2, {3, 2, true, Instant{}, Instant{}, Instant{}});
    state.stage = 1;
    state.phase = Phase::kRunning;
    state.waiting = state.abort_reason = state.refused_change = "because";
    state.rate_time = Instant{};
    for (std::size_t i = 0; i < kOutboxMax; ++i) {
        const std::string node =
            fmt::format("{:03}.{}.{}.{}.{}", i, std::string(63, 'a'), std::string(63, 'b'),
                        std::string(63, 'c'), std::string(56, 'd'));
        state.outbox.push_back({node, Why::kSilent, 15, kRevisionMax, 10, kRevisionMax});
        if (i >= kCanaryMax) continue;
        state.canary.push_back(node);
        state.failures.push_back({node, 15, std::string(kReasonBytesMax, 'x')});
    }
    api::Object object = api::Object::make("Rollout", "default", "pump");
    object.fields()["spec"] = value;
    write_state(object, state, Instant{});
    EXPECT_LT(json::write(object.json()).size(), kStoredBytesMax);
    for (const std::string& unknown : api::prune(api::rollout_kind(), object)) {
        ADD_FAILURE() << unknown;
    }
    for (const api::Cause& cause : api::validate(api::rollout_kind(), object)) {
        ADD_FAILURE() << cause.field << ": " << cause.message;
    }
    EXPECT_EQ(state_from(object.status()).value(), state);
}

TEST(RolloutState, RefusesWhatItDoesNotUnderstand) {
    constexpr const char* kBad[] = {
        R"([{"op":"replace","path":"/phase","value":"Odd"}])",
        R"([{"op":"replace","path":"/phase","value":7}])",
        R"([{"op":"replace","path":"/stageNumber","value":2}])",
        R"([{"op":"replace","path":"/stageNumber","value":-1}])",
        R"([{"op":"replace","path":"/revision","value":-1}])",
        R"([{"op":"replace","path":"/progress","value":[]}])",
        R"([{"op":"add","path":"/progress/0/began","value":"yesterday"}])",
        R"([{"op":"replace","path":"/canary","value":["b","a"]}])",
        R"([{"op":"replace","path":"/canary","value":[1]}])",
        R"([{"op":"replace","path":"/failures","value":[{"stage":0}]}])",
        R"([{"op":"replace","path":"/failures","value":[{"node":"a","stage":16}]}])",
        R"([{"op":"replace","path":"/outbox","value":[{"why":"forward"}]}])",
        R"([{"op":"replace","path":"/outbox","value":[{"node":"a","why":"odd"}]}])",
        R"([{"op":"replace","path":"/inForce/stages","value":[]}])",
        R"([{"op":"remove","path":"/inForce/digest"}])",
        R"([{"op":"remove","path":"/inForce"}])",
    };
    State state;
    state.in_force = spec_from(base()).value();
    state.progress.resize(2);
    ASSERT_EQ(state_from(to_json(state)).value(), state);
    for (const char* patch : kBad) {
        json::Value value = to_json(state);
        ASSERT_TRUE(api::json_patch(value, json::parse(patch).value()).ok()) << patch;
        EXPECT_FALSE(state_from(value).ok()) << patch;
    }
    EXPECT_EQ(state_from(json::Value()).value(), State());
}

TEST(RolloutToken, ReadsBackAndRefuses) {
    const Token token{"a-b", 3, 5, 2, 77, Why::kSilent};
    EXPECT_EQ(to_text(token), "a-b/3/5/2/77/silent");
    EXPECT_EQ(parse_token(to_text(token)).value(), token);
    for (const char* bad :
         {"", "/////", "a/1/1/1/1", "a/1/1/1/1/odd", "/1/1/1/1/silent", "a/16/1/1/1/silent",
          "a/-1/1/1/1/silent", "a/1/0/1/1/silent", "a/1/1/0/1/silent", "a/1/1/11/1/silent",
          "a/1/1/1/0/silent", "a/1/1/1/9007199254740993/silent", "a/1/9007199254740993/1/1/silent",
          "a/1/1/1/99999999999999999999/silent", "a/1/1/1/1/silent/"}) {
        EXPECT_FALSE(parse_token(bad).ok()) << bad;
    }
}

TEST(RolloutObserved, RefusesContradictions) {
    const auto status_of = [](const std::vector<std::string>& names, const std::string& uid) {
        Observed observed;
        observed.rollout = uid;
        for (const std::string& name : names) {
            NodeState node;
            node.name = name;
            observed.nodes.push_back(node);
        }
        State state;
        const Status status = step(state, observed, Instant{}).status();
        EXPECT_EQ(state == State(), !status.ok());
        return status.code();
    };
    EXPECT_EQ(status_of({"a", "b"}, "r"), Code::kOk);
    EXPECT_EQ(status_of({"a", "a"}, "r"), Code::kInvalidArgument);
    EXPECT_EQ(status_of({"b", "a"}, "r"), Code::kInvalidArgument);
    EXPECT_EQ(status_of({""}, "r"), Code::kInvalidArgument);
    EXPECT_EQ(status_of({"a"}, ""), Code::kInvalidArgument);
    EXPECT_EQ(status_of({"a"}, "r/1"), Code::kInvalidArgument);
    Observed observed;
    observed.rollout = "r";
    observed.nodes.resize(1);
    observed.nodes[0].name = "a";
    State state;
    observed.nodes[0].token = Token{"r", 0, 1, 1, kRevisionMax, Why::kForward};
    EXPECT_EQ(step(state, observed, Instant{}).status().code(), Code::kResourceExhausted);
    observed.nodes[0].token = Token{"r", -1, 1, 1, 1, Why::kForward};
    EXPECT_EQ(step(state, observed, Instant{}).status().code(), Code::kInvalidArgument);
    // Another roll-out's token is its own business.
    observed.nodes[0].token = Token{"q", -1, 0, 0, -5, Why::kForward};
    EXPECT_EQ(step(state, observed, Instant{}).status().code(), Code::kOk);
}

}  // namespace
}  // namespace hf::control::rollout
