#include "posix/files.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include <gtest/gtest.h>

#include "base/text.h"
#include "env/mapped_pages.h"
#include "posix/process.h"
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

TEST(RealFiles, AMappingOutlivesItsPath) {
    testing::TempDir dir;
    RealFiles files;
    ASSERT_TRUE(files.write(dir / "a", as_bytes("verified")).ok());
    ASSERT_TRUE(files.write(dir / "evil", as_bytes("swapped!")).ok());
    const auto mapping = files.map(dir / "a", true).value();
    ASSERT_EQ(::unlink((dir / "a").c_str()), 0);
    ASSERT_EQ(::symlink((dir / "evil").c_str(), (dir / "a").c_str()), 0);
    EXPECT_EQ(as_text(mapping->bytes()), "verified");
    EXPECT_EQ(files.map(dir / "a", true).status().code(), Code::kInvalidArgument);
    ASSERT_EQ(::unlink((dir / "a").c_str()), 0);
    ASSERT_TRUE(files.write(dir / "a", as_bytes("swapped!")).ok());
    EXPECT_EQ(as_text(mapping->bytes()), "verified");
}

// In KiB.
std::int64_t resident() {
    const std::string status = *process_status();
    const std::string_view row = std::string_view(status).substr(status.find("VmRSS:") + 6);
    return *parse_int(trim(row.substr(0, row.find("kB"))));
}

TEST(RealFiles, PagesOfAMappingGoAndComeBack) {
    testing::TempDir dir;
    RealFiles files;
    const std::size_t size = 64u << 20;
    ASSERT_TRUE(files.write(dir / "a", Bytes(size, 7)).ok());
    ASSERT_TRUE(files.write(dir / "empty", {}).ok());
    const auto map = *files.map(dir / "a", true);
    const auto all_sevens = [&] {
        const ByteView bytes = map->bytes();
        return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t b) { return b == 7; });
    };
    EXPECT_TRUE(all_sevens());
    const std::int64_t before = resident();
    env::drop_pages(*map);
    EXPECT_GT(before - resident(), std::int64_t{48} << 10);
    ASSERT_TRUE(files.write(dir / "a", as_bytes("another")).ok());
    EXPECT_TRUE(all_sevens()) << "of the file that was mapped";
    env::drop_pages(**files.map(dir / "empty", true));
}

