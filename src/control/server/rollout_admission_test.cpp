#include "control/server/rollout_admission.h"

#include <gtest/gtest.h>

#include "control/rollout/state.h"

namespace hf::control {
namespace {

const api::Identity kAda{"ada", {}};
const api::Identity kBob{"bob", {}};

api::Object rollout_of(std::string_view more) {
    api::Object object = api::Object::make("Rollout", "default", "r");
    const std::string text = R"({"service":"pump","model":"pump:v2","stages":[{"name":"canary"},
        {"name":"rest","approval":true}])" +
                             std::string(more) + "}";
    object.fields()["spec"] = *json::parse(text);
    return object;
}

// As it is when ada made it and its first stage has begun.
api::Object under_way() {
    api::Object object = rollout_of(R"(,"abort":{"failures":2})");
    EXPECT_TRUE(admit_rollout(nullptr, object, kAda).ok());
    rollout::State state;
    state.phase = rollout::Phase::kRunning;
    state.in_force = rollout::spec_from(object.spec()).value();
    state.in_force->digest = "sha256:" + std::string(64, '2');
    state.in_force->from = "sha256:" + std::string(64, '1');
    // Of its service: it has none of its own.
    state.in_force->windows = {api::Window{}};
    state.in_force->download_ahead = true;
    state.progress.resize(2);
    rollout::write_state(object, state, Instant());
    return object;
}

std::string said(std::string_view more, const api::Identity& who) {
    const api::Object before = under_way();
    api::Object now = before;
    now.fields()["spec"] = rollout_of(more).spec();
    const Status status = admit_rollout(&before, now, who);
    return status.ok() ? "OK" : std::string(status.message());
}

TEST(RolloutAdmission, WordsAreTheirGivers) {
    const std::string words =
        R"(,"abort":{"failures":2},"approvals":[{"stage":"rest","by":"bob"}])";
    EXPECT_EQ(said(words, kBob), "OK");
    EXPECT_TRUE(said(words, kAda).starts_with("not-your-word:"));
    const std::string own = R"(,"abort":{"failures":2},"promotions":[{"stage":"rest","by":"ada"}])";
    EXPECT_TRUE(said(own, kAda).starts_with("own-rollout:"));
    api::Object made = rollout_of(R"(,"approvals":[{"stage":"rest","by":"ada"}])");
    EXPECT_TRUE(std::string(admit_rollout(nullptr, made, kAda).message()).starts_with("own-"));
}

TEST(RolloutAdmission, TheAuthorStaysTheAuthor) {
    const api::Object before = under_way();
    EXPECT_EQ(before.annotation(kAuthorAnnotation), "ada");
    api::Object now = before;
    now.set_annotation(kAuthorAnnotation, "bob");
    ASSERT_TRUE(admit_rollout(&before, now, kAda).ok());
    EXPECT_EQ(now.annotation(kAuthorAnnotation), "ada");
}

TEST(RolloutAdmission, UnderWayItIsOnlyTightened) {
    EXPECT_EQ(said(R"(,"abort":{"failures":1})", kAda), "OK");
    EXPECT_EQ(said(R"(,"abort":{"failures":2},"paused":true)", kAda), "OK");
    EXPECT_EQ(said(R"(,"abort":{"failures":2},"aborted":true)", kAda), "OK");
    EXPECT_NE(said(R"(,"abort":{"failures":9})", kAda).find("looser"), std::string::npos);
    EXPECT_NE(said("", kAda).find("dropped"), std::string::npos);
}

TEST(RolloutAdmission, WhatCannotBeFollowedIsNotTaken) {
    api::Object bad = rollout_of(R"(,"windows":[{"start":"25:00","durationMinutes":5}])");
    EXPECT_FALSE(admit_rollout(nullptr, bad, kAda).ok());
    api::Object other = api::Object::make("Service", "default", "s");
    EXPECT_TRUE(admit_rollout(nullptr, other, kAda).ok());
    EXPECT_TRUE(other.annotation(kAuthorAnnotation).empty());
}

}  // namespace
}  // namespace hf::control
