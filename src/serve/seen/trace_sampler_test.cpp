#include "serve/seen/trace_sampler.h"

#include <gtest/gtest.h>

#include "serve/models.h"

namespace hf::serve::seen {
namespace {

TEST(TraceSampler, ARatioOfWhatBeginsIsRecorded) {
    TraceSampler sampler({true, 0.25, -1});
    EXPECT_TRUE(sampler.begins("m", 0.2));
    EXPECT_FALSE(sampler.begins("m", 0.25));
    ASSERT_TRUE(sampler.change("", {{"trace_rate", {"1"}}}).ok());
    EXPECT_TRUE(sampler.begins("m", 0.99));
    ASSERT_TRUE(sampler.change("", {{"trace_rate", {"0"}}}).ok());
    EXPECT_FALSE(sampler.begins("m", 0));
    ASSERT_TRUE(sampler.change("", {{"trace_rate", {}}}).ok());
    EXPECT_TRUE(sampler.begins("m", 0.2)) << "as it was started";
}

TEST(TraceSampler, ACountRunsOut) {
    TraceSampler sampler({true, 1, -1});
    ASSERT_TRUE(sampler.change("", {{"trace_count", {"2"}}}).ok());
    EXPECT_TRUE(sampler.begins("m", 0));
    EXPECT_TRUE(sampler.begins("m", 0));
    EXPECT_EQ(sampler.settings("m").left, 0);
    EXPECT_FALSE(sampler.begins("m", 0));
}

TEST(TraceSampler, AModelsSettingsGoBeforeTheServers) {
    TraceSampler sampler({true, 1, -1});
    EXPECT_FALSE(sampler.has_models());
    EXPECT_EQ(sampler.change("m", {{"trace_level", {"OFF"}}}).value(),
              (TraceSettings{false, 1, -1}));
    EXPECT_TRUE(sampler.has_models());
    EXPECT_FALSE(sampler.records("m"));
    EXPECT_FALSE(sampler.begins("m", 0));
    EXPECT_TRUE(sampler.records("n") && sampler.begins("n", 0));
    ASSERT_TRUE(sampler.change("", {{"trace_rate", {"2"}}}).ok());
    EXPECT_EQ(sampler.settings("m").ratio, 1) << "a copy, from when it was made";
    EXPECT_EQ(sampler.change("m", {{"trace_rate", {}}}).value().ratio, 0.5);
    EXPECT_EQ(sampler.change("m", {}).value(), (TraceSettings{true, 0.5, -1}));
    EXPECT_FALSE(sampler.has_models());
}

TEST(TraceSampler, AnErrorChangesNothing) {
    TraceSampler sampler({true, 1, -1});
    EXPECT_FALSE(sampler.change("m", {{"trace_count", {"1"}}, {"trace_file", {"x"}}}).ok());
    EXPECT_FALSE(sampler.has_models());
    EXPECT_FALSE(sampler.change("", {{"trace_count", {"1"}}, {"trace_file", {"x"}}}).ok());
    EXPECT_EQ(sampler.settings("").left, -1);
}

TEST(TraceSampler, SoManyModelsHaveTheirOwn) {
    TraceSampler sampler({true, 1, -1});
    for (std::size_t i = 0; i < kMaxModels; ++i) {
        ASSERT_TRUE(sampler.change(std::to_string(i), {{"trace_count", {"1"}}}).ok());
    }
    EXPECT_EQ(sampler.change("more", {{"trace_count", {"1"}}}).status().code(),
              Code::kResourceExhausted);
    EXPECT_TRUE(sampler.change("7", {{"trace_count", {"2"}}}).ok());
}

}  // namespace
}  // namespace hf::serve::seen