TEST(RealFiles, BytesOfAFileThatWasCutAreAnErrorAndNoSignal) {
    testing::TempDir dir;
    RealFiles files;
    ASSERT_TRUE(files.write(dir / "a", Bytes(100'000, 7)).ok());
    const auto map = *files.map(dir / "a", true);
    Bytes got(70'000);
    ASSERT_TRUE(env::copy_bytes(*map, 30'000, got).ok());
    EXPECT_EQ(got, Bytes(70'000, 7));
    ASSERT_EQ(::truncate((dir / "a").c_str(), 20'000), 0);
    EXPECT_EQ(env::copy_bytes(*map, 30'000, got).code(), Code::kDataLoss);
    EXPECT_TRUE(env::copy_bytes(*map, 0, std::span(got).first(20'000)).ok());
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

TEST(RealFiles, AppendedBytesStayAndAreReadAnywhere) {
    testing::TempDir dir;
    RealFiles files;
    {
        auto file = files.open_append(dir / "log", env::Access::kPrivate);
        ASSERT_TRUE(file.ok()) << file.status().to_string();
        EXPECT_EQ((*file)->size(), 0u);
        ASSERT_TRUE((*file)->append(as_bytes("one")).ok());
        ASSERT_TRUE((*file)->append(as_bytes("two")).ok());
        ASSERT_TRUE((*file)->sync().ok());
    }
    auto file = files.open_append(dir / "log", env::Access::kPrivate);
    ASSERT_TRUE(file.ok());
    EXPECT_EQ((*file)->size(), 6u);
    ASSERT_TRUE((*file)->append(as_bytes("!")).ok());
    EXPECT_EQ(as_text(*(*file)->read(2, 5)), "etwo!");
    EXPECT_TRUE((*file)->read(7, 0)->empty());
    EXPECT_EQ((*file)->read(2, 6).status().code(), Code::kOutOfRange);
    EXPECT_EQ((*file)->read(UINT64_MAX, 2).status().code(), Code::kOutOfRange);
    ASSERT_TRUE((*file)->truncate(4).ok());
    ASSERT_TRUE((*file)->append(as_bytes("?")).ok());
    EXPECT_EQ(as_text(*files.read(dir / "log", 100)), "onet?");
}

TEST(RealFiles, PiecesAreReadAnywhereInAFile) {
    testing::TempDir dir;
    RealFiles files;
    ASSERT_TRUE(files.write(dir / "a", as_bytes("0123456789")).ok());
    const std::unique_ptr<env::ReadFile> file = files.open_read(dir / "a").value();
    EXPECT_EQ(file->size(), 10u);
    Bytes piece(4);
    ASSERT_EQ(file->read(6, piece), Status());
    EXPECT_EQ(as_text(piece), "6789");
    EXPECT_EQ(file->read(10, std::span(piece).first(0)), Status());
    EXPECT_EQ(file->read(7, piece).code(), Code::kOutOfRange);
    EXPECT_EQ(file->read(UINT64_MAX, piece).code(), Code::kOutOfRange);
    ASSERT_EQ(::truncate((dir / "a").c_str(), 8), 0);
    EXPECT_EQ(file->read(6, piece).code(), Code::kDataLoss);
    EXPECT_EQ(files.open_read(dir / "none").status().code(), Code::kNotFound);
    EXPECT_EQ(files.open_read(dir.path()).status().code(), Code::kFailedPrecondition);
}

TEST(RealFiles, AppendingToAFullDiskTakesNothingOrAll) {
    testing::TempDir dir;
    RealFiles files;
    auto file = files.open_append(dir / "log", env::Access::kShared);
    ASSERT_TRUE(file.ok());
    ASSERT_TRUE((*file)->append(as_bytes("whole")).ok());
    rlimit before{};
    getrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, SIG_IGN);
    const rlimit tiny{10, before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &tiny);
    const Status status = (*file)->append(as_bytes("does not fit"));
    setrlimit(RLIMIT_FSIZE, &before);
    EXPECT_EQ(status.code(), Code::kResourceExhausted) << status.to_string();
    EXPECT_EQ(as_text(*files.read(dir / "log", 100)), "whole");
    ASSERT_TRUE((*file)->append(as_bytes(" again")).ok());
    EXPECT_EQ(as_text(*files.read(dir / "log", 100)), "whole again");
}

TEST(RealFiles, OnlyRegularFilesAreAppendedTo) {
    testing::TempDir dir;
    RealFiles files;
    ASSERT_TRUE(files.write(dir / "a", as_bytes("1")).ok());
    ASSERT_EQ(::symlink((dir / "a").c_str(), (dir / "link").c_str()), 0);
    EXPECT_EQ(files.open_append(dir / "link", env::Access::kShared).status().code(),
              Code::kInvalidArgument);
    EXPECT_EQ(files.open_append(dir.path(), env::Access::kShared).status().code(),
              Code::kFailedPrecondition);
    EXPECT_EQ(files.open_append(dir / "none/a", env::Access::kShared).status().code(),
              Code::kNotFound);
}

TEST(RealFiles, FoldersOfOthersAreMadeSafeToo) {
    const testing::TempDir folder;
    RealFiles first, second;
    const std::string path = folder / "a/b";
    ASSERT_EQ(first.create_directories(path), Status());
    ASSERT_EQ(second.create_directories(path), Status()) << "made by another process";
    EXPECT_EQ(second.sync_folder(path), Status());
    EXPECT_EQ(second.sync_folder(folder / "none").code(), Code::kNotFound);
    // A folder that was removed is made again.
    ASSERT_EQ(second.remove(path), Status());
    ASSERT_EQ(second.create_directories(path), Status());
    EXPECT_EQ(second.info(path)->kind, env::FileKind::kDirectory);
}

}  // namespace
}  // namespace hf::posix
