#include "base/checksum.h"

#include <gtest/gtest.h>

#include "base/rng.h"

namespace hf {
namespace {

// Bit by bit, from the definition.
std::uint32_t slow(ByteView bytes) {
    std::uint32_t remainder = ~0u;
    for (const std::uint8_t byte : bytes) {
        remainder ^= byte;
        for (int bit = 0; bit < 8; ++bit) {
            remainder = (remainder >> 1) ^ ((remainder & 1) != 0 ? 0x82F63B78u : 0);
        }
    }
    return ~remainder;
}

// The vectors of RFC 3720, appendix B.4, and the check value of the CRC catalogues.
TEST(Crc32c, GivesThePublishedValues) {
    EXPECT_EQ(crc32c({}), 0u);
    EXPECT_EQ(crc32c(as_bytes("123456789")), 0xE3069283u);
    EXPECT_EQ(crc32c(Bytes(32, 0x00)), 0x8A9136AAu);
    EXPECT_EQ(crc32c(Bytes(32, 0xFF)), 0x62A8AB43u);
    Bytes rising;
    for (std::uint8_t i = 0; i < 32; ++i) rising.push_back(i);
    EXPECT_EQ(crc32c(rising), 0x46DD794Eu);
}

TEST(Crc32c, IsTheDefinitionAtEveryLengthAndAlignment) {
    Rng rng(7);
    Bytes bytes;
    for (int i = 0; i < 80; ++i) bytes.push_back(static_cast<std::uint8_t>(rng.next()));
    for (std::size_t from = 0; from < 9; ++from) {
        for (std::size_t size = 0; from + size <= bytes.size(); ++size) {
            const ByteView part = ByteView(bytes).subspan(from, size);
            ASSERT_EQ(crc32c(part), slow(part)) << from << "+" << size;
        }
    }
}

}  // namespace
}  // namespace hf
