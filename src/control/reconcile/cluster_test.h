// A cluster that its own orders are applied to, as the reconciler does, for tests of orders. Not
// thread-safe.

#pragma once

#include <set>
#include <string>

#include <gtest/gtest.h>

#include "api/conditions.h"
#include "base/json_lists.h"
#include "control/reconcile/orders.h"
#include "control/reconcile/service_status.h"

namespace hf::control {

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

}  // namespace hf::control
