#include "serve/ensemble/conditions.h"

#include <vector>

#include <gtest/gtest.h>

namespace hf::serve::ensemble {
namespace {

ensemble::Test below(std::size_t value, double threshold = 0.5) {
    ensemble::Test test;
    test.value = value;
    test.threshold = threshold;
    return test;
}

std::optional<Tests> of(std::vector<Tests> alternatives) {
    return first_of(alternatives);
}

TEST(EnsembleConditions, OneThatIsAlwaysThereIsEnough) {
    EXPECT_EQ(of({{below(1)}, {}}), Tests());
    EXPECT_EQ(of({{}}), Tests());
    EXPECT_EQ(of({{below(1), below(2)}, {below(1)}}), Tests{below(1)});
}

TEST(EnsembleConditions, ATestAndItsOppositeAreAlwaysThere) {
    const ensemble::Test unsure = below(1);
    const ensemble::Test sure = unsure.opposite();
    EXPECT_EQ(of({{unsure}, {sure}}), Tests());
    EXPECT_EQ(of({{unsure, below(2)}, {sure, below(2)}}), Tests{below(2)});
    // Three ways, of which two part once more.
    const ensemble::Test again = below(2);
    EXPECT_EQ(of({{unsure, again}, {unsure, again.opposite()}, {sure}}), Tests());
}

TEST(EnsembleConditions, WhatMayBeNowhereIsNotSaidToBeSomewhere) {
    EXPECT_EQ(of({{below(1)}, {below(2)}}), std::nullopt);
    EXPECT_EQ(of({{below(1)}, {below(1, 0.6).opposite()}}), std::nullopt);
    EXPECT_EQ(of({{below(1)}, {below(1).opposite(), below(2)}}), std::nullopt);
}

}  // namespace
}  // namespace hf::serve::ensemble
