#include "vault/delta/planes.h"

#include <cmath>
#include <cstring>
#include <numeric>

#include <gtest/gtest.h>

#include "testing/script.h"
#include "vault/delta/pack.h"
#include "vault/delta/versions_test.h"

namespace hf::vault::delta {
namespace {

const std::vector<Element> kElements{{1, false}, {2, false}, {4, false}, {8, false},
                                     {1, true},  {2, true},  {4, true},  {8, true}};

TEST(DeltaPlanes, EveryFormGivesItsBytesBack) {
    Rng rng(testing::seed());
    for (const Element element : kElements) {
        for (const std::size_t count : {1u, 7u, 8u, 9u, 100u}) {
            const Bytes base = random_bytes(count * element.width, rng);
            Bytes result = random_bytes(count * element.width, rng);
            for (std::size_t i = 0; i < result.size(); ++i) {
                if (rng.chance(2, 3)) result[i] = base[i];
            }
            Bytes data, values(result.size());
            append_literal(result, element, data);
            read_literal(data, element, values);
            EXPECT_EQ(values, result);

            data.clear();
            values = base;
            append_difference(base, result, element, data);
            EXPECT_EQ(data.size(), result.size());
            read_difference(data, element, values);
            EXPECT_EQ(values, result);

            data.clear();
            values = base;
            const SparseCounts counts = append_sparse(base, result, element, data);
            EXPECT_LE(counts.marks, count);
            const Operation operation{Kind::kSparse, element,       result.size(), 0,
                                      counts.marks,  counts.changed};
            EXPECT_EQ(data.size(), data_bytes(operation));
            std::vector<std::size_t> parts;
            append_parts(operation, parts);
            EXPECT_EQ(std::accumulate(parts.begin(), parts.end(), std::size_t{0}), data.size());
            ASSERT_EQ(read_sparse(data, counts, element, values), Status());
            EXPECT_EQ(values, result);
        }
    }
}

template <typename T>
Bytes bytes_of(T value) {
    Bytes bytes(sizeof value);
    std::memcpy(bytes.data(), &value, sizeof value);
    return bytes;
}

TEST(DeltaPlanes, NeighboursOfEitherSignAreSmallNumbers) {
    const auto difference = [](const Bytes& from, const Bytes& to, bool real) {
        Bytes data;
        append_difference(from, to, {static_cast<std::uint8_t>(from.size()), real}, data);
        data.resize(8);
        return load_le<std::uint64_t>(data.data());  // of one element, planes are its bytes
    };
    EXPECT_EQ(difference(bytes_of<std::int8_t>(5), bytes_of<std::int8_t>(5), false), 0u);
    EXPECT_EQ(difference(bytes_of<std::int8_t>(0), bytes_of<std::int8_t>(-1), false), 1u);
    EXPECT_EQ(difference(bytes_of<std::int8_t>(-1), bytes_of<std::int8_t>(0), false), 2u);
    EXPECT_EQ(difference(bytes_of<std::int8_t>(127), bytes_of<std::int8_t>(-128), false), 2u);
    const float up = std::nextafterf(-1.5F, 0), zero = 0, below = -zero;
    EXPECT_EQ(difference(bytes_of(-1.5F), bytes_of(up), true), 2u);
    EXPECT_EQ(difference(bytes_of(up), bytes_of(-1.5F), true), 1u);
    EXPECT_EQ(difference(bytes_of(below), bytes_of(zero), true), 2u);
    EXPECT_GT(difference(bytes_of(below), bytes_of(zero), false), 1u << 30);
}

TEST(DeltaPlanes, PlanesHaveBytesOfOneSignificance) {
    Bytes data;
    append_literal(Bytes{1, 2, 3, 4, 5, 6}, {2, false}, data);
    EXPECT_EQ(data, (Bytes{1, 3, 5, 2, 4, 6}));
}

TEST(DeltaPlanes, MarksCountWhatDidNotChange) {
    Bytes base(600, 9), result = base;
    result[0] = 8;
    result[2] = 11;
    result[257] = 10;  // 254 in between
    result[513] = 10;  // 255
    Bytes data;
    const SparseCounts counts = append_sparse(base, result, {1, false}, data);
    EXPECT_EQ(counts.marks, 5u);
    EXPECT_EQ(counts.changed, 4u);
    EXPECT_EQ(data, (Bytes{0, 1, 254, 255, 0, 0b0001, 0, 1, 0, 0}));
    ASSERT_EQ(read_sparse(data, counts, {1, false}, base), Status());
    EXPECT_EQ(base, result);
}

TEST(DeltaPlanes, MarksThatLeadElsewhereAreRefused) {
    const auto refused = [](const Bytes& data, const SparseCounts& counts) {
        Bytes values(6, 9);
        return read_sparse(data, counts, {1, false}, values).code() == Code::kInvalidArgument;
    };
    EXPECT_FALSE(refused({1, 3, 0, 1, 1}, {2, 2}));
    EXPECT_TRUE(refused({1, 4, 0, 1, 1}, {2, 2}));    // the second is behind the end
    EXPECT_TRUE(refused({255, 0, 0, 1, 1}, {2, 1}));  // so is a long run
    EXPECT_TRUE(refused({1, 3, 0, 1, 1}, {2, 1}));    // one change for two marks
    EXPECT_TRUE(refused({255, 255, 0, 1, 1}, {2, 2}));
}

}  // namespace
}  // namespace hf::vault::delta
