// Deltas that are damaged, belong to another base, or lie: each is refused, and nothing is left.

#include <gtest/gtest.h>

#include "base/checksum.h"
#include "crypto/hash.h"
#include "testing/script.h"
#include "vault/delta/versions_test.h"

namespace hf::vault::delta {
namespace {

struct Case {
    Bytes base, result, delta;
};

// Every kind of operation, in three chunks, one of them of incompressible bytes.
Case some_case() {
    Rng rng(testing::seed());
    const VersionPair int8 = fine_tune({.type = Stored::kI8, .noise = 1e-2, .layers = {3000}}, rng);
    const VersionPair real = fine_tune({.type = Stored::kF32, .noise = 1e-3, .layers = {400}}, rng);
    const Bytes fresh = random_bytes(2'500'000, rng);
    Version base = int8.base, result = int8.result;
    const auto append = [](Version& to, const Version& from) {
        for (Tensor tensor : from.tensors) {
            tensor.offset += to.bytes.size();
            to.tensors.push_back(tensor);
        }
        to.bytes.insert(to.bytes.end(), from.bytes.begin(), from.bytes.end());
    };
    append(base, real.base);
    append(base, int8.base);
    append(result, real.result);
    append(result, int8.base);
    result.bytes.insert(result.bytes.end(), fresh.begin(), fresh.end());
    return {base.bytes, result.bytes, encode(base.side(), result.side(), {kMinLevel})};
}

// A delta of one chunk with this list and data, and checksums and digests that fit.
struct Forged {
    std::vector<Operation> operations;
    Bytes data = {};
    std::uint64_t result_bytes = 0;  // in the header; 0: what the operations make
    std::uint64_t chunks = 1;
    bool empty_frame = false;  // a zstd frame of no bytes for packed
};

Bytes forge(const Bytes& base, const Forged& want) {
    Bytes unpacked;
    BasePlace place;
    ChunkHead head;
    for (const Operation& operation : want.operations) {
        append_operation(operation, place, unpacked);
        head.result_bytes += static_cast<std::uint32_t>(operation.size);
    }
    head.list_bytes = static_cast<std::uint32_t>(unpacked.size());
    head.data_bytes = static_cast<std::uint32_t>(want.data.size());
    unpacked.insert(unpacked.end(), want.data.begin(), want.data.end());
    Compressor compressor;
    ByteView packed = unpacked;
    if (want.empty_frame) packed = compressor.compress({}, 1);
    head.packed_bytes = static_cast<std::uint32_t>(packed.size());
    Bytes delta(kHeaderBytes);
    append_chunk(head, packed, delta);
    Header header{delta.size(), base.size(), want.result_bytes, want.chunks, {}, {}};
    if (header.result_bytes == 0) header.result_bytes = head.result_bytes;
    header.base = crypto::sha256(base);
    const Bytes bytes = write_header(header);
    std::copy(bytes.begin(), bytes.end(), delta.begin());
    return delta;
}

std::string refusal(const Bytes& base, const Bytes& delta, const ApplyOptions& options = {}) {
    const Result<Bytes> made = apply_bytes(base, delta, options);
    return made.ok() ? "made " + std::to_string(made->size()) + " bytes"
                     : made.status().to_string();
}

TEST(HostileDelta, CutAnywhereItIsRefused) {
    const Case some = some_case();
    ASSERT_EQ(apply_bytes(some.base, some.delta).value(), some.result);
    std::vector<std::size_t> sizes;
    for (std::size_t size = 0; size < 700; ++size) sizes.push_back(size);
    for (std::size_t size = 700; size < some.delta.size(); size += 61'001) sizes.push_back(size);
    for (std::size_t back = 1; back < 50; ++back) sizes.push_back(some.delta.size() - back);
    for (const std::size_t size : sizes) {
        const Bytes cut(some.delta.begin(), some.delta.begin() + static_cast<std::ptrdiff_t>(size));
        const Status status = apply_bytes(some.base, cut).status();
        EXPECT_EQ(status.code(), size == 0 ? Code::kInvalidArgument : Code::kDataLoss)
            << size << ": " << status.to_string();
    }
    Bytes longer = some.delta;
    longer.push_back(0);
    EXPECT_EQ(apply_bytes(some.base, longer).status().code(), Code::kDataLoss);
}

// At every place where a chunk ends, even when the header is made to fit.
TEST(HostileDelta, ChunksThatAreMissingAreNoticed) {
    const Case some = some_case();
    std::size_t at = kHeaderBytes;
    std::vector<std::size_t> ends;
    while (at < some.delta.size()) {
        ends.push_back(at);
        at += kChunkHeadBytes + load_le<std::uint32_t>(some.delta.data() + at + 16);
    }
    ASSERT_EQ(ends.size(), 3u);
    for (const std::size_t end : ends) {
        Bytes cut(some.delta.begin(), some.delta.begin() + static_cast<std::ptrdiff_t>(end));
        Header header = parse_header(some.delta).value();
        header.delta_bytes = end;
        const Bytes bytes = write_header(header);
        std::copy(bytes.begin(), bytes.end(), cut.begin());
        const Status status = apply_bytes(some.base, cut).status();
        EXPECT_EQ(status.code(), Code::kInvalidArgument) << status.to_string();
    }
}

TEST(HostileDelta, EveryBitCounts) {
    const Case some = some_case();
    Rng rng(testing::seed());
    const std::size_t bits = 8 * some.delta.size();
    for (std::size_t round = 0; round < 500; ++round) {
        const std::size_t bit = round < 350 ? rng.below(8 * 2000) : rng.below(bits);
        Bytes flipped = some.delta;
        flipped[bit / 8] = static_cast<std::uint8_t>(flipped[bit / 8] ^ 1U << (bit % 8));
        EXPECT_FALSE(apply_bytes(some.base, flipped).ok()) << bit;
    }
}

TEST(HostileDelta, AnotherBaseIsRefusedByDigest) {
    Rng rng(testing::seed());
    const VersionPair pair = fine_tune({.type = Stored::kI8, .noise = 1e-3, .layers = {2000}}, rng);
    const Bytes delta = encode(pair.base.side(), pair.result.side());
    Bytes other = pair.base.bytes;
    other[other.size() / 2] ^= 1;
    const std::string message = refusal(other, delta);
    EXPECT_EQ(message.find("FAILED_PRECONDITION: apply delta to base: the base is another file "
                           "than the delta was made from: it has " +
                           crypto::sha256(other).to_string() + " where the delta needs " +
                           crypto::sha256(pair.base.bytes).to_string()),
              0u)
        << message;
    other.pop_back();
    EXPECT_NE(refusal(other, delta).find("FAILED_PRECONDITION"), std::string::npos);
    EXPECT_NE(refusal({}, delta).find("FAILED_PRECONDITION"), std::string::npos);
    // Applied twice: the result is no base.
    EXPECT_NE(refusal(pair.result.bytes, delta).find("FAILED_PRECONDITION"), std::string::npos);
}

TEST(HostileDelta, ClaimsBeyondTheBoundsAreRefusedBeforeTheyCost) {
    const Bytes base(1000, 7);
    const Operation copy{Kind::kCopy, {}, 1000, 0, 0, 0};
    EXPECT_EQ(refusal(base, forge(base, {{copy}, {}, std::uint64_t{1} << 60})),
              "RESOURCE_EXHAUSTED: apply delta to base: the result would have 1048576.0 TiB, more "
              "than the 64.0 GiB allowed");
    EXPECT_EQ(refusal(base, forge(base, {{copy}}), {999}),
              "RESOURCE_EXHAUSTED: apply delta to base: the result would have 1000 B, more than "
              "the 999 B allowed");
    // Fewer bytes than the header says, and more.
    EXPECT_EQ(refusal(base, forge(base, {{copy}, {}, 5000})),
              "INVALID_ARGUMENT: apply delta to base: delta: 1 chunks make 1000 bytes where the "
              "header says 1 and 5000");
    EXPECT_EQ(
        refusal(base, forge(base, {{copy}, {}, 900})),
        "INVALID_ARGUMENT: apply delta to base: delta: chunk 0 at offset 128: the chunks make "
        "more than the 900 bytes that the header says");
    EXPECT_EQ(refusal(base, forge(base, {{copy}, {}, 0, 9})),
              "INVALID_ARGUMENT: apply delta to base: delta: 1 chunks make 1000 bytes where the "
              "header says 9 and 1000");
}

TEST(HostileDelta, OperationsThatReachOutsideAreRefused) {
    const Bytes base(1000, 7);
    EXPECT_EQ(refusal(base, forge(base, {{{Kind::kCopy, {}, 1000, 1, 0, 0}}})),
              "INVALID_ARGUMENT: apply delta to base: delta: chunk 0 at offset 128: operation 0: "
              "1000 bytes at 1 lie outside the base of 1000");
    const std::string short_of_data =
        refusal(base, forge(base, {{{Kind::kDifference, {}, 10, 0, 0, 0}}, Bytes(9)}));
    EXPECT_NE(short_of_data.find("make 10 bytes from 10 of data; the chunk says 10 from 9"),
              std::string::npos);
    const std::string marks =
        refusal(base, forge(base, {{{Kind::kSparse, {}, 8, 0, 2, 2}}, {3, 4, 0, 1, 1}}));
    EXPECT_NE(marks.find("the marks lead beyond 2 changes in 8 elements"), std::string::npos)
        << marks;
    const std::string frame =
        refusal(base, forge(base, {{{Kind::kLiteral, {}, 50, 0, 0, 0}}, Bytes(50), 0, 1, true}));
    EXPECT_NE(frame.find("not whole zstd frames of 52 bytes"), std::string::npos) << frame;
}

// All is well formed; only the digest knows.
TEST(HostileDelta, AResultOfAnotherDigestIsThrownAway) {
    const Bytes base(1000, 7);
    const std::string message = refusal(base, forge(base, {{{Kind::kCopy, {}, 1000, 0, 0, 0}}}));
    EXPECT_NE(message.find("DATA_LOSS: apply delta to base: the result has sha256:"),
              std::string::npos)
        << message;
}

TEST(HostileDelta, NeverInPlace) {
    testing::MemoryFiles files;
    files.overwrite("base", {1, 2, 3});
    files.overwrite("delta", encode({Bytes{1, 2, 3}, {}}, {Bytes{4}, {}}));
    for (const std::string kept : {"base", "delta"}) {
        EXPECT_EQ(apply_file(files, {"base", "delta", kept}).status().to_string(),
                  "INVALID_ARGUMENT: " + kept +
                      ": a delta is not applied in place; name another "
                      "file");
    }
}

// Killed, or out of space, at every change: the old file or the new one, never a part.
TEST(HostileDelta, InterruptedAnywhereItLeavesTheOldFile) {
    const Case some = some_case();
    const Bytes old = to_bytes("what was there");
    for (const bool full : {false, true}) {
        for (std::uint64_t changes = 0;; ++changes) {
            testing::MemoryFiles files;
            files.overwrite("base", some.base);
            files.overwrite("delta", some.delta);
            files.overwrite("result", old);
            full ? files.fill_after(changes) : files.die_after(changes);
            const Status status = apply_file(files, {"base", "delta", "result"}).status();
            files.restart();
            if (status.ok()) {
                EXPECT_GE(changes, 4u);
                EXPECT_EQ(files.read("result", UINT64_MAX).value(), some.result);
                break;
            }
            EXPECT_EQ(files.read("result", UINT64_MAX).value(), old);
            if (full) {
                EXPECT_EQ(files.paths().size(), 3u);
            }
        }
    }
}

}  // namespace
}  // namespace hf::vault::delta
