#include "control/reconcile/orders.h"

#include <limits>

#include <gtest/gtest.h>

#include "api/conditions.h"
#include "base/json_lists.h"
#include "base/rng.h"
#include "control/reconcile/rollout_orders.h"
#include "control/reconcile/service_status.h"
#include "testing/script.h"

namespace hf::control {
namespace {

// A cluster that its own orders are applied to, as the reconciler does.
class World {
public:
    api::Object& node(const std::string& name, bool ready = true, const std::string& site = "") {
        api::Object node = api::Object::make("Node", "", name);
        node.edit_metadata()["uid"] = "n-" + name;
        node.edit_metadata()["generation"] = 1;
        if (!site.empty()) node.edit_spec()["site"] = site;
        node.edit_status()["capacity"] = {{"cpus", 4}, {"memoryBytes", std::int64_t{8} << 30}};
        nodes[name] = node;
        set_ready(name, ready);
        return nodes[name];
    }
    void set_ready(const std::string& name, bool ready) {
        api::set_condition(
            nodes.at(name),
            {"Ready", ready ? api::Truth::kTrue : api::Truth::kUnknown, "R", "", 0, {}}, Instant());
    }
    void site(const std::string& name, const std::string& jurisdiction) {
        api::Object site = api::Object::make("Site", "", name);
        site.edit_spec()["jurisdiction"] = jurisdiction;
        sites[name] = site;
    }
    api::Object& service(const std::string& name, std::int64_t replicas = 1) {
        api::Object service = api::Object::make("Service", "default", name);
        service.edit_metadata()["generation"] = 1;
        service.edit_spec()["model"] = name + ":v1";
        service.edit_spec()["replicas"] = replicas;
        return services["default/" + name] = service;
    }
    void policy(const std::string& name, std::int64_t generation) {
        api::Object policy = api::Object::make("TrustPolicy", "", name);
        policy.edit_metadata()["generation"] = generation;
        policy.edit_spec()["requireScan"] = true;
        policies[name] = policy;
    }

    Orders decide() {
        return decide_orders({sites, nodes, services, policies, rolling},
                             [](const std::string& reference) {
                                 return reference == "pump:v1" ? "sha256:" + std::string(64, '1')
                                                               : "";
                             })
            .value();
    }
    // Decides and applies; how many nodes got other orders.
    std::size_t round() {
        const Orders orders = decide();
        for (const auto& [key, epoch] : orders.epochs) {
            EXPECT_GT(epoch, json::get_int(services.at(key).status(), "epoch"));
            services.at(key).edit_status()["epoch"] = epoch;
        }
        for (const NodeOrders& each : orders.nodes) {
            nodes.at(each.node).edit_spec()["services"] = each.services;
            nodes.at(each.node).edit_spec()["trustPolicies"] = each.policies;
        }
        for (auto& [key, service] : services) {
            service = with_status(service, plan_of(orders, key), nodes, Instant());
        }
        return orders.nodes.size();
    }
    static place::ServicePlan plan_of(const Orders& orders, const std::string& key) {
        for (const place::ServicePlan& plan : orders.plan.services) {
            if (plan.service == key) return plan;
        }
        return {};
    }

    // "a@1 b@2": the machines that are ordered to run it, with their epochs.
    std::string where(const std::string& name) const {
        std::string text;
        for (const auto& [node, object] : nodes) {
            const json::Array* orders = json::find_array(object.spec(), "services");
            for (const json::Value& order : orders ? *orders : json::Array()) {
                if (json::get_string(order, "name") != name) continue;
                text += fmt::format("{}{}@{}", text.empty() ? "" : " ", node,
                                    json::get_int(order, "epoch"));
            }
        }
        return text;
    }

    // The node has done what it was ordered, and says so.
    void report(const std::string& name, const std::string& ready = "True") {
        api::Object& node = nodes.at(name);
        json::Array services;
        const json::Array* orders = json::find_array(node.spec(), "services");
        for (const json::Value& order : orders ? *orders : json::Array()) {
            json::Object report{{"namespace", json::get_string(order, "namespace")},
                                {"name", json::get_string(order, "name")},
                                {"epoch", json::get_int(order, "epoch")},
                                {"observedGeneration", json::get_int(order, "generation")},
                                {"url", "http://" + name},
                                {"digest", "sha256:" + std::string(64, '1')}};
            const json::Value condition{
                {"type", "Ready"}, {"status", ready}, {"reason", "Serving"}, {"message", "m"}};
            report["conditions"] = json::Array{condition};
            services.push_back(std::move(report));
        }
        node.edit_status()["services"] = std::move(services);
    }

    Objects sites, nodes, services, policies;
    std::set<std::string> rolling;
};

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
