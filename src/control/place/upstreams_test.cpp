#include "control/place/upstreams.h"

#include <gtest/gtest.h>

namespace hf::control::place {
namespace {

api::Object service(const std::string& name, const std::string& upstream = "") {
    api::Object object = api::Object::make("Service", "d", name);
    object.edit_spec()["model"] = name + ":1";
    if (!upstream.empty()) {
        object.edit_spec()["cascade"] = {{"upstream", upstream}, {"when", {{"belowMilli", 800}}}};
    }
    return object;
}

TEST(Upstreams, AreJudgedAsFarAsTheyGo) {
    const Upstreams upstreams = upstreams_of(
        {service("alone"), service("one", "alone"), service("two", "one"), service("three", "two"),
         service("four", "three"), service("lost", "gone"), service("own", "own"),
         service("ring1", "ring2"), service("ring2", "ring1"), service("into", "ring1")});
    const auto judged = [&](const std::string& name) {
        return judge_chain(upstreams, "d/" + name);
    };
    EXPECT_EQ(judged("alone"), Chain::kNone);
    EXPECT_EQ(judged("one"), Chain::kGood);
    EXPECT_EQ(judged("three"), Chain::kGood);
    EXPECT_EQ(judged("four"), Chain::kTooDeep);
    EXPECT_EQ(judged("lost"), Chain::kMissing);
    EXPECT_EQ(judged("own"), Chain::kRing);
    EXPECT_EQ(judged("ring1"), Chain::kRing);
    EXPECT_EQ(judged("ring2"), Chain::kRing);
    EXPECT_EQ(judged("into"), Chain::kTooDeep) << "it has no end";
    EXPECT_EQ(judged("unknown"), Chain::kNone);
}

TEST(Upstreams, OneThatIsBeingRemovedIsNotThere) {
    api::Object large = service("large");
    large.edit_metadata()["deletionTimestamp"] = "2026-11-29T00:00:00Z";
    EXPECT_EQ(judge_chain(upstreams_of({service("small", "large"), large}), "d/small"),
              Chain::kMissing);
}

TEST(Upstreams, TermsAreASentence) {
    EXPECT_EQ(cascade_terms(service("a")), "");
    EXPECT_EQ(cascade_terms(service("a", "b")),
              "Terms of the cascade: asks b when max-softmax of its first output is below 0.800; "
              "waits 1000 ms at most; 20 of 100 rows may go up; otherwise its own answer stands\n");
    api::Object full = service("a", "b");
    full.edit_spec()["cascade"] = {
        {"upstream", "b"},
        {"inJurisdiction", true},
        {"when", {{"output", "p"}, {"measure", "margin"}, {"belowMilli", 1500}}},
        {"timeoutMilliseconds", 250},
        {"budgetPercent", 5},
        {"onFailure", "refuse"}};
    EXPECT_EQ(cascade_terms(full),
              "Terms of the cascade: asks b when margin of 'p' is below 1.500, inside its own "
              "jurisdiction only; waits 250 ms at most; 5 of 100 rows may go up; otherwise the "
              "request is refused\n");
}

}  // namespace
}  // namespace hf::control::place
