#include "serve/gateway/shadows.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "serve/gateway/door_test.h"
#include "serve/gateway/forwarding.h"

namespace hf::serve::gateway {
namespace {

using namespace std::chrono_literals;

const Shadow kAll{"sha256:1", "sha256:2", 100, {}};

// A replica that answers by one version, and holds comparisons until it is told to go on.
class Versioned {
public:
    Versioned(const std::string& name, const std::string& digest) : replica_(name) {
        route_ = replica_.replica();
        route_.digest = digest;
        replica_.answer_with([this, digest](const http::Request& request) {
            if (request.path.ends_with("/compare")) return compare(request);
            http::Response response = http::Response::json(200, R"({"outputs":[]})");
            response.headers.set(kModelHeader, digest);
            return response;
        });
    }

    Replica route() const { return route_; }
    ~Versioned() { release(); }

    // Comparisons wait from hold() until release().
    void hold() { held_ = true; }
    void release() {
        held_ = false;
        held_.notify_all();
    }

    std::atomic<int> comparisons{0};
    std::atomic<bool> agrees{true};
    std::atomic<int> status{200};
    std::string last;  // comparison's body

private:
    http::Response compare(const http::Request& request) {
        last = as_text(request.body);
        ++comparisons;
        held_.wait(true);
        if (status != 200) return http::Response::error(status, "no");
        return http::Response::json(200, agrees ? R"({"agrees":true})" : R"({"agrees":false})");
    }

    std::atomic<bool> held_{false};
    TestReplica replica_;
    Replica route_;
};

bool comes_true(const std::function<bool()>& condition) {
    const testing::RealClock clock;
    const Duration end = clock.monotonic() + kPatience;
    while (clock.monotonic() < end) {
        if (condition()) return true;
        std::this_thread::yield();
    }
    return false;
}

void set(Door& door, std::vector<Replica> replicas, std::optional<Shadow> shadow = kAll,
         Residency residency = {}) {
    const Status status = door.gateway->set_routes(
        {{"s", std::move(replicas), std::move(residency), std::move(shadow)}});
    HF_CHECK(status.ok(), "{}", status.to_string());
}

bool says(const Door& door, std::string_view outcome, int count) {
    return comes_true([&] {
        return door.gateway->metrics().find(fmt::format("outcome=\"{}\"}} {}", outcome, count)) !=
               std::string::npos;
    });
}

TEST(Shadows, WhatThePreviousVersionAnsweredIsComparedOnce) {
    Versioned before("old", "sha256:1");
    Versioned next("new", "sha256:2");
    Door door;
    set(door, {before.route(), next.route()});
    int by_before = 0;
    for (int i = 0; i < 40; ++i) {
        const http::Response response = door.infer(R"({"inputs":[]})");
        EXPECT_EQ(response.status, 200);
        EXPECT_EQ(body_of(response), R"({"outputs":[]})");
        by_before += header_of(response, kModelHeader) == "sha256:1" ? 1 : 0;
    }
    ASSERT_GT(by_before, 0);
    ASSERT_TRUE(says(door, "agreed", by_before)) << door.gateway->metrics();
    EXPECT_EQ(next.comparisons, by_before);
    EXPECT_EQ(before.comparisons, 0);
    EXPECT_NE(next.last.find(R"("digest":"sha256:2")"), std::string::npos) << next.last;
    EXPECT_TRUE(next.last.ends_with(R"({"inputs":[]}{"outputs":[]})")) << next.last;
}

TEST(Shadows, DifferencesAndSilenceAreCountedApart) {
    Versioned before("old", "sha256:1");
    Versioned next("new", "sha256:2");
    Door door;
    set(door, {before.route(), next.route()});
    const auto ask_before = [&] {
        while (header_of(door.infer(), kModelHeader) != "sha256:1") {
        }
    };
    next.agrees = false;
    ask_before();
    ASSERT_TRUE(says(door, "differed", 1)) << door.gateway->metrics();
    next.status = 409;
    ask_before();
    ASSERT_TRUE(says(door, "unanswered", 1)) << door.gateway->metrics();
}

// The machine with the next version takes its time: nobody else waits, and what piles up is
// dropped.
TEST(Shadows, ASlowComparisonHoldsUpNobody) {
    Versioned before("old", "sha256:1");
    Versioned next("new", "sha256:2");
    Door door;
    set(door, {before.route(), next.route()});
    next.hold();
    constexpr int kDropped = 10;
    const auto under_way_and_waiting = static_cast<int>(kShadowsWaitingMax) + 1;
    for (int by_before = 0; by_before < under_way_and_waiting + kDropped;) {
        const http::Response response = door.infer();
        ASSERT_EQ(response.status, 200);
        by_before += header_of(response, kModelHeader) == "sha256:1" ? 1 : 0;
        // The first is under way before the others begin to wait.
        ASSERT_TRUE(by_before != 1 || comes_true([&] { return next.comparisons == 1; }));
    }
    EXPECT_TRUE(says(door, "dropped", kDropped)) << door.gateway->metrics();
    next.release();
    EXPECT_TRUE(says(door, "agreed", under_way_and_waiting)) << door.gateway->metrics();
}

TEST(Shadows, OnlyWhereTheDataMayLie) {
    Versioned before("old", "sha256:1");
    Versioned next("new", "sha256:2");
    Replica at_home = before.route();
    at_home.jurisdiction = "DE";
    Replica abroad = next.route();
    abroad.jurisdiction = "US";
    Door door;
    set(door, {at_home, abroad}, kAll, {{"DE"}, {}});
    for (int i = 0; i < 20; ++i) EXPECT_EQ(door.infer().status, 200);
    abroad.jurisdiction = "DE";
    set(door, {at_home, abroad}, kAll, {{"DE"}, {}});
    while (header_of(door.infer(), kModelHeader) != "sha256:1") {
    }
    // Comparisons go in the order of their requests: the first is of the last.
    ASSERT_TRUE(says(door, "agreed", 1)) << door.gateway->metrics();
    EXPECT_EQ(next.comparisons, 1);
}

TEST(Shadows, ChoosesByVersionReadinessAndShare) {
    Balancer balancer;
    Rng rng(testing::seed());
    Replica has = replica_at(9001, "new");
    has.digest = "sha256:2";
    Replica other = replica_at(9002, "third");
    other.digest = "sha256:3";
    const auto adopt = [&](std::optional<Shadow> shadow) {
        ASSERT_EQ(balancer.set_routes({{"s", {has, other}, {}, std::move(shadow)}}), Status());
    };
    const Instant now{1000s};
    const auto choose = [&](std::string_view service, std::string_view digest) {
        const auto choice = balancer.choose_shadow(service, digest, now, rng);
        return choice ? choice->replica.node : "";
    };
    adopt(kAll);
    EXPECT_EQ(choose("s", "sha256:1"), "new");
    EXPECT_EQ(choose("s", "sha256:2"), "") << "its own answers are not compared";
    EXPECT_EQ(choose("t", "sha256:1"), "");
    adopt(std::nullopt);
    EXPECT_EQ(choose("s", "sha256:1"), "");
    has.ready = false;
    adopt(kAll);
    EXPECT_EQ(choose("s", "sha256:1"), "");
    has.ready = true;
    Shadow quarter = kAll;
    quarter.percent = 25;
    adopt(quarter);
    int chosen = 0;
    for (int i = 0; i < 4000; ++i) chosen += choose("s", "sha256:1").empty() ? 0 : 1;
    EXPECT_GT(chosen, 800);
    EXPECT_LT(chosen, 1200);
}

}  // namespace
}  // namespace hf::serve::gateway
