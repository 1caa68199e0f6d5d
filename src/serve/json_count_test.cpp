#include "serve/json_count.h"

#include <gtest/gtest.h>

namespace hf::serve {
namespace {

std::optional<std::uint64_t> count(std::string_view text) {
    return count_of(json::parse(text).value());
}

TEST(JsonCount, IsWholeAndNotNegativeHoweverItIsWritten) {
    for (std::string_view seven : {"7", "7.0", "7e0", "70e-1"})
        EXPECT_EQ(count(seven), 7u) << seven;
    EXPECT_EQ(count("0"), 0u);
    EXPECT_EQ(count("-0.0"), 0u);
    EXPECT_EQ(count("18446744073709551615"), 18446744073709551615u);
    for (std::string_view none :
         {"-1", "7.5", "18446744073709551616", "1e300", "-1e300", "\"7\"", "true", "null", "[7]"}) {
        EXPECT_EQ(count(none), std::nullopt) << none;
    }
}

}  // namespace
}  // namespace hf::serve
