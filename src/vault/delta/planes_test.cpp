#include "vault/delta/planes.h"

#include <cmath>

#include <gtest/gtest.h>

#include "testing/script.h"
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
            const std::uint64_t changed = append_sparse(base, result, element, data);
            const Operation operation{Kind::kSparse, element, result.size(), 0, changed};
            ASSERT_EQ(data.size(), data_bytes(operation));
            ASSERT_EQ(read_sparse(data, changed, element, values), Status());
            EXPECT_EQ(values, result);
        }
    }
}

template <typename T>
Bytes bytes_of(T value) {
    Bytes bytes;
    append_le(bytes, value);
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
    data.clear();
    EXPECT_EQ(append_sparse(Bytes{9, 9, 9, 9, 9}, Bytes{9, 8, 9, 9, 11}, {1, false}, data), 2u);
    EXPECT_EQ(data, (Bytes{0b10010, 1, 4}));
}

TEST(DeltaPlanes, MarksThatAreNotAsManyAsSaidAreRefused) {
    Bytes values(5, 9);
    EXPECT_EQ(read_sparse(Bytes{0b10010, 1, 4}, 2, {1, false}, values), Status());
    for (const std::uint8_t marks : {0b00010, 0b11010, 0b100010}) {
        const Bytes data{marks, 1, 4};
        EXPECT_EQ(read_sparse(data, 2, {1, false}, values).code(), Code::kInvalidArgument);
    }
}

}  // namespace
}  // namespace hf::vault::delta
