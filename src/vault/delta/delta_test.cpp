// Deltas as a whole: what is made from two versions makes the second from the first, and is small.

#include <gtest/gtest.h>

#include "testing/script.h"
#include "vault/delta/versions_test.h"

namespace hf::vault::delta {
namespace {

// The delta's size in percent of the result, once it has made the result.
double percent_made(const Side& base, const Side& result) {
    const Bytes delta = encode(base, result);
    const Bytes from(base.bytes.begin(), base.bytes.end());
    const Result<Bytes> made = apply_bytes(from, delta);
    EXPECT_EQ(made.status(), Status());
    EXPECT_TRUE(made.ok() &&
                std::equal(made->begin(), made->end(), result.bytes.begin(), result.bytes.end()));
    const double whole = std::max<double>(1, static_cast<double>(result.bytes.size()));
    return 100 * static_cast<double>(delta.size()) / whole;
}

double percent_made(const VersionPair& pair) {
    return percent_made(pair.base.side(), pair.result.side());
}
double percent_of_blobs(const VersionPair& pair) {
    return percent_made(pair.base.blob(), pair.result.blob());
}

TEST(Delta, KeepsItsPromisesForFineTunes) {
    Rng rng(testing::seed());
    const VersionPair int8 = fine_tune({.type = Stored::kI8, .noise = 1e-3}, rng);
    EXPECT_LE(percent_made(int8), 6);
    EXPECT_LE(percent_of_blobs(int8), 6);
    const VersionPair bf16 = fine_tune({.type = Stored::kBF16, .noise = 1e-3}, rng);
    EXPECT_LE(percent_made(bf16), 16);
    EXPECT_LE(percent_of_blobs(bf16), 16);
    // Of reals that all change, half is noise that no method can foresee.
    EXPECT_LE(percent_made(fine_tune({.type = Stored::kF32, .noise = 1e-4}, rng)), 50);
}

// 22 % of the weights change, by one up or down: the entropy of that is 12.4 % of the file, and
// nothing lossless is below.
TEST(Delta, ComesNearTheEntropyOfManyChanges) {
    Rng rng(testing::seed());
    EXPECT_LE(percent_made(fine_tune({.type = Stored::kI8, .noise = 1e-2}, rng)), 12.8);
    EXPECT_LE(percent_made(fine_tune({.type = Stored::kBF16, .noise = 1e-2}, rng)), 30);
}

TEST(Delta, OfTheSameFileIsNothing) {
    Rng rng(testing::seed());
    const VersionPair pair = fine_tune({}, rng);
    EXPECT_LE(percent_made(pair.base.side(), pair.base.side()), 0.05);
    EXPECT_LE(percent_made(pair.base.blob(), pair.base.blob()), 0.05);
}

TEST(Delta, IsHardlyLargerThanAFileThatNothingIsKnownOf) {
    Rng rng(testing::seed());
    for (const std::size_t size : {0u, 1u, 100u, 70'000u, 3'000'000u}) {
        const Bytes base = random_bytes(2'000'000, rng), result = random_bytes(size, rng);
        const Bytes delta = encode({base, {}}, {result, {}});
        const std::size_t chunks = (size + kMaxChunkBytes - 1) / kMaxChunkBytes;
        EXPECT_LE(delta.size(), size + kHeaderBytes + 30 * chunks);
        EXPECT_EQ(apply_bytes(base, delta).value(), result);
        EXPECT_EQ(apply_bytes({}, encode({{}, {}}, {result, {}})).value(), result);
    }
    EXPECT_LE(percent_made({random_bytes(1 << 20, rng), {}}, {random_bytes(1 << 20, rng), {}}),
              100.1);
}

// Tensors in another order and a new one between: nothing lies where it lay.
TEST(Delta, FindsTensorsThatMoved) {
    Rng rng(testing::seed());
    for (const Stored type : {Stored::kI8, Stored::kBF16, Stored::kF32}) {
        const VersionPair pair = fine_tune({.type = type, .noise = 1e-4}, rng);
        const double still = percent_made(pair);
        Version moved;
        for (std::size_t i = pair.result.tensors.size(); i-- > 0;) {
            Tensor tensor = pair.result.tensors[i];
            const ByteView weights =
                ByteView(pair.result.bytes).subspan(tensor.offset, tensor.size);
            const Bytes text = random_bytes(11 + i, rng);
            moved.bytes.insert(moved.bytes.end(), text.begin(), text.end());
            tensor.offset = moved.bytes.size();
            moved.bytes.insert(moved.bytes.end(), weights.begin(), weights.end());
            moved.tensors.push_back(tensor);
        }
        EXPECT_LE(percent_made(pair.base.side(), moved.side()), still + 0.1);
        for (Tensor& tensor : moved.tensors) tensor.name += "_renamed";
        EXPECT_LE(percent_made(pair.base.side(), moved.side()), still + 0.1);
    }
}

TEST(Delta, FollowsWhatIsPutInAndTakenOut) {
    Rng rng(testing::seed());
    const VersionPair pair = fine_tune({.type = Stored::kI8, .noise = 1e-3}, rng);
    const double still = percent_of_blobs(pair);
    const Bytes extra = random_bytes(777, rng);
    for (int i = 0; i < 5; ++i) {
        Bytes more = pair.result.bytes, less = pair.result.bytes;
        const auto at = static_cast<std::ptrdiff_t>(rng.below(more.size() - 1000));
        more.insert(more.begin() + at, extra.begin(), extra.end());
        less.erase(less.begin() + at, less.begin() + at + 777);
        EXPECT_LE(percent_made(pair.base.blob(), {more, {}}), still + 0.3);
        EXPECT_LE(percent_made(pair.base.blob(), {less, {}}), still + 0.3);
    }
}

// Whatever is said of the tensors: sizes that do not fit, places outside, overlaps.
TEST(Delta, WrongHintsCostBytesAndNothingElse) {
    Rng rng(testing::seed());
    const VersionPair pair =
        fine_tune({.type = Stored::kBF16, .noise = 1e-2, .layers = {3000, 700, 10}}, rng);
    for (int round = 0; round < 200; ++round) {
        Side base = pair.base.side(), result = pair.result.side();
        for (Side* side : {&base, &result}) {
            for (Tensor& tensor : side->tensors) {
                if (rng.chance(1, 2)) continue;
                tensor.offset = rng.below(side->bytes.size() + 100);
                tensor.size = rng.below(9000);
                tensor.element = {static_cast<std::uint8_t>(1U << rng.below(4)), rng.chance(1, 2)};
            }
        }
        EXPECT_LE(percent_made(base, result), 105);
    }
}

// Small edits of small files, against the obvious: the bytes come back.
TEST(Delta, EveryEditComesBack) {
    Rng rng(testing::seed());
    for (int round = 0; round < 300; ++round) {
        const std::size_t period = 1 + rng.below(400);
        Bytes base(rng.below(3000));
        for (std::size_t i = 0; i < base.size(); ++i) {
            base[i] = static_cast<std::uint8_t>(i % period * 7 + (rng.chance(1, 20) ? i : 0));
        }
        Bytes result = base;
        for (std::uint64_t edits = rng.below(6); edits > 0 && !result.empty(); --edits) {
            const auto at = static_cast<std::ptrdiff_t>(rng.below(result.size()));
            const auto size = static_cast<std::ptrdiff_t>(
                rng.below(std::min<std::uint64_t>(60, result.size() - at) + 1));
            const Bytes text = random_bytes(rng.below(60), rng);
            if (rng.chance(1, 2)) result.erase(result.begin() + at, result.begin() + at + size);
            if (rng.chance(1, 2)) result.insert(result.begin(), text.begin(), text.end());
            if (rng.chance(1, 3)) std::reverse(result.begin(), result.end());
        }
        percent_made({base, {}}, {result, {}});
    }
}

TEST(Delta, IsTheSameEachTimeItIsMade) {
    Rng rng(testing::seed());
    const VersionPair pair =
        fine_tune({.type = Stored::kBF16, .noise = 1e-3, .layers = {40'000, 300}}, rng);
    EXPECT_EQ(encode(pair.base.side(), pair.result.side()),
              encode(pair.base.side(), pair.result.side()));
}

}  // namespace
}  // namespace hf::vault::delta
