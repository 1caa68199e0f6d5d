#include "control/server/cascade_admission.h"

#include <gtest/gtest.h>

namespace hf::control {
namespace {

api::Object service(const std::string& name, const std::string& upstream = "") {
    api::Object object = api::Object::make("Service", "d", name);
    object.edit_spec()["model"] = name + ":1";
    if (!upstream.empty()) {
        object.edit_spec()["cascade"] = {{"upstream", upstream}, {"when", {{"belowMilli", 800}}}};
    }
    return object;
}

std::string said(const api::Object& now, const std::vector<api::Object>& others) {
    return admit_cascade(now, others).to_string();
}

TEST(CascadeAdmission, TakesAChainInAnyOrder) {
    EXPECT_EQ(said(service("a", "b"), {}), "OK") << "what it asks may come later";
    EXPECT_EQ(said(service("b"), {service("a", "b")}), "OK");
    EXPECT_EQ(said(service("b", "c"), {service("a", "b"), service("c")}), "OK");
    EXPECT_EQ(said(api::Object::make("Site", "", "a"), {}), "OK");
}

TEST(CascadeAdmission, RefusesRingsAndTowers) {
    EXPECT_EQ(said(service("a", "a"), {}),
              "INVALID_ARGUMENT: spec.cascade.upstream: service 'a' cannot ask itself; name a "
              "larger one, or leave spec.cascade out");
    EXPECT_EQ(said(service("b", "a"), {service("a", "b"), service("b")}),
              "INVALID_ARGUMENT: spec.cascade.upstream: service d/a: by way of d/b its upstreams "
              "come back to it; break the ring");
    // The one in the middle makes the chain of another too long.
    const std::vector<api::Object> others{service("a", "b"), service("b"), service("c", "d"),
                                          service("d", "e"), service("e")};
    EXPECT_EQ(said(service("b", "c"), others),
              "INVALID_ARGUMENT: spec.cascade.upstream: service d/a: by way of d/b an answer could "
              "go through more than 3 upstreams; ask the last of them directly");
}

// What was wrong already and is not this service's is no reason to refuse it.
TEST(CascadeAdmission, AnotherRingIsAnothersFault) {
    EXPECT_EQ(said(service("x", "y"), {service("a", "b"), service("b", "a"), service("y")}), "OK");
    const api::Object before = service("a", "b");
    EXPECT_FALSE(changes_cascade(&before, before));
    EXPECT_TRUE(changes_cascade(&before, service("a", "c")));
    EXPECT_TRUE(changes_cascade(nullptr, before));
    EXPECT_FALSE(changes_cascade(&before, service("a")));
}

}  // namespace
}  // namespace hf::control
