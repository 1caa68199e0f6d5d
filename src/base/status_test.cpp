#include "base/status.h"

#include <memory>

#include <gtest/gtest.h>

namespace hf {
namespace {

Result<int> half(int number) {
    if (number % 2 != 0) return invalid_argument("{} is odd", number);
    return number / 2;
}

Result<int> quarter(int number) {
    const int once = HF_TRY(half(number));
    return HF_TRY(half(once).context("second halving of {}", number));
}

TEST(Status, OkIsTheDefaultAndHasNoMessage) {
    const Status status;
    EXPECT_TRUE(status.ok());
    EXPECT_EQ(status.code(), Code::kOk);
    EXPECT_EQ(status.to_string(), "OK");
}

TEST(Status, ContextIsAddedOutermostFirst) {
    const Status status = not_found("no alias {}", "live").context("model {}", "mnist");
    EXPECT_EQ(status.to_string(), "NOT_FOUND: model mnist: no alias live");
    EXPECT_TRUE(Status().context("anything").ok());
}

TEST(Status, EveryCodeHasItsGrpcName) {
    EXPECT_EQ(code_name(Code::kDeadlineExceeded), "DEADLINE_EXCEEDED");
    EXPECT_EQ(code_name(Code::kUnauthenticated), "UNAUTHENTICATED");
}

TEST(Result, TryYieldsTheValueOrReturnsTheError) {
    EXPECT_EQ(*quarter(12), 3);
    EXPECT_EQ(quarter(7).status().message(), "7 is odd");
    EXPECT_EQ(quarter(6).status().message(), "second halving of 6: 3 is odd");
}

TEST(Result, MovesValuesThatCannotBeCopied) {
    const auto make = []() -> Result<std::unique_ptr<int>> { return std::make_unique<int>(7); };
    const auto use = [&]() -> Result<int> {
        std::unique_ptr<int> owned = HF_TRY(make());
        return *owned;
    };
    EXPECT_EQ(*use(), 7);
}

TEST(ResultDeathTest, ValueOfAnErrorEndsTheProcessWithTheError) {
    EXPECT_DEATH((void)half(3).value(), "3 is odd");
}

TEST(Check, BugNamesThePlaceAndIsInternal) {
    const Status bug = HF_BUG("op {}", "Conv");
    EXPECT_EQ(bug.code(), Code::kInternal);
    EXPECT_NE(bug.message().find("status_test.cpp"), std::string::npos);
    EXPECT_NE(bug.message().find("op Conv"), std::string::npos);
}

}  // namespace
}  // namespace hf
