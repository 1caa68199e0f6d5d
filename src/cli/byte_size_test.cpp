#include "cli/byte_size.h"

#include <gtest/gtest.h>

namespace hf::cli {
namespace {

TEST(ByteSize, AreWrittenWithTheirUnit) {
    EXPECT_EQ(parse_byte_size("cache", "64MiB").value(), std::uint64_t{64} << 20);
    EXPECT_EQ(parse_byte_size("cache", "1KiB").value(), 1024u);
    EXPECT_EQ(parse_byte_size("cache", "1048576GiB").value(), std::uint64_t{1} << 50);
    EXPECT_EQ(parse_byte_size("cache", "2 GiB").value(), std::uint64_t{2} << 30);
}

TEST(ByteSize, WhatIsNoneIsRefusedByTheOption) {
    for (const char* text : {"", "64", "MiB", "0MiB", "-1MiB", "1.5GiB", "64MB", "64mib",
                             "1048577GiB", "99999999999999999999KiB"}) {
        const Status status = parse_byte_size("cache", text).status();
        EXPECT_EQ(status.code(), Code::kInvalidArgument) << text;
        EXPECT_TRUE(status.message().starts_with("--cache: ")) << status.message();
    }
}

}  // namespace
}  // namespace hf::cli
