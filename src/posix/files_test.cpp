#include "posix/files.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>

#include <gtest/gtest.h>

#include "testing/temp_dir.h"

namespace hf::posix {
namespace {

TEST(RealFiles, WriteIsAtomicAndReadable) {
    testing::TempDir dir;
    RealFiles files;
    ASSERT_TRUE(files.write(dir / "a", as_bytes("one")).ok());
    ASSERT_TRUE(files.write(dir / "a", as_bytes("two")).ok());
    EXPECT_EQ(as_text(*files.read(dir / "a", 100)), "two");
    EXPECT_EQ(files.list(dir.path())->size(), 1u);
}

TEST(RealFiles, AnUncommittedWriterLeavesNothing) {
    testing::TempDir dir;
    RealFiles files;
    {
        auto writer = files.create(dir / "a", env::Access::kShared);
        ASSERT_TRUE(writer.ok());
        ASSERT_TRUE((*writer)->append(as_bytes("half")).ok());
    }
    EXPECT_TRUE(files.list(dir.path())->empty());
}

TEST(RealFiles, AFullDiskIsReportedAndTheOldFileStays) {
    testing::TempDir dir;
    RealFiles files;
    ASSERT_TRUE(files.write(dir / "a", as_bytes("old")).ok());
    rlimit before{};
    getrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, SIG_IGN);
    const rlimit tiny{10, before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &tiny);
    const Status status = files.write(dir / "a", as_bytes(std::string(100, 'x')));
    setrlimit(RLIMIT_FSIZE, &before);
    EXPECT_EQ(status.code(), Code::kResourceExhausted) << status.to_string();
    EXPECT_EQ(as_text(*files.read(dir / "a", 100)), "old");
    EXPECT_EQ(files.list(dir.path())->size(), 1u);
}

TEST(RealFiles, BoundsKindsAndLinksAreChecked) {
    testing::TempDir dir;
    RealFiles files;
    ASSERT_TRUE(files.write(dir / "a", as_bytes("12345")).ok());
    ASSERT_EQ(::symlink((dir / "a").c_str(), (dir / "link").c_str()), 0);
    EXPECT_EQ(files.read(dir / "a", 4).status().code(), Code::kResourceExhausted);
    EXPECT_EQ(files.read(dir / "none", 4).status().code(), Code::kNotFound);
    EXPECT_EQ(files.read(dir.path(), 4).status().code(), Code::kFailedPrecondition);
    EXPECT_EQ(files.map(dir / "link", true).status().code(), Code::kInvalidArgument);
    EXPECT_EQ(as_text((*files.map(dir / "link", false))->bytes()), "12345");
    EXPECT_EQ(files.info(dir / "link")->kind, env::FileKind::kSymlink);
}

TEST(RealFiles, PrivateFilesAreForTheOwnerOnly) {
    testing::TempDir dir;
    RealFiles files;
    ASSERT_TRUE(files.write(dir / "key", as_bytes("k"), env::Access::kPrivate).ok());
    struct stat status {};
    ASSERT_EQ(::stat((dir / "key").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST(RealFiles, FoldersAreMadeAndLocksExclude) {
    testing::TempDir dir;
    RealFiles files;
    ASSERT_TRUE(files.create_directories(dir / "x/y/z").ok());
    ASSERT_TRUE(files.create_directories(dir / "x/y/z").ok());
    auto held = files.lock(dir / "lock");
    ASSERT_TRUE(held.ok());
    EXPECT_EQ(files.lock(dir / "lock").status().code(), Code::kUnavailable);
    held->reset();
    EXPECT_TRUE(files.lock(dir / "lock").ok());
}

}  // namespace
}  // namespace hf::posix
