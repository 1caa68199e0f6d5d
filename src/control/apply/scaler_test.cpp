// What the scaler writes and tells, over a store in memory: once, again only when there is news,
// and nothing once another server leads.

#include "control/apply/scaler.h"

#include <gtest/gtest.h>

#include "api/conditions.h"
#include "base/json_lists.h"
#include "control/apply/fenced_store.h"
#include "resources/mirror.h"
#include "store/memory.h"
#include "testing/manual_clock.h"
#include "testing/seeded_entropy.h"

namespace hf::control {
namespace {

using namespace std::chrono_literals;

class ScalerTest : public ::testing::Test {
protected:
    ScalerTest() {
        write_.who = api::Identity::of_system("admin");
        api::Object service = api::Object::make("Service", "default", "pump");
        service.edit_spec()["model"] = "pump:v1";
        service.edit_spec()["scale"] = {{"max", 3}, {"downAfterSeconds", 60}};
        EXPECT_EQ(resources_.create(service, write_).status(), Status());
        for (const char* name : {"a", "b", "c"}) add_node(name);
    }

    void add_node(const std::string& name) {
        EXPECT_EQ(resources_.create(api::Object::make("Node", "", name), write_).status(),
                  Status());
        edit(name, [](api::Object& node) {
            api::set_condition(node, {"Ready", api::Truth::kTrue, "AgentRuns", "", 0, {}},
                               Instant());
        });
    }

    // So many machines are ordered to run it, and each says that so many requests are there.
    void say(std::size_t machines, std::int64_t concurrency_milli) {
        const char* const names[] = {"a", "b", "c"};
        for (std::size_t i = 0; i < 3; ++i) {
            json::Array orders;
            json::Array reports;
            if (i < machines) {
                orders.push_back(
                    {{"namespace", "default"}, {"name", "pump"}, {"model", "pump:v1"}});
                json::Value report{{"namespace", "default"},
                                   {"name", "pump"},
                                   {"load", {{"concurrencyMilli", concurrency_milli}}}};
                reports.push_back(std::move(report));
            }
            const resources::ObjectKey key{&api::node_kind(), "", names[i]};
            const auto order = [&](api::Object& node) -> Status {
                node.edit_spec()["services"] = orders;
                return {};
            };
            EXPECT_EQ(resources_.modify(key, write_, order).status(), Status());
            edit(names[i], [&](api::Object& node) {
                json::Array told = reports;
                for (json::Value& each : told) {
                    const json::Value ready{{"type", "Ready"}, {"status", "True"}};
                    each.as_object()["conditions"] = json::Array{ready};
                }
                node.edit_status()["services"] = std::move(told);
            });
        }
    }

    Status run(Scaler& scaler) {
        EXPECT_TRUE(services_.update().ok());
        EXPECT_TRUE(nodes_.update().ok());
        return scaler.run({services_.objects(), nodes_.objects(), {}}, clock_.monotonic());
    }

    std::int64_t wanted() {
        return json::get_int(resources_.get({&api::service_kind(), "default", "pump"})->status(),
                             "wantedReplicas");
    }

    std::multiset<std::string> events() {
        std::multiset<std::string> reasons;
        const resources::ObjectList all = resources_.list(api::event_kind(), "", {}).value();
        for (const api::Object& event : all.items) {
            reasons.emplace(json::get_string(event.json(), "reason"));
        }
        return reasons;
    }

    void edit(const std::string& name, const std::function<void(api::Object&)>& change) {
        const auto edit = [&](api::Object& node) -> Status {
            change(node);
            return {};
        };
        EXPECT_EQ(resources_.modify_status({&api::node_kind(), "", name}, write_, edit).status(),
                  Status());
    }

    testing::ManualClock clock_;
    testing::SeededEntropy entropy_;
    std::unique_ptr<store::Store> store_ = store::make_memory_store(clock_);
    resources::Resources resources_{*store_, clock_, entropy_};
    resources::WriteOptions write_;
    resources::Mirror services_{resources_, api::service_kind(), nullptr};
    resources::Mirror nodes_{resources_, api::node_kind(), nullptr};
};

TEST_F(ScalerTest, WritesWhatItDecidesOnceAndTellsOfIt) {
    Scaler scaler(resources_, write_);
    EXPECT_EQ(run(scaler), Status());
    EXPECT_EQ(wanted(), 1);
    say(1, 11'000);
    EXPECT_EQ(run(scaler), Status());
    EXPECT_EQ(wanted(), 3);
    say(3, 3'600);
    EXPECT_EQ(run(scaler), Status());
    const store::Revision before = store_->revision();
    clock_.advance(10s);
    EXPECT_EQ(run(scaler), Status());
    EXPECT_EQ(store_->revision(), before) << "a load that is the same writes nothing";
    EXPECT_EQ(events(), (std::multiset<std::string>{"ScaledUp"}));
    say(3, 10'000);
    EXPECT_EQ(run(scaler), Status());
    EXPECT_EQ(events(), (std::multiset<std::string>{"ScaledUp", "ScalingLimited"}));
}

// All that was decided is in the status.
TEST_F(ScalerTest, AnotherServerGoesOnWhereThisOneWas) {
    {
        Scaler scaler(resources_, write_);
        EXPECT_EQ(run(scaler), Status());
        say(1, 11'000);
        EXPECT_EQ(run(scaler), Status());
        say(3, 100);
        EXPECT_EQ(run(scaler), Status());
    }
    clock_.advance(59s);
    Scaler next(resources_, write_);
    EXPECT_EQ(run(next), Status());
    EXPECT_EQ(wanted(), 3) << "three were asked for within a minute";
    clock_.advance(1s);
    EXPECT_EQ(run(next), Status());
    EXPECT_EQ(wanted(), 1);
}

TEST_F(ScalerTest, ADeposedServerDecidesNothing) {
    std::optional<store::Compare> fence;
    FencedStore fenced(*store_, [&] { return fence; });
    resources::Resources deposed(fenced, clock_, entropy_);
    Scaler scaler(deposed, write_);
    EXPECT_EQ(run(scaler).code(), Code::kFailedPrecondition);
    EXPECT_EQ(wanted(), 0);
}

}  // namespace
}  // namespace hf::control
