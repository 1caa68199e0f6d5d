#include "control/reconcile/rollout_orders.h"

#include <limits>

#include <gtest/gtest.h>

#include "control/reconcile/cluster_test.h"

namespace hf::control {
namespace {

const std::string kElsewhere = "sha256:" + std::string(64, '2');

json::Object& only_order(api::Object& node) {
    return node.edit_spec()["services"].as_array().front().as_object();
}

// The tag has moved since: what stood for it when the first machine got it counts.
TEST(Orders, AReplicaThatComesLaterRunsTheSameVersion) {
    World world;
    world.node("a");
    world.service("pump", 2);
    world.round();
    only_order(world.nodes["a"])["digest"] = kElsewhere;
    world.node("b");
    world.round();
    EXPECT_EQ(only_order(world.nodes["b"]).at("digest"), json::Value(kElsewhere));
}

TEST(Orders, WhatARollOutBroughtIsNotLookedUpAgain) {
    World world;
    world.node("a");
    world.node("b");
    world.service("pump", 2);
    world.round();
    for (auto& [name, node] : world.nodes) {
        only_order(node)["digest"] = kElsewhere;
        only_order(node)["rollout"] = "r/0/1/1/5/forward";
    }
    world.services["default/pump"].edit_metadata()["generation"] = 2;
    world.node("c");
    world.services["default/pump"].edit_spec()["replicas"] = 3;
    world.round();
    for (auto& [name, node] : world.nodes) {
        EXPECT_EQ(only_order(node).at("digest"), json::Value(kElsewhere)) << name;
        EXPECT_FALSE(only_order(node).contains("rollout")) << name;
    }
}

// A machine that the roll-out could not reach had the tag looked up for it before the tag moved.
TEST(Orders, WhatARollOutBroughtCountsMoreThanWhatWasLookedUp) {
    for (const char* reached : {"a", "b"}) {
        World world;
        world.node("a");
        world.node("b");
        world.service("pump", 2);
        world.round();
        only_order(world.nodes["a"])["digest"] = "sha256:" + std::string(64, '3');
        only_order(world.nodes["b"])["digest"] = "sha256:" + std::string(64, '3');
        only_order(world.nodes[reached])["digest"] = kElsewhere;
        only_order(world.nodes[reached])["rollout"] = "r/0/1/1/5/forward";
        world.round();
        for (auto& [name, node] : world.nodes) {
            EXPECT_EQ(only_order(node).at("digest"), json::Value(kElsewhere)) << name;
        }
    }
}

const json::Value& order_of(World& world, const std::string& node) {
    return json::find_array(world.nodes.at(node).spec(), "services")->at(0);
}

// Windows go with the orders: those of the service, and of a roll-out while it has the machine.
TEST(Orders, CarryMaintenanceWindows) {
    World world;
    world.node("a");
    const api::Windows nightly{{api::kEveryDay, 60, 60, 0}};
    world.service("pump").edit_spec()["windows"] = api::to_json(nightly);
    world.round();
    EXPECT_EQ(order_of(world, "a").at("windows"), api::to_json(nightly));
    EXPECT_FALSE(json::find(order_of(world, "a"), "downloadAhead"));

    world.rolling.insert("default/pump");
    rollout::Action action;
    action.kind = rollout::Action::Kind::kOrder;
    action.digest = "sha256:" + std::string(64, '2');
    action.token = {"r", 0, 1, 1, 5, rollout::Why::kForward};
    const api::Windows weekly{{1, 60, 60, 0, "Europe/Berlin"}};
    ASSERT_TRUE(write_order(world.nodes["a"],
                            {action, "default/pump", "pump:v2", Instant(), weekly, true}));
    world.round();
    EXPECT_EQ(order_of(world, "a").at("windows"), api::to_json(weekly));
    EXPECT_TRUE(json::get_bool(order_of(world, "a"), "downloadAhead"));

    // Back it goes at any time.
    action.kind = rollout::Action::Kind::kReturn;
    action.token.revision = 6;
    action.token.why = rollout::Why::kFailed;
    ASSERT_TRUE(write_order(world.nodes["a"],
                            {action, "default/pump", "pump:v1", Instant(), weekly, true}));
    world.round();
    EXPECT_FALSE(json::find(order_of(world, "a"), "windows"));
    EXPECT_FALSE(json::find(order_of(world, "a"), "downloadAhead"));
    world.rolling.clear();
    world.round();
    EXPECT_EQ(order_of(world, "a").at("windows"), api::to_json(nightly));
}

// A service that people have changed meanwhile is followed when the roll-out has gone back.
TEST(RolloutOrders, GoBackToTheModelOfBefore) {
    World world;
    world.node("a");
    world.service("pump");
    world.rolling = {"default/pump"};
    world.round();
    rollout::Action action;
    action.kind = rollout::Action::Kind::kOrder;
    action.digest = kElsewhere;
    action.token = {"r", 0, 1, 1, 5, rollout::Why::kForward};
    const api::Windows none;
    ASSERT_TRUE(
        write_order(world.nodes["a"], {action, "default/pump", "pump:v2", Instant(), none}));
    world.services["default/pump"].edit_spec()["model"] = "elsewhere:v9";
    world.services["default/pump"].edit_metadata()["generation"] = 2;
    world.round();
    action.kind = rollout::Action::Kind::kReturn;
    action.digest = "sha256:" + std::string(64, '1');
    action.token.revision = 6;
    action.token.why = rollout::Why::kAbort;
    ASSERT_TRUE(
        write_order(world.nodes["a"], {action, "default/pump", "elsewhere:v9", Instant(), none}));
    world.round();
    EXPECT_EQ(order_of(world, "a").at("model"), json::Value("pump:v1"));
    world.rolling.clear();
    world.round();
    EXPECT_EQ(order_of(world, "a").at("model"), json::Value("elsewhere:v9"));
    EXPECT_FALSE(json::find(order_of(world, "a"), "digest")) << "nobody has looked it up yet";
    EXPECT_FALSE(json::find(order_of(world, "a"), "modelBefore"));
}

// One that begins in the round in which another has succeeded finds that one's record.
TEST(RolloutOrders, GoBackToWhatTheOneBeforeLeft) {
    World world;
    world.node("a");
    world.service("pump");
    world.round();
    rollout::Action action;
    action.kind = rollout::Action::Kind::kOrder;
    action.digest = "sha256:" + std::string(64, '1');
    action.token = {"first", 0, 1, 1, 5, rollout::Why::kForward};
    const api::Windows none;
    ASSERT_TRUE(
        write_order(world.nodes["a"], {action, "default/pump", "pump:v2", Instant(), none}));
    action.digest = kElsewhere;
    action.token = {"second", 0, 1, 1, 2, rollout::Why::kForward};
    ASSERT_TRUE(
        write_order(world.nodes["a"], {action, "default/pump", "pump:v3", Instant(), none}));
    action.kind = rollout::Action::Kind::kReturn;
    action.digest = "sha256:" + std::string(64, '1');
    action.token.revision = 3;
    action.token.why = rollout::Why::kAbort;
    ASSERT_TRUE(
        write_order(world.nodes["a"], {action, "default/pump", "pump:v1", Instant(), none}));
    EXPECT_EQ(order_of(world, "a").at("model"), json::Value("pump:v2"));
}

// Where the service's model stood for nothing before.
TEST(RolloutOrders, GoBackToNothing) {
    World world;
    world.node("a");
    world.service("pump");
    world.round();
    rollout::Action action;
    action.kind = rollout::Action::Kind::kReturn;
    action.token = {"r", 0, 1, 1, 6, rollout::Why::kAbort};
    const api::Windows none;
    ASSERT_TRUE(
        write_order(world.nodes["a"], {action, "default/pump", "pump:v1", Instant(), none}));
    EXPECT_FALSE(json::find(order_of(world, "a"), "digest")) << "an empty one is not valid";
}

TEST(RolloutOrders, ObserveWhoWaitsAndWhoAgrees) {
    World world;
    for (const char* name : {"a", "b", "c"}) world.node(name);
    world.service("pump", 3);
    world.round();
    const rollout::Token token{"r", 0, 1, 1, 5, rollout::Why::kForward};
    for (auto& [name, node] : world.nodes) {
        world.report(name);
        json::Object& order = node.edit_spec()["services"].as_array().front().as_object();
        order["digest"] = "sha256:" + std::string(64, '2');
        order["rollout"] = rollout::to_text(token);
        json::Object& report = node.edit_status()["services"].as_array().front().as_object();
        report["rollout"] = rollout::to_text(token);
        report["requests"] = 10;
        report["compared"] = name == "a" ? 7 : 3;
        report["agreed"] = name == "a" ? std::int64_t{5} : std::numeric_limits<std::int64_t>::max();
    }
    const auto wait = [&](const std::string& name, const std::string& truth) {
        json::Object& report =
            world.nodes[name].edit_status()["services"].as_array().front().as_object();
        report["conditions"].as_array().push_back({{"type", "WaitingForWindow"},
                                                   {"status", truth},
                                                   {"reason", "WindowClosed"},
                                                   {"message", "until Monday"}});
    };
    wait("a", "True");
    wait("b", "False");
    const std::vector<rollout::NodeState> nodes = observe_nodes("default/pump", world.nodes);
    ASSERT_EQ(nodes.size(), 3u);
    EXPECT_EQ(nodes[0].outcome, rollout::Outcome::kWaiting);
    EXPECT_EQ(nodes[0].reason, "until Monday");
    EXPECT_NE(nodes[1].outcome, rollout::Outcome::kWaiting);
    EXPECT_EQ(nodes[2].outcome, rollout::Outcome::kWorking);
    const auto metrics = observe_metrics("default/pump", world.nodes);
    const rollout::Metrics& sum = metrics.at("sha256:" + std::string(64, '1'));
    EXPECT_EQ(sum.requests, 30);
    EXPECT_EQ(sum.compared, 13);
    EXPECT_EQ(sum.agreed, rollout::kMetricMax) << "what no machine can have counted is bounded";
}

}  // namespace
}  // namespace hf::control
