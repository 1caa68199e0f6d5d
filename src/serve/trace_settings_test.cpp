#include "serve/trace_settings.h"

#include <gtest/gtest.h>

namespace hf::serve {
namespace {

const TraceSettings kStart{true, 0.1, -1};

Result<TraceSettings> change(const TraceChange& change) {
    return change_trace({true, 0.5, 7}, kStart, change);
}

std::string described(const TraceSettings& settings) {
    std::string text;
    for (const auto& [key, values] : describe_trace(settings)) {
        text += key + "=" + values.front() + " ";
    }
    return text;
}

TEST(TraceSettings, AreToldInTheExtensionsWords) {
    EXPECT_EQ(described(kStart),
              "trace_level=TIMESTAMPS trace_rate=10 trace_count=-1 trace_mode=opentelemetry ");
    EXPECT_EQ(described({false, 0, 3}),
              "trace_level=OFF trace_rate=0 trace_count=3 trace_mode=opentelemetry ");
    EXPECT_EQ(described({true, 1, 0}),
              "trace_level=TIMESTAMPS trace_rate=1 trace_count=0 trace_mode=opentelemetry ");
}

TEST(TraceSettings, OnlyWhatIsNamedChanges) {
    EXPECT_EQ(change({}).value(), (TraceSettings{true, 0.5, 7}));
    EXPECT_EQ(change({{"trace_level", {"OFF"}}}).value(), (TraceSettings{false, 0.5, 7}));
    EXPECT_EQ(change({{"trace_rate", {"4"}}, {"trace_count", {"100"}}}).value(),
              (TraceSettings{true, 0.25, 100}));
    EXPECT_EQ(change({{"trace_rate", {"0"}}, {"trace_mode", {"opentelemetry"}}}).value(),
              (TraceSettings{true, 0, 7}));
}

TEST(TraceSettings, WhatIsClearedFallsBack) {
    EXPECT_EQ(change({{"trace_rate", {}}, {"trace_count", {}}, {"trace_mode", {}}}).value(),
              kStart);
    EXPECT_EQ(change_trace({false, 1, 1}, kStart, {{"trace_level", {}}}).value(),
              (TraceSettings{true, 1, 1}));
}

TEST(TraceSettings, WhatIsNotOfferedIsRefusedByName) {
    const auto refusal = [](const TraceChange& of) -> std::string {
        const Status status = change(of).status();
        EXPECT_EQ(status.code(), Code::kInvalidArgument);
        return std::string(status.message());
    };
    EXPECT_TRUE(refusal({{"trace_level", {"TENSORS"}}}).starts_with("/trace_level: 'TENSORS'"));
    EXPECT_TRUE(refusal({{"trace_level", {"TIMESTAMPS", "OFF"}}}).starts_with("/trace_level: OFF"));
    EXPECT_TRUE(refusal({{"trace_rate", {"-1"}}}).starts_with("/trace_rate: "));
    EXPECT_TRUE(refusal({{"trace_rate", {"1", "2"}}}).starts_with("/trace_rate: "));
    EXPECT_TRUE(refusal({{"trace_rate", {"0.5"}}}).starts_with("/trace_rate: "));
    EXPECT_TRUE(refusal({{"trace_count", {"-2"}}}).starts_with("/trace_count: "));
    EXPECT_TRUE(refusal({{"trace_count", {"99999999999"}}}).starts_with("/trace_count: "));
    EXPECT_TRUE(refusal({{"trace_mode", {"triton"}}}).starts_with("/trace_mode: "));
    EXPECT_TRUE(refusal({{"trace_file", {"/tmp/x"}}}).starts_with("/trace_file: no file"));
    EXPECT_TRUE(refusal({{"log_frequency", {}}}).starts_with("/log_frequency: no file"));
    EXPECT_TRUE(refusal({{"colour", {"red"}}}).starts_with("/colour: is no setting"));
}

}  // namespace
}  // namespace hf::serve
