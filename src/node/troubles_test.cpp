#include "node/troubles.h"

#include <gtest/gtest.h>

namespace hf::node {
namespace {

using namespace std::chrono_literals;

TEST(Troubles, WhatDiffersInNumbersOnlyIsToldOnce) {
    Troubles troubles;
    EXPECT_TRUE(troubles.is_news(unavailable("what is read is 19 s old"), 1s));
    EXPECT_FALSE(troubles.is_news(unavailable("what is read is 120 s old"), 2s));
    EXPECT_TRUE(troubles.is_news(unavailable("the connection is broken"), 3s));
    EXPECT_FALSE(troubles.is_news(unavailable("what is read is 3 s old"), 4s));
    EXPECT_FALSE(troubles.is_news(unavailable("the connection is broken"), 5s));
    EXPECT_TRUE(troubles.is_news(permission_denied("the connection is broken"), 6s));
}

TEST(Troubles, IsToldAgainAfterAWhile) {
    Troubles troubles;
    EXPECT_TRUE(troubles.is_news(unavailable("refused"), 1s));
    EXPECT_FALSE(troubles.is_news(unavailable("refused"), kTroubleAgain));
    EXPECT_TRUE(troubles.is_news(unavailable("refused"), kTroubleAgain + 1s));
    EXPECT_FALSE(troubles.is_news(unavailable("refused"), kTroubleAgain + 2s));
}

TEST(Troubles, ForgetsTheOldestOfTooMany) {
    Troubles troubles;
    std::string kind = "a";
    for (std::size_t i = 0; i < kTroublesMax; ++i, kind += 'a') {
        EXPECT_TRUE(troubles.is_news(unavailable("{}", kind), std::chrono::seconds(i)));
    }
    EXPECT_FALSE(troubles.is_news(unavailable("a"), 60s));
    EXPECT_TRUE(troubles.is_news(unavailable("{}", kind), 61s));
    EXPECT_FALSE(troubles.is_news(unavailable("aaa"), 62s));
    EXPECT_TRUE(troubles.is_news(unavailable("a"), 63s));
}

}  // namespace
}  // namespace hf::node
