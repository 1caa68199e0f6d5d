// Shared memory in a folder of the test's making, as /dev/shm is one.

#include "posix/shared_memory.h"

#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "posix/files.h"
#include "testing/temp_dir.h"

namespace hf::posix {
namespace {

class SharedMemoryTest : public ::testing::Test {
protected:
    SharedMemoryTest() { EXPECT_TRUE(files_.write(dir_ / "frames", as_bytes("0123456789")).ok()); }

    Result<std::shared_ptr<const env::SharedBlock>> open(const std::string& name) {
        return open_shared_block(name, dir_ / ".");
    }
    void cut(off_t size) { ASSERT_EQ(::truncate((dir_ / "frames").c_str(), size), 0); }

    RealFiles files_;
    testing::TempDir dir_;
};

TEST_F(SharedMemoryTest, ABlockIsReadAndWrittenWhereItLies) {
    const auto block = open("/frames").value();
    EXPECT_EQ(block->size().value(), 10u);
    ASSERT_TRUE(block->write(4, as_bytes("abc")).ok());
    std::uint8_t got[5] = {};
    ASSERT_TRUE(open("frames").value()->read(3, got).ok());
    EXPECT_EQ(as_text(ByteView(got)), "3abc7");
    EXPECT_EQ(as_text(files_.read(dir_ / "frames", 100).value()), "0123abc789");
}

TEST_F(SharedMemoryTest, ABlockThatIsCutUnderUsIsAnErrorAndDoesNotGrowAgain) {
    const auto block = open("frames").value();
    cut(6);
    std::uint8_t got[8] = {};
    EXPECT_EQ(block->read(0, got).code(), Code::kFailedPrecondition);
    EXPECT_EQ(block->write(0, ByteView(got)).code(), Code::kFailedPrecondition);
    EXPECT_EQ(block->write(7, ByteView(got).first(1)).code(), Code::kFailedPrecondition);
    EXPECT_EQ(block->write(std::uint64_t{1} << 63, ByteView(got)).code(),
              Code::kFailedPrecondition);
    EXPECT_EQ(block->size().value(), 6u);
    EXPECT_TRUE(block->read(0, std::span(got).first(6)).ok());
}

TEST_F(SharedMemoryTest, NamesCannotLeadOutOfTheFolder) {
    ASSERT_TRUE(files_.create_directories(dir_ / "below").ok());
    for (const std::string& name :
         {std::string(), std::string("/"), std::string("."), std::string("/.."),
          std::string("../etc/passwd"), std::string("//frames"), std::string("below/frames"),
          std::string("frames\0x", 8), std::string(300, 'a')}) {
        EXPECT_EQ(open(name).status().code(), Code::kInvalidArgument) << name;
    }
    EXPECT_EQ(open("nothing").status().code(), Code::kNotFound);
}

TEST_F(SharedMemoryTest, LinksPipesAndFoldersAreNoSharedMemory) {
    ASSERT_EQ(::symlink((dir_ / "frames").c_str(), (dir_ / "link").c_str()), 0);
    ASSERT_EQ(::mkfifo((dir_ / "pipe").c_str(), 0600), 0);
    ASSERT_TRUE(files_.create_directories(dir_ / "below").ok());
    for (const char* name : {"link", "pipe", "below"}) EXPECT_FALSE(open(name).ok()) << name;
}

}  // namespace
}  // namespace hf::posix
