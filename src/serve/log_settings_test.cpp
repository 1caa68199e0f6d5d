#include "serve/log_settings.h"

#include <gtest/gtest.h>

namespace hf::serve {
namespace {

Result<LogSettings> change(const LogChange& change) {
    return change_log({true, false, true}, "access.log", change);
}

std::string refusal(const LogChange& bad) {
    const Result<LogSettings> settings = change(bad);
    EXPECT_EQ(settings.status().code(), Code::kInvalidArgument);
    return std::string(settings.status().message());
}

TEST(LogSettings, AreTold) {
    const std::vector<std::pair<std::string, LogValue>> want{{"log_file", "access.log"},
                                                             {"log_info", true},
                                                             {"log_warning", false},
                                                             {"log_error", true},
                                                             {"log_verbose_level", std::int64_t{0}},
                                                             {"log_format", "JSON"}};
    EXPECT_EQ(describe_log({true, false, true}, "access.log"), want);
}

TEST(LogSettings, LevelsAreSwitchedOneByOne) {
    EXPECT_EQ(change({}).value(), (LogSettings{true, false, true}));
    EXPECT_EQ(change({{"log_info", false}}).value(), (LogSettings{false, false, true}));
    EXPECT_EQ(change({{"log_warning", true}, {"log_error", false}}).value(),
              (LogSettings{true, true, false}));
    EXPECT_EQ(change({{"log_warning", {}}}).value(), LogSettings()) << "as at the start";
}

TEST(LogSettings, TellOfTheirLevels) {
    const LogSettings settings{true, false, true};
    EXPECT_TRUE(settings.tells_of(LogLevel::kInfo));
    EXPECT_FALSE(settings.tells_of(LogLevel::kWarning));
    EXPECT_TRUE(settings.tells_of(LogLevel::kError));
    EXPECT_FALSE((LogSettings{true, true, false}).tells_of(LogLevel::kError));
}

TEST(LogSettings, WhatIsFixedMayBeSaidAsItIs) {
    const LogChange all{
        {"log_file", "access.log"}, {"log_verbose_level", std::int64_t{0}}, {"log_format", "JSON"}};
    EXPECT_EQ(change(all).value(), (LogSettings{true, false, true}));
    EXPECT_TRUE(change({{"log_file", {}}, {"log_verbose_level", {}}, {"log_format", {}}}).ok());
}

TEST(LogSettings, TheRestIsRefusedByItsPlaceWithTheRemedy) {
    EXPECT_TRUE(refusal({{"log_file", "/etc/passwd"}}).starts_with("/log_file: is said when"));
    EXPECT_TRUE(refusal({{"log_file", true}}).starts_with("/log_file: "));
    EXPECT_TRUE(refusal({{"log_verbose_level", std::int64_t{1}}}).ends_with("(--traces)"));
    EXPECT_TRUE(refusal({{"log_verbose_level", false}}).starts_with("/log_verbose_level: "));
    EXPECT_TRUE(refusal({{"log_format", "ISO8601"}}).starts_with("/log_format: is JSON"));
    EXPECT_EQ(refusal({{"log_info", std::int64_t{1}}}), "/log_info: must be true or false");
    EXPECT_EQ(refusal({{"log_error", "true"}}), "/log_error: must be true or false");
    EXPECT_TRUE(refusal({{"log_debug", true}}).starts_with("/log_debug: is no setting"));
    EXPECT_TRUE(refusal({{"log_debug", {}}}).starts_with("/log_debug: is no setting"));
}

}  // namespace
}  // namespace hf::serve
