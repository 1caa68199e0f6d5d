#include "base/checksum.h"

#include <array>

namespace hf {
namespace {

constexpr std::uint32_t kPolynomial = 0x82F63B78u;  // of Castagnoli, lowest bit first
constexpr std::size_t kStride = 8;                  // bytes a turn ("slicing by eight")

using Tables = std::array<std::array<std::uint32_t, 256>, kStride>;

// tables[k][b]: what byte b does to the remainder when k bytes follow it in the turn.
constexpr Tables make_tables() {
    Tables tables{};
    for (std::uint32_t b = 0; b < 256; ++b) {
        std::uint32_t remainder = b;
        for (int bit = 0; bit < 8; ++bit) {
            remainder = (remainder >> 1) ^ ((remainder & 1) != 0 ? kPolynomial : 0);
        }
        tables[0][b] = remainder;
    }
    for (std::size_t k = 1; k < kStride; ++k) {
        for (std::uint32_t b = 0; b < 256; ++b) {
            const std::uint32_t before = tables[k - 1][b];
            tables[k][b] = (before >> 8) ^ tables[0][before & 0xFF];
        }
    }
    return tables;
}

constexpr Tables kTables = make_tables();

}  // namespace

std::uint32_t crc32c(ByteView bytes) {
    std::uint32_t remainder = 0xFFFFFFFFu;
    for (; bytes.size() >= kStride; bytes = bytes.subspan(kStride)) {
        const std::uint64_t word = load_le<std::uint64_t>(bytes.data()) ^ remainder;
        remainder = 0;
        for (std::size_t k = 0; k < kStride; ++k) {
            remainder ^= kTables[kStride - 1 - k][(word >> (8 * k)) & 0xFF];
        }
    }
    for (const std::uint8_t byte : bytes) {
        remainder = (remainder >> 8) ^ kTables[0][(remainder ^ byte) & 0xFF];
    }
    return ~remainder;
}

}  // namespace hf
