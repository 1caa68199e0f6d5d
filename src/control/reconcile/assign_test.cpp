#include "control/reconcile/assign.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "base/rng.h"
#include "testing/script.h"

namespace hf::control {
namespace {

std::string show(const std::vector<Assignment>& changes) {
    std::string text;
    for (const Assignment& change : changes) {
        text += (text.empty() ? "" : " ") + change.service + ">" + change.node;
    }
    return text;
}

TEST(AssignServices, SpreadsByLoadAndThenByName) {
    const std::vector<NodeFacts> nodes{{"b", true}, {"a", true}, {"c", false}};
    EXPECT_EQ(show(assign_services(nodes, {{"x", "", false}, {"y", "", false}, {"z", "", false}})),
              "x>a y>b z>a");
    EXPECT_EQ(show(assign_services(nodes, {{"x", "a", false}, {"y", "", false}})), "y>b");
}

TEST(AssignServices, MovesOnlyFromNodesThatAreNotReady) {
    const std::vector<NodeFacts> nodes{{"a", true}, {"c", false}};
    EXPECT_EQ(show(assign_services(nodes, {{"x", "a", false}, {"y", "c", false}})), "y>a");
    EXPECT_EQ(show(assign_services(nodes, {{"y", "gone", false}, {"l", "gone", true}})), "y>a");
    EXPECT_EQ(show(assign_services({{"c", false}}, {{"y", "c", false}, {"z", "", false}})), "y>");
    EXPECT_EQ(show(assign_services({}, {})), "");
}

// From any start, applying the plan leaves nothing to do, everything on ready nodes, and what was
// on a ready node where it was.
TEST(AssignServices, SettlesInOneRoundAndMovesLittle) {
    Rng rng(testing::seed());
    for (int round = 0; round < 500; ++round) {
        std::vector<NodeFacts> nodes;
        std::map<std::string, bool> ready;
        for (std::uint64_t i = rng.below(5); i > 0; --i) {
            nodes.push_back({"n" + std::to_string(i), rng.below(3) != 0});
            ready[nodes.back().name] = nodes.back().ready;
        }
        std::map<std::string, ServiceFacts> services;
        for (std::uint64_t i = rng.below(12); i > 0; --i) {
            const std::string key = "s" + std::to_string(i);
            const std::string node = rng.below(2) ? "" : "n" + std::to_string(rng.below(7));
            services[key] = {key, node, false};
        }
        const auto facts = [&] {
            std::vector<ServiceFacts> list;
            for (const auto& [key, service] : services) list.push_back(service);
            return list;
        };
        for (const Assignment& change : assign_services(nodes, facts())) {
            EXPECT_FALSE(ready[services[change.service].node]) << "moved without need";
            services[change.service].node = change.node;
        }
        EXPECT_TRUE(assign_services(nodes, facts()).empty());
        const bool any = std::any_of(nodes.begin(), nodes.end(), [](auto& n) { return n.ready; });
        for (const auto& [key, service] : services) {
            EXPECT_EQ(ready[service.node], any) << key;
        }
    }
}

}  // namespace
}  // namespace hf::control
