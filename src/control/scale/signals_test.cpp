#include "control/scale/signals.h"

#include <gtest/gtest.h>

#include "control/reconcile/cluster_test.h"

namespace hf::control::scale {
namespace {

using namespace std::chrono_literals;

const std::string kService = "default/pump";

// Machine `name` says that of its only service.
void say(World& world, const std::string& name, const json::Object& load) {
    json::Array services = json::items_of(world.nodes.at(name).status(), "services");
    services.at(0).as_object()["load"] = load;
    world.nodes.at(name).edit_status()["services"] = std::move(services);
}

World three() {
    World world;
    for (const char* name : {"a", "b", "c"}) world.node(name);
    world.service("pump", 3);
    world.round();
    for (const char* name : {"a", "b", "c"}) world.report(name);
    return world;
}

Signals signals_of(const World& world, const std::set<std::string>& old = {}) {
    return read_signals({kService}, world.nodes, old).at(kService);
}

TEST(Signals, AddUpWhatMachinesSay) {
    World world = three();
    say(world, "a",
        {{"concurrencyMilli", 1500}, {"queueMicroseconds", 1000}, {"requestsPerMinute", 300}});
    say(world, "b",
        {{"concurrencyMilli", 500}, {"queueMicroseconds", 5000}, {"requestsPerMinute", 100}});
    say(world, "c", {{"concurrencyMilli", 0}, {"queueMicroseconds", 0}, {"requestsPerMinute", 0}});
    EXPECT_EQ(signals_of(world), (Signals{3, 3, 2000, 2ms, {}}));
}

TEST(Signals, WhoSaysNothingIsSilentAndWhoAnswersNothingIsNot) {
    World world = three();
    say(world, "a", {{"concurrencyMilli", 700}});
    world.report("b", "False");
    EXPECT_EQ(signals_of(world), (Signals{3, 1, 700, 0ns, {"c"}}));
    say(world, "b", {{"concurrencyMilli", 200}});
    EXPECT_EQ(signals_of(world), (Signals{3, 1, 900, 0ns, {"c"}}))
        << "it is not to be asked any more, and is";
}

TEST(Signals, WhatIsLostOrOldOrOfAnEarlierOrderCountsForNothing) {
    World world = three();
    for (const char* name : {"a", "b", "c"}) say(world, name, {{"concurrencyMilli", 1000}});
    EXPECT_EQ(signals_of(world, {"b"}).silent, (std::vector<std::string>{"b"}));
    world.set_ready("a", false);
    EXPECT_EQ(signals_of(world).silent, (std::vector<std::string>{"a"}));
    json::Array orders = json::items_of(world.nodes.at("c").spec(), "services");
    orders.at(0).as_object()["epoch"] = 9;
    world.nodes.at("c").edit_spec()["services"] = std::move(orders);
    EXPECT_EQ(signals_of(world).silent, (std::vector<std::string>{"a", "c"}));
}

TEST(Signals, AStatusIsOldWhenItHasNotChangedForLong) {
    World world = three();
    LoadAges ages;
    ages.note(world.nodes, 0s);
    world.nodes.at("a").edit_status()["heartbeatTime"] = "2026-01-01T00:00:00Z";
    ages.note(world.nodes, 60s);
    EXPECT_EQ(ages.old(99s), std::set<std::string>());
    EXPECT_EQ(ages.old(100s), (std::set<std::string>{"b", "c"}));
    world.nodes.erase("b");
    ages.note(world.nodes, 101s);
    EXPECT_EQ(ages.old(160s), (std::set<std::string>{"a", "c"}));
}

}  // namespace
}  // namespace hf::control::scale
