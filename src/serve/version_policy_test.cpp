#include "serve/version_policy.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace hf::serve {
namespace {

std::string chosen(std::string_view policy, std::vector<std::string> there) {
    const VersionChoice choice = choose_versions(*parse_version_policy(policy), std::move(there));
    std::string text = join(choice.wanted, " ");
    if (!choice.missing.empty()) text += " without " + join(choice.missing, " ");
    return text;
}

TEST(VersionPolicy, TheLatestOneUnlessMoreAreAskedFor) {
    const std::vector<std::string> there{"10", "9", "2", "100"};
    EXPECT_EQ(chosen("latest", there), "100");
    EXPECT_EQ(chosen("latest:1", there), "100");
    EXPECT_EQ(chosen("latest:3", there), "9 10 100");
    EXPECT_EQ(chosen("latest:9", there), "2 9 10 100");
    EXPECT_EQ(chosen("latest", {}), "");
}

TEST(VersionPolicy, AllOrThoseThatAreNamed) {
    EXPECT_EQ(chosen("all", {"10", "9", "2"}), "2 9 10");
    EXPECT_EQ(chosen("9,2", {"10", "9", "2"}), "2 9");
    EXPECT_EQ(chosen("2,2,7,10", {"10", "9", "2"}), "2 10 without 7");
}

TEST(VersionPolicy, LeavesOutWhatIsNoVersion) {
    EXPECT_EQ(chosen("all", {"1", "01", "0", "-3", "+4", "1.5", "v2", "", "next", "3.tmp",
                             "9223372036854775808", "9223372036854775807"}),
              "1 9223372036854775807");
}

TEST(VersionPolicy, OneOrderForAllThatVersionsAreCalled) {
    EXPECT_TRUE(is_lower_version("9", "10"));
    EXPECT_FALSE(is_lower_version("10", "9"));
    EXPECT_FALSE(is_lower_version("7", "7"));
    EXPECT_TRUE(is_lower_version("v9", "1"));
    EXPECT_TRUE(is_lower_version("", "a"));
}

TEST(VersionPolicy, RefusesWhatItCannotRead) {
    for (const char* bad : {"", "latest:", "latest:0", "latest:-1", "latest:1025", "latest:x",
                            "ALL", "1,", "1,,2", "01", "0", "1 2", "v1", "1,all"}) {
        const auto policy = parse_version_policy(bad);
        EXPECT_EQ(policy.status().code(), Code::kInvalidArgument) << bad;
        EXPECT_NE(policy.status().message().find("want latest"), std::string::npos) << bad;
    }
    std::string many = "1";
    for (int i = 2; i <= 1025; ++i) many += fmt::format(",{}", i);
    EXPECT_EQ(parse_version_policy(many).status().code(), Code::kResourceExhausted);
}

}  // namespace
}  // namespace hf::serve
