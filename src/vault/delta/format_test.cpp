#include "vault/delta/format.h"

#include <gtest/gtest.h>

#include "base/checksum.h"
#include "testing/script.h"
#include "vault/delta/versions_test.h"

namespace hf::vault::delta {
namespace {

constexpr std::size_t kVersionAt = 8, kSpareAt = 112, kHeaderChecksumAt = 124;

Header some_header() {
    std::array<std::uint8_t, Digest::kSize> base{1, 2, 3}, result{4, 5, 6};
    return {1000, 1 << 20, 3 << 20, 4, Digest(base), Digest(result)};
}

Bytes sealed(Bytes header) {
    const std::uint32_t checksum = crc32c(ByteView(header).first(kHeaderChecksumAt));
    std::memcpy(header.data() + kHeaderChecksumAt, &checksum, sizeof checksum);
    return header;
}

TEST(DeltaFormat, HeadersComeBack) {
    const Bytes bytes = write_header(some_header());
    ASSERT_EQ(bytes.size(), kHeaderBytes);
    EXPECT_EQ(parse_header(bytes).value(), some_header());
}

TEST(DeltaFormat, HeadersOfAnotherKindAreRefused) {
    EXPECT_EQ(parse_header({}).status().code(), Code::kInvalidArgument);
    EXPECT_EQ(parse_header(as_bytes("ONNX model, or whatever")).status().to_string(),
              "INVALID_ARGUMENT: not a delta of Holdfast: it starts with other bytes");
    const Bytes sound = write_header(some_header());
    for (std::size_t size = 1; size < kHeaderBytes; ++size) {
        const Status status = parse_header(ByteView(sound).first(size)).status();
        EXPECT_EQ(status.code(), Code::kDataLoss) << size;
    }
    for (std::size_t bit = 8 * 12; bit < 8 * kHeaderBytes; ++bit) {
        Bytes flipped = sound;
        flipped[bit / 8] = static_cast<std::uint8_t>(flipped[bit / 8] ^ 1U << (bit % 8));
        EXPECT_EQ(parse_header(flipped).status().code(), Code::kDataLoss) << bit;
    }
    Bytes other = sound;
    other[kVersionAt] = 2;
    EXPECT_EQ(parse_header(sealed(other)).status().to_string(),
              "UNIMPLEMENTED: a delta of version 2; this program knows 1: make it again");
    other = sound;
    other[kSpareAt] = 1;
    EXPECT_EQ(parse_header(sealed(other)).status().code(), Code::kInvalidArgument);
}

ChunkHead head_for(const std::vector<Operation>& operations) {
    ChunkHead head;
    for (const Operation& operation : operations) {
        head.result_bytes += static_cast<std::uint32_t>(operation.size);
        head.data_bytes += static_cast<std::uint32_t>(data_bytes(operation));
    }
    return head;
}

Bytes list_of(const std::vector<Operation>& operations) {
    Bytes list;
    BasePlace place;
    for (const Operation& operation : operations) append_operation(operation, place, list);
    return list;
}

TEST(DeltaFormat, ListsOfOperationsComeBack) {
    Rng rng(testing::seed());
    constexpr std::uint64_t kBaseBytes = std::uint64_t{1} << 40;
    for (int round = 0; round < 300; ++round) {
        std::vector<Operation> operations;
        for (std::uint64_t i = rng.below(20); i > 0; --i) {
            Operation operation;
            operation.kind = static_cast<Kind>(rng.below(kKinds));
            operation.element = {static_cast<std::uint8_t>(1U << rng.below(4)), rng.chance(1, 2)};
            const std::uint64_t elements = 1 + rng.below(1000);
            operation.size = elements * operation.element.width;
            if (operation.kind != Kind::kLiteral) operation.base_offset = rng.below(kBaseBytes / 2);
            if (operation.kind == Kind::kSparse) {
                operation.marks = rng.below(elements + 1);
                operation.changed = rng.below(operation.marks + 1);
            }
            operations.push_back(operation);
        }
        const Bytes list = list_of(operations);
        EXPECT_EQ(parse_list(list, head_for(operations), kBaseBytes).value(), operations);
    }
}

// What a list says against what is there. `head` as the operations would need it, mostly.
std::string refusal(const std::vector<Operation>& operations, std::uint64_t base_bytes,
                    std::uint32_t more_result = 0, std::uint32_t more_data = 0) {
    ChunkHead head = head_for(operations);
    head.result_bytes += more_result;
    head.data_bytes += more_data;
    const Status status = parse_list(list_of(operations), head, base_bytes).status();
    EXPECT_EQ(status.code(), Code::kInvalidArgument);
    return std::string(status.message());
}

TEST(DeltaFormat, NumbersThatDoNotFitAreRefused) {
    const Operation literal{Kind::kLiteral, {2, false}, 10, 0, 0, 0};
    const Operation copy{Kind::kCopy, {}, 10, 95, 0, 0};
    EXPECT_EQ(refusal({literal, copy}, 104),
              "operation 1: 10 bytes at 95 lie outside the base of 104");
    EXPECT_EQ(refusal({{Kind::kCopy, {}, 10, UINT64_MAX - 3, 0, 0}}, 104),
              "operation 0: 10 bytes at 18446744073709551612 lie outside the base of 104");
    EXPECT_EQ(refusal({literal}, 0, 1),
              "the operations make 10 bytes from 10 of data; the chunk says 11 from 10");
    EXPECT_EQ(refusal({literal}, 0, 0, 7),
              "the operations make 10 bytes from 10 of data; the chunk says 10 from 17");
    EXPECT_EQ(refusal({{Kind::kLiteral, {4, false}, 10, 0, 0, 0}}, 0),
              "operation 0: 10 bytes in elements of 4");
    EXPECT_EQ(refusal({{Kind::kCopy, {}, 0, 0, 0, 0}}, 50),
              "operation 0: 0 bytes in elements of 1");
    EXPECT_EQ(refusal({{Kind::kCopy, {}, kMaxChunkBytes + 1, 0, 0, 0}}, 50),
              "operation 0: 1048577 bytes, more than a chunk has");
    EXPECT_EQ(refusal({{Kind::kSparse, {2, false}, 10, 0, 6, 1}}, 50),
              "operation 0: 6 marks for 1 changes of 5 elements");
    EXPECT_EQ(refusal({{Kind::kSparse, {2, false}, 10, 0, 3, 4}}, 50),
              "operation 0: 3 marks for 4 changes of 5 elements");
    // A tag with an unknown flag; a number that never ends; one that is cut.
    for (const Bytes& list :
         {Bytes{0x20, 1}, Bytes{0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x02},
          Bytes{0, 0x80}}) {
        EXPECT_FALSE(parse_list(list, {}, 100).ok());
    }
}

TEST(DeltaFormat, ChunksAreBounded) {
    const auto refused = [](ChunkHead head) {
        Bytes chunk;
        append_chunk(head, {}, chunk);
        return parse_chunk_head(chunk).status().code() == Code::kInvalidArgument;
    };
    constexpr auto kMost = static_cast<std::uint32_t>(kMaxChunkBytes);
    EXPECT_FALSE(refused({kMost, kMaxListBytes, kMost / 8 * 17, 5}));
    EXPECT_TRUE(refused({kMost + 1, 4, kMost, 5}));
    EXPECT_TRUE(refused({0, 4, 0, 4}));
    EXPECT_TRUE(refused({kMost, kMaxListBytes + 1, kMost, 5}));
    EXPECT_TRUE(refused({kMost, 4, kMost / 8 * 17 + 1, 5}));
    EXPECT_TRUE(refused({kMost, 4, kMost, kMost + 5}));
    EXPECT_TRUE(refused({kMost, UINT32_MAX, UINT32_MAX, UINT32_MAX}));
}

}  // namespace
}  // namespace hf::vault::delta
