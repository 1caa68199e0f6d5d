#include "control/place/from_resources.h"

#include <gtest/gtest.h>

#include "control/place/explain.h"

namespace hf::control::place {
namespace {

api::Object object(std::string_view text) {
    json::Value value = *json::parse(text);
    value.as_object()["apiVersion"] = api::kApiVersion;
    return *api::Object::from_json(std::move(value));
}

struct World {
    std::vector<api::Object> sites;
    std::vector<api::Object> nodes;
    std::vector<api::Object> services;
};

World resources() {
    World all;
    all.sites = {object(R"({"kind":"Site","metadata":{"name":"berlin"},"spec":{"jurisdiction":"DE",
        "faultDomain":"east","latencyMilliseconds":5,"pueMilli":1200}})")};
    all.nodes = {
        object(R"({"kind":"Node","metadata":{"name":"b1"},"spec":{"site":"berlin","services":[
            {"namespace":"default","name":"eye","devices":[1]}]},"status":{
            "capacity":{"cpus":8,"memoryBytes":17179869184,"gpus":2,"gpuModel":"T4",
                        "priceMicros":500000,"wattsMax":300},
            "conditions":[{"type":"Ready","status":"True"}]}})"),
        object(R"({"kind":"Node","metadata":{"name":"laptop"},"spec":{"services":[
            {"namespace":"default","name":"brain"},{"namespace":"default","name":"old"}]},"status":{
            "capacity":{"cpus":4,"memoryBytes":8589934592},
            "conditions":[{"type":"Ready","status":"True"}]}})"),
    };
    all.services = {
        object(R"({"kind":"Service","metadata":{"name":"eye","namespace":"default"},"spec":{
            "model":"eye:1","replicas":2,"resources":{"cpuMilli":500,"gpuMilli":250},
            "placement":{"jurisdictions":["DE"],"maxPerNode":2},
            "cascade":{"upstream":"brain","when":{"belowMilli":900}}}})"),
        object(R"({"kind":"Service","metadata":{"name":"brain","namespace":"default"},
            "spec":{"model":"brain:1"}})"),
        object(R"({"kind":"Service","metadata":{"name":"old","namespace":"default",
            "deletionTimestamp":"2026-11-29T00:00:00Z"},"spec":{"model":"old:1","replicas":5,
            "resources":{"cpuMilli":3900}}})"),
    };
    return all;
}

std::vector<const api::Object*> borrowed(const std::vector<api::Object>& objects) {
    std::vector<const api::Object*> pointers;
    for (const api::Object& each : objects) pointers.push_back(&each);
    return pointers;
}

Fleet fleet_of(const World& world) {
    return fleet_from({borrowed(world.sites), borrowed(world.nodes), borrowed(world.services)});
}

TEST(FleetFrom, ReadsWhatResourcesSay) {
    const Fleet fleet = fleet_of(resources());
    ASSERT_TRUE(check(fleet).ok()) << check(fleet).to_string();
    EXPECT_EQ(fleet.sites[0].jurisdiction, "DE");
    EXPECT_EQ(fleet.sites[0].fault_domain, "east");
    EXPECT_EQ(fleet.sites[0].pue_milli, 1200);
    EXPECT_EQ(fleet.nodes[0].memory_mib, 16384);
    EXPECT_EQ(fleet.nodes[0].device_kind, "T4");
    EXPECT_EQ(fleet.nodes[1].device_kind, "cpu");
    EXPECT_EQ(fleet.services[0].demand, (Demand{500, kDefaultMemoryMib, 1, 250}));
    EXPECT_EQ(fleet.services[0].upstream, "default/brain");
    EXPECT_EQ(fleet.services[1].demand, (Demand{kDefaultCpuMilli, kDefaultMemoryMib, 0, 0}));
    EXPECT_EQ(fleet.services[2].replicas, 1);
    EXPECT_EQ(fleet.present.size(), 3u);
}

TEST(FleetFrom, PlansOverThem) {
    const Fleet fleet = fleet_of(resources());
    const Plan result = *plan(fleet);
    EXPECT_EQ(result.missing(), 0);
    EXPECT_TRUE(result.orphans.empty());
    for (const ServicePlan& service : result.services) {
        EXPECT_TRUE(service.displaced.empty()) << service.service;
    }
    const std::string text = *explain(result, link_cascades(fleet, result), "default/eye");
    EXPECT_NE(text.find("b1 gpu 1: stays"), std::string::npos) << text;
    EXPECT_NE(text.find("(none) cpu: 1 JurisdictionUnknown"), std::string::npos) << text;
    // "brain" stands where no jurisdiction is declared: data from DE may not go there.
    EXPECT_NE(text.find("stands alone: JurisdictionUnknown"), std::string::npos) << text;
}

// The API's bounds are the placer's, so that what was admitted is not refused later.
TEST(FleetFrom, TheLargestThatTheApiAdmitsIsPlanned) {
    World all = resources();
    json::Object& capacity = all.nodes[0].edit_status()["capacity"].as_object();
    capacity["cpus"] = 1 << 20;
    capacity["memoryBytes"] = std::int64_t{1} << 60;
    capacity["gpus"] = 16;
    capacity["priceMicros"] = 1'000'000'000'000;
    capacity["wattsMax"] = 1'000'000;
    EXPECT_TRUE(plan(fleet_of(all)).ok());
}

}  // namespace
}  // namespace hf::control::place
