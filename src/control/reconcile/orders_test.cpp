#include "control/reconcile/orders.h"

#include <limits>

#include <gtest/gtest.h>

#include "api/conditions.h"
#include "base/json_lists.h"
#include "base/rng.h"
#include "control/reconcile/cluster_test.h"
#include "control/reconcile/service_status.h"
#include "testing/script.h"

namespace hf::control {
namespace {

TEST(Orders, SayAllThatANodeNeeds) {
    World world;
    world.node("a");
    world.policy("default", 3);
    world.policy("other", 1);
    world.service("pump");
    EXPECT_EQ(world.round(), 1u);
    const json::Value& spec = world.nodes["a"].spec();
    const json::Value& order = json::find_array(spec, "services")->at(0);
    EXPECT_EQ(json::get_string(order, "model"), "pump:v1");
    EXPECT_EQ(json::get_string(order, "digest"), "sha256:" + std::string(64, '1'));
    EXPECT_EQ(json::get_int(order, "epoch"), 1);
    const json::Array& policies = *json::find_array(spec, "trustPolicies");
    ASSERT_EQ(policies.size(), 1u);
    EXPECT_EQ(json::get_int(policies[0], "generation"), 3);
    EXPECT_EQ(world.round(), 0u) << "an order that says nothing new is not written";
    world.policy("default", 4);
    EXPECT_EQ(world.round(), 1u);
}

TEST(Orders, AVersionStaysUntilTheServiceChanges) {
    World world;
    world.node("a");
    world.service("pump");
    world.round();
    world.services["default/pump"].edit_spec()["model"] = "elsewhere:v9";
    world.services["default/pump"].edit_metadata()["generation"] = 2;
    world.round();
    const json::Value& order = json::find_array(world.nodes["a"].spec(), "services")->at(0);
    EXPECT_EQ(json::get_string(order, "digest"), "") << "not the digest of the other reference";
    EXPECT_EQ(json::get_int(order, "epoch"), 1) << "the replica did not move";
}

// The order's "cascade" of the only service on that machine, as JSON; "none".
std::string cascade_on(const World& world, const std::string& node) {
    const json::Array& orders = json::items_of(world.nodes.at(node).spec(), "services");
    const json::Value* cascade = orders.empty() ? nullptr : json::find(orders[0], "cascade");
    return cascade ? json::write_canonical(*cascade) : "none";
}

World cascading(const std::string& law_of_cloud) {
    World world;
    world.site("factory", "DE");
    world.site("cloud", law_of_cloud);
    world.node("a", true, "factory");
    world.node("b", true, "cloud").edit_status()["url"] = "https://b:1";
    world.service("large").edit_spec()["placement"] = {{"nodes", json::Array{"b"}}};
    api::Object& small = world.service("small");
    small.edit_spec()["placement"] = {{"nodes", json::Array{"a"}},
                                      {"forbiddenJurisdictions", json::Array{"US"}}};
    small.edit_spec()["cascade"] = {{"upstream", "large"}, {"when", {{"belowMilli", 900}}}};
    return world;
}

TEST(Orders, SayWhomACascadeAsks) {
    World world = cascading("FR");
    world.round();
    EXPECT_EQ(cascade_on(world, "b"), "none");
    EXPECT_EQ(cascade_on(world, "a"),
              R"({"at":{"jurisdiction":"FR","node":"b","url":"https://b:1"},)"
              R"("upstream":"large","when":{"belowMilli":900}})");
    EXPECT_EQ(world.round(), 0u);
    world.nodes["b"].edit_status()["url"] = "";
    world.round();
    EXPECT_NE(cascade_on(world, "a").find(R"("alone":"no-address")"), std::string::npos);
    // A machine that is lost is told nothing new.
    world.nodes["b"].edit_status()["url"] = "https://b:2";
    world.round();
    EXPECT_NE(cascade_on(world, "a").find("https://b:2"), std::string::npos);
    world.set_ready("a", false);
    EXPECT_EQ(world.round(), 0u);
    world.set_ready("a", true);
    world.set_ready("b", false);
    world.round();
    EXPECT_NE(cascade_on(world, "a").find(R"("alone":"no-upstream")"), std::string::npos);
}

TEST(Orders, ACascadeGoesNowhereWhereDataMayNot) {
    World world = cascading("US");
    world.round();
    EXPECT_NE(cascade_on(world, "a").find(R"({"alone":"residency",)"), std::string::npos);
}

// It stops no plan: neither its own service's nor another's.
TEST(Orders, ACascadeThatCannotBeFollowedStandsAlone) {
    World world = cascading("FR");
    world.round();
    EXPECT_NE(cascade_on(world, "a").find(R"("at":)"), std::string::npos);
    // Whom it asked is not asked any longer: nobody ordered that.
    world.services.erase("default/large");
    world.round();
    EXPECT_EQ(world.where("small"), "a@1");
    EXPECT_NE(cascade_on(world, "a").find(R"("alone":"no-upstream")"), std::string::npos);
    api::Object& other = world.service("large");
    other.edit_spec()["cascade"] = {{"upstream", "small"}, {"when", {{"belowMilli", 1}}}};
    world.round();
    EXPECT_NE(world.where("large"), "");
    EXPECT_NE(cascade_on(world, "a").find(R"("alone":"no-upstream")"), std::string::npos);
}

TEST(Orders, ALostNodeKeepsItsReplicaUntilAnotherTakesIt) {
    World world;
    world.node("a");
    world.service("pump");
    world.round();
    EXPECT_EQ(world.where("pump"), "a@1");
    world.set_ready("a", false);
    EXPECT_EQ(world.round(), 0u);
    EXPECT_EQ(world.where("pump"), "a@1") << "nobody else can take it";
    world.node("b");
    world.round();
    EXPECT_EQ(world.where("pump"), "b@2");
    world.set_ready("a", true);
    EXPECT_EQ(world.round(), 0u);
    EXPECT_EQ(world.where("pump"), "b@2");
}

TEST(Orders, ADrainedNodeIsEmptiedOnceThereIsRoom) {
    World world;
    world.node("a").edit_spec()["drain"] = true;
    world.node("b");
    world.service("pump", 2);
    world.round();
    EXPECT_EQ(world.where("pump"), "b@1");
}

TEST(Orders, ResidencyEndsAnOrderAtOnce) {
    World world;
    world.site("berlin", "DE");
    world.node("a", true, "berlin");
    world.service("pump");
    world.round();
    EXPECT_EQ(world.where("pump"), "a@1");
    world.services["default/pump"].edit_spec()["placement"] = {
        {"forbiddenJurisdictions", json::Array{"DE"}}};
    world.round();
    EXPECT_EQ(world.where("pump"), "");
    const auto placed = api::find_condition(world.services["default/pump"], "Placed");
    EXPECT_EQ(placed->reason, "JurisdictionForbidden");
    EXPECT_NE(placed->message.find("0 of 1 replicas"), std::string::npos);
    // A Site that goes takes no plan down with it.
    world.sites.clear();
    world.round();
    EXPECT_EQ(world.where("pump"), "");
}

TEST(Orders, ResidencyEndsAnOrderAlsoOnAMachineThatIsLostOrDrains) {
    for (const bool drains : {false, true}) {
        World world;
        world.site("berlin", "DE");
        world.node("a", true, "berlin");
        world.service("pump");
        world.round();
        if (drains) world.nodes["a"].edit_spec()["drain"] = true;
        if (!drains) world.set_ready("a", false);
        world.round();
        EXPECT_EQ(world.where("pump"), "a@1") << "nobody else can take it";
        for (const json::Object& rule : {json::Object{{"forbiddenJurisdictions", {"DE"}}},
                                         json::Object{{"jurisdictions", {"FR"}}}}) {
            World ruled = world;
            ruled.services["default/pump"].edit_spec()["placement"] = rule;
            ruled.round();
            EXPECT_EQ(ruled.where("pump"), "") << json::write(rule);
        }
        world.services["default/pump"].edit_spec()["placement"] = {
            {"jurisdictions", json::Array{"DE"}}};
        world.round();
        EXPECT_EQ(world.where("pump"), "a@1") << "there it may lie";
    }
}

TEST(Orders, EpochsNeverRepeatAndOneMachineHasEach) {
    Rng rng(testing::seed());
    for (int run = 0; run < 50; ++run) {
        World world;
        for (int i = 0; i < 4; ++i) world.node(fmt::format("n{}", i));
        for (int i = 0; i < 3; ++i) world.service(fmt::format("s{}", i), 1 + i % 2);
        std::map<std::string, std::map<std::string, std::int64_t>> last;  // service, node: epoch
        std::map<std::string, std::int64_t> highest;
        for (int step = 0; step < 30; ++step) {
            world.set_ready(fmt::format("n{}", rng.below(4)), rng.below(2) == 0);
            world.round();
            EXPECT_EQ(world.round(), 0u) << "it settles in one round";
            for (const auto& [key, service] : world.services) {
                std::map<std::string, std::int64_t> now;
                for (const auto& [name, node] : world.nodes) {
                    const json::Array* orders = json::find_array(node.spec(), "services");
                    for (const json::Value& order : orders ? *orders : json::Array()) {
                        if (json::get_string(order, "name") != service.name()) continue;
                        now[name] = json::get_int(order, "epoch");
                    }
                }
                for (const auto& [node, epoch] : now) {
                    const bool kept = last[key].contains(node) && last[key][node] == epoch;
                    EXPECT_TRUE(kept || epoch > highest[key]) << key << " on " << node;
                }
                for (const auto& [node, epoch] : now) {
                    highest[key] = std::max(highest[key], epoch);
                }
                last[key] = now;
            }
        }
    }
}

TEST(Orders, AServiceThatScalesHasAsManyReplicasAsItsStatusSays) {
    World world;
    for (const char* name : {"a", "b", "c"}) world.node(name);
    api::Object& service = world.service("pump");
    service.edit_spec().erase("replicas");
    service.edit_spec()["scale"] = {{"min", 1}, {"max", 2}};
    world.round();
    EXPECT_EQ(world.where("pump"), "a@1");
    const json::Value& order = json::find_array(world.nodes["a"].spec(), "services")->at(0);
    EXPECT_TRUE(json::get_bool(order, "reportLoad"));
    world.services["default/pump"].edit_status()["wantedReplicas"] = 2;
    world.round();
    EXPECT_EQ(world.where("pump"), "a@1 b@2");
    world.services["default/pump"].edit_status()["wantedReplicas"] = 3;
    world.round();
    EXPECT_EQ(world.where("pump"), "a@1 b@2") << "max is 2";
    world.services["default/pump"].edit_status()["wantedReplicas"] = 1;
    world.round();
    EXPECT_EQ(world.where("pump"), "a@1");
}

TEST(ServiceStatus, KeepsWhatTheScalerSaysAsLongAsTheServiceScales) {
    World world;
    world.node("a");
    api::Object& service = world.service("pump");
    service.edit_spec().erase("replicas");
    service.edit_spec()["scale"] = {{"max", 2}};
    service.edit_status()["wantedReplicas"] = 1;
    service.edit_status()["scale"] = {{"askedFor", 1}};
    api::set_condition(service, {"Scaled", api::Truth::kTrue, "AsAsked", "m", 1, {}}, Instant());
    world.round();
    // Decided since the plan.
    api::Object later = world.services["default/pump"];
    later.edit_status()["wantedReplicas"] = 2;
    const api::Object status = with_status(later, {"default/pump", 1, {}, {}, {}}, world.nodes, {});
    EXPECT_EQ(json::get_int(status.status(), "wantedReplicas"), 2);
    EXPECT_TRUE(api::is_true(status, "Scaled"));
    world.services["default/pump"].edit_spec().erase("scale");
    world.round();
    EXPECT_FALSE(api::find_condition(world.services["default/pump"], "Scaled"));
    EXPECT_FALSE(json::find(world.services["default/pump"].status(), "scale"));
}

TEST(ServiceStatus, CountsWhoAnswers) {
    World world;
    world.node("a");
    world.node("b");
    world.service("pump", 2);
    world.round();
    const auto status = [&] {
        world.round();
        return world.services["default/pump"];
    };
    EXPECT_EQ(api::find_condition(status(), "Ready")->reason, "NotServing");
    world.report("a");
    EXPECT_EQ(api::find_condition(status(), "Ready")->reason, "PartlyServing");
    EXPECT_EQ(api::find_condition(status(), "Ready")->message, "1 of 2 replicas answer");
    world.report("b");
    EXPECT_EQ(api::find_condition(status(), "Ready")->reason, "Serving");
    EXPECT_EQ(json::get_int(status().status(), "readyReplicas"), 2);
    EXPECT_EQ(json::get_string(status().status(), "url"), "http://a");
    world.set_ready("a", false);
    EXPECT_EQ(json::get_string(status().status(), "url"), "http://b");
    EXPECT_EQ(json::get_int(status().status(), "readyReplicas"), 1);
    world.set_ready("b", false);
    EXPECT_EQ(api::find_condition(status(), "Ready")->status, api::Truth::kUnknown);
    EXPECT_EQ(api::find_condition(status(), "Ready")->reason, "NodeLost");
}

TEST(ServiceStatus, AReportOfAnEarlierOrderCountsForNothing) {
    World world;
    world.node("a");
    world.service("pump");
    world.round();
    world.report("a");
    world.set_ready("a", false);
    world.node("b");
    world.round();
    EXPECT_EQ(world.where("pump"), "b@2");
    // Back on a, which still tells of what it had before.
    world.set_ready("b", false);
    world.set_ready("a", true);
    world.round();
    EXPECT_EQ(world.where("pump"), "a@3");
    EXPECT_EQ(json::get_int(world.services["default/pump"].status(), "readyReplicas"), 0);
    world.report("a");
    world.round();
    EXPECT_EQ(json::get_int(world.services["default/pump"].status(), "readyReplicas"), 1);
}

}  // namespace
}  // namespace hf::control
