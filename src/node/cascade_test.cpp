#include "node/cascade.h"

#include <gtest/gtest.h>

#include "node/lifecycle.h"

namespace hf::node {
namespace {

std::string order(const std::string& law, const std::string& more = "") {
    return R"({"upstream":"large","when":{"belowMilli":900})" + more +
           R"(,"at":{"node":"n","url":"https://n:1","jurisdiction":")" + law + R"("}})";
}

// Whom it asks, or why nobody, for a machine in DE.
std::string asked(const Wish& wish, const std::string& here = "DE") {
    const Result<Cascade> cascade = cascade_of(wish, here);
    if (!cascade.ok()) return cascade.status().to_string();
    return cascade->node.empty() ? cascade->alone : cascade->node;
}

Wish wish(const std::string& cascade) {
    Wish wish;
    wish.service = "d/small";
    wish.cascade = cascade;
    return wish;
}

TEST(CascadeOrder, IsReadWhole) {
    Wish all = wish(order("FR", R"(,"timeoutMilliseconds":250,"budgetPercent":5,)"
                                R"("onFailure":"refuse")"));
    const Cascade cascade = cascade_of(all, "DE").value();
    EXPECT_EQ(cascade.upstream, "d/large");
    EXPECT_EQ(cascade.measure, "max-softmax");
    EXPECT_EQ(cascade.below_milli, 900);
    EXPECT_EQ(cascade.timeout, std::chrono::milliseconds(250));
    EXPECT_EQ(cascade.budget_percent, 5);
    EXPECT_TRUE(cascade.refuse);
    EXPECT_EQ(cascade.url, "https://n:1");
    EXPECT_EQ(asked(wish(R"({"upstream":"large","when":{"belowMilli":1},"alone":"no-address"})")),
              "no-address");
}

// Whatever the order says, data goes nowhere that the wish does not let it lie.
TEST(CascadeOrder, TheMachineJudgesForItself) {
    Wish free = wish(order("US"));
    EXPECT_EQ(asked(free), "n");
    free.forbidden = {"US"};
    EXPECT_EQ(asked(free), "residency");
    Wish only = wish(order("FR"));
    only.jurisdictions = {"DE", "FR"};
    EXPECT_EQ(asked(only), "n");
    only.jurisdictions = {"DE"};
    EXPECT_EQ(asked(only), "residency");
    Wish unknown = wish(order(""));
    EXPECT_EQ(asked(unknown), "n");
    unknown.jurisdictions = {"DE"};
    EXPECT_EQ(asked(unknown), "residency") << "nobody knows whose law holds there";
    const Wish home = wish(order("FR", R"(,"inJurisdiction":true)"));
    EXPECT_EQ(asked(home), "residency");
    EXPECT_EQ(asked(home, "FR"), "n");
    EXPECT_EQ(asked(wish(order("", R"(,"inJurisdiction":true)")), ""), "residency");
    EXPECT_EQ(cascade_of(only, "DE")->url, "");
}

TEST(CascadeOrder, RefusesWhatCannotBe) {
    for (const std::string_view text :
         {"", "{}", R"({"upstream":1})", R"({"upstream":"l","when":{}})",
          R"({"upstream":"l","when":{"belowMilli":1},"timeoutMilliseconds":-1})",
          R"({"upstream":"l","when":{"belowMilli":1},"budgetPercent":101})",
          R"({"upstream":"l","when":{"belowMilli":1},"at":{"node":"n"}})"}) {
        EXPECT_EQ(cascade_of(wish(std::string(text)), "").status().code(), Code::kInvalidArgument)
            << text;
    }
}

}  // namespace
}  // namespace hf::node
