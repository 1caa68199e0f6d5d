#include "tensor/npz.h"

#include <gtest/gtest.h>

#include "base/rng.h"
#include "tensor/npy.h"
#include "testing/disk_files.h"
#include "testing/script.h"

namespace hf {
namespace {

// numpy.savez(a=arange(6, dtype="<f4").reshape(2, 3)), by hand: one stored entry.
Bytes stored_archive(std::uint32_t crc_change = 0, std::uint16_t method = 0) {
    std::vector<float> values{0, 1, 2, 3, 4, 5};
    const Bytes npy = *write_npy(Tensor::of<float>(DType::kF32, {2, 3}, values));
    const std::string name = "a.npy";
    // The checksum of exactly these bytes.
    const std::uint32_t crc = [&] {
        std::uint32_t sum = ~0u;
        for (std::uint8_t byte : npy) {
            sum ^= byte;
            for (int bit = 0; bit < 8; ++bit) sum = (sum >> 1) ^ (sum & 1 ? 0xEDB88320u : 0);
        }
        return ~sum ^ crc_change;
    }();
    const auto size = static_cast<std::uint32_t>(npy.size());
    Bytes out;
    const auto common = [&] {
        append_le<std::uint16_t>(out, 20);
        append_le<std::uint16_t>(out, 0);
        append_le<std::uint16_t>(out, method);
        append_le<std::uint32_t>(out, 0);
        append_le<std::uint32_t>(out, crc);
        append_le<std::uint32_t>(out, size);
        append_le<std::uint32_t>(out, size);
        append_le<std::uint16_t>(out, static_cast<std::uint16_t>(name.size()));
        append_le<std::uint16_t>(out, 0);
    };
    append_le<std::uint32_t>(out, 0x04034b50);
    common();
    out.insert(out.end(), name.begin(), name.end());
    out.insert(out.end(), npy.begin(), npy.end());
    const auto directory = static_cast<std::uint32_t>(out.size());
    append_le<std::uint32_t>(out, 0x02014b50);
    append_le<std::uint16_t>(out, 20);
    common();
    append_le<std::uint16_t>(out, 0);
    out.insert(out.end(), 12, 0);
    out.insert(out.end(), name.begin(), name.end());
    append_le<std::uint32_t>(out, 0x06054b50);
    append_le<std::uint32_t>(out, 0);
    append_le<std::uint16_t>(out, 1);
    append_le<std::uint16_t>(out, 1);
    append_le<std::uint32_t>(out, static_cast<std::uint32_t>(out.size()) - directory);
    append_le<std::uint32_t>(out, directory);
    append_le<std::uint16_t>(out, 0);
    return out;
}

TEST(Npz, ReadsAStoredArray) {
    const auto arrays = parse_npz(stored_archive());
    ASSERT_TRUE(arrays.ok()) << arrays.status().to_string();
    ASSERT_EQ(arrays->size(), 1u);
    EXPECT_EQ(arrays->at(0).name, "a");
    EXPECT_EQ(arrays->at(0).tensor.shape(), Shape({2, 3}));
    EXPECT_EQ(arrays->at(0).tensor.values<float>()[5], 5.0f);
}

TEST(Npz, ReadsDeflatedArrays) {
    if (testing::data_dir().empty()) GTEST_SKIP() << testing::kNoData;
    testing::DiskFiles files;
    const Bytes bytes = *files.read(
        testing::data_dir() + "/models/with-outputs/byte_sb_bidi_lstm/io.npz", 1u << 20);
    const auto arrays = parse_npz(bytes);
    ASSERT_TRUE(arrays.ok()) << arrays.status().to_string();
    ASSERT_EQ(arrays->size(), 2u);
    EXPECT_EQ(arrays->at(1).tensor.shape(), Shape({2, 58, 2}));
}

TEST(Npz, NamesWhatIsWrong) {
    EXPECT_NE(parse_npz(stored_archive(1)).status().message().find("entry 'a.npy': its checksum"),
              std::string::npos);
    EXPECT_NE(parse_npz(stored_archive(0, 12)).status().message().find("compression method 12"),
              std::string::npos);
    EXPECT_EQ(parse_npz(stored_archive(0, 8)).status().code(), Code::kDataLoss);
    EXPECT_EQ(parse_npz(to_bytes("PK")).status().code(), Code::kDataLoss);
    EXPECT_EQ(parse_npz(Bytes(100, 'x')).status().code(), Code::kInvalidArgument);
}

TEST(Npz, EveryPrefixAndManyMutationsAreAnswered) {
    const Bytes good = stored_archive();
    for (std::size_t size = 0; size < good.size(); ++size) {
        const Bytes prefix(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size));
        EXPECT_FALSE(parse_npz(prefix).ok()) << size;
    }
    Rng rng(testing::seed());
    for (int round = 0; round < 20000; ++round) {
        Bytes bytes = good;
        for (int i = 0; i < 3; ++i) {
            bytes[rng.below(bytes.size())] = static_cast<std::uint8_t>(rng.next());
        }
        (void)parse_npz(bytes);
    }
}

}  // namespace
}  // namespace hf
