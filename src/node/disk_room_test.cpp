// Room on the disk: the bound to the byte, sizes that nobody has, and the words of the refusal.

#include "node/disk_room.h"

#include <limits>

#include <gtest/gtest.h>

namespace hf::node {
namespace {

constexpr std::uint64_t kMebibyte = 1u << 20;

TEST(DiskRoom, TheReserveStaysFreeToTheByte) {
    EXPECT_TRUE(check_room({"/v", 100, kDiskReserveBytes + 100}).ok());
    EXPECT_FALSE(check_room({"/v", 101, kDiskReserveBytes + 100}).ok());
    EXPECT_TRUE(check_room({"/v", 0, kDiskReserveBytes}).ok());
    EXPECT_FALSE(check_room({"/v", 1, kDiskReserveBytes - 1}).ok());
}

TEST(DiskRoom, SaysTheSizesAndWhatToDo) {
    const Status full = check_room({"/srv/vault", 300 * kMebibyte, 100 * kMebibyte});
    EXPECT_EQ(full.code(), Code::kResourceExhausted);
    EXPECT_EQ(
        full.message(),
        "[disk-full] /srv/vault lacks room: 300.0 MiB are to come and 32.0 MiB stay free, "
        "100.0 MiB are free; make 232.0 MiB free there, or run fewer services on this machine");
    EXPECT_TRUE(says_disk_full(Status(full).context("pump:v2")));
    EXPECT_FALSE(says_disk_full(resource_exhausted("the manifest is longer than 4 MiB")));
    EXPECT_FALSE(says_disk_full(Status()));
}

TEST(DiskRoom, AManifestThatAnnouncesTheLargestNumberIsRefused) {
    constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
    EXPECT_FALSE(check_room({"/v", most, 1u << 30}).ok());
    EXPECT_TRUE(check_room({"/v", 1u << 30, most}).ok()) << "a disk without an end";
}

}  // namespace
}  // namespace hf::node
