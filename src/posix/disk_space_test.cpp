#include "posix/disk_space.h"

#include <gtest/gtest.h>

#include "testing/temp_dir.h"

namespace hf::posix {
namespace {

TEST(DiskSpace, IsThatOfThePathsFileSystem) {
    testing::TempDir dir;
    const Result<std::uint64_t> here = free_bytes(dir.path());
    ASSERT_TRUE(here.ok()) << here.status().to_string();
    EXPECT_GT(*here, 0u);
    EXPECT_EQ(free_bytes("/proc").value_or(1), 0u);
    EXPECT_EQ(free_bytes(dir / "nothing").status().code(), Code::kNotFound);
}

}  // namespace
}  // namespace hf::posix
