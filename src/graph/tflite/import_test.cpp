#include "graph/tflite/import.h"

#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "graph/load.h"
#include "testing/script.h"

namespace hf::graph {
namespace {

// Writes a flatbuffer from front to back: a table knows where its fields will be told where their
// vectors, strings and tables lie.
class Builder {
public:
    Builder() : bytes_{0, 0, 0, 0, 'T', 'F', 'L', '3'} {}

    struct Field {
        std::size_t size;  // 1 or 4
        std::uint32_t value;
        bool present = true;
    };

    // Gives the table's position; `slot(table, i)` is where field i of four bytes lies.
    std::size_t table(const std::vector<Field>& fields) {
        align(4);
        const std::size_t vtable = bytes_.size();
        put<std::uint16_t>(static_cast<std::uint16_t>(4 + 2 * fields.size()));
        put<std::uint16_t>(static_cast<std::uint16_t>(4 + 4 * fields.size()));
        for (std::size_t i = 0; i < fields.size(); ++i) {
            put<std::uint16_t>(fields[i].present ? static_cast<std::uint16_t>(4 + 4 * i) : 0);
        }
        align(4);
        const std::size_t at = bytes_.size();
        put<std::int32_t>(static_cast<std::int32_t>(at - vtable));
        for (const Field& field : fields) put<std::uint32_t>(field.value);
        return at;
    }
    static std::size_t slot(std::size_t table, std::size_t field) { return table + 4 + 4 * field; }

    void point(std::size_t from, std::size_t to) {
        const auto offset = static_cast<std::uint32_t>(to - from);
        std::memcpy(bytes_.data() + from, &offset, 4);
    }

    template <typename T>
    std::size_t vector(const std::vector<T>& values) {
        align(4);
        const std::size_t at = bytes_.size();
        put<std::uint32_t>(static_cast<std::uint32_t>(values.size()));
        for (T value : values) put<T>(value);
        return at;
    }
    std::size_t string(std::string_view text) {
        return vector(std::vector<char>(text.begin(), text.end()));
    }
    std::size_t tables(std::size_t count) { return vector(std::vector<std::uint32_t>(count, 0)); }
    static std::size_t element(std::size_t vector, std::size_t index) {
        return vector + 4 + 4 * index;
    }

    Bytes bytes() const { return bytes_; }

private:
    template <typename T>
    void put(T value) {
        append_le(bytes_, value);
    }
    void align(std::size_t to) {
        while (bytes_.size() % to != 0) bytes_.push_back(0);
    }
    Bytes bytes_;
};

struct OneNode {
    std::int32_t code = 19;  // RELU
    std::uint32_t version = 3;
    std::uint32_t x = 0, y = 1;
    std::string custom = {};
};

// A model with one operator from tensor 0, "x" of 1x4, to tensor 1, "y".
Bytes one_node(const OneNode& want) {
    Builder b;
    const std::size_t model = b.table({{4, want.version}, {4, 0}, {4, 0}, {4, 0, false}, {4, 0}});
    b.point(0, model);
    const std::size_t codes = b.tables(1);
    b.point(Builder::slot(model, 1), codes);
    const std::size_t code = b.table({{1, static_cast<std::uint32_t>(want.code)},
                                      {4, 0, !want.custom.empty()},
                                      {4, 1},
                                      {4, static_cast<std::uint32_t>(want.code)}});
    b.point(Builder::element(codes, 0), code);
    if (!want.custom.empty()) b.point(Builder::slot(code, 1), b.string(want.custom));
    const std::size_t graphs = b.tables(1);
    b.point(Builder::slot(model, 2), graphs);
    const std::size_t graph = b.table({{4, 0}, {4, 0}, {4, 0}, {4, 0}});
    b.point(Builder::element(graphs, 0), graph);
    const std::size_t tensors = b.tables(2);
    b.point(Builder::slot(graph, 0), tensors);
    for (std::size_t i = 0; i < 2; ++i) {
        const std::size_t tensor = b.table({{4, 0}, {1, 0}, {4, 0}, {4, 0}});
        b.point(Builder::element(tensors, i), tensor);
        b.point(Builder::slot(tensor, 0), b.vector<std::int32_t>({1, 4}));
        b.point(Builder::slot(tensor, 3), b.string(i == 0 ? "x" : "y"));
    }
    b.point(Builder::slot(graph, 1), b.vector<std::int32_t>({0}));
    b.point(Builder::slot(graph, 2), b.vector<std::int32_t>({1}));
    const std::size_t operators = b.tables(1);
    b.point(Builder::slot(graph, 3), operators);
    const std::size_t node = b.table({{4, 0}, {4, 0}, {4, 0}});
    b.point(Builder::element(operators, 0), node);
    b.point(Builder::slot(node, 1), b.vector<std::uint32_t>({want.x}));
    b.point(Builder::slot(node, 2), b.vector<std::uint32_t>({want.y}));
    const std::size_t buffers = b.tables(1);
    b.point(Builder::slot(model, 4), buffers);
    b.point(Builder::element(buffers, 0), b.table({{4, 0, false}}));
    return b.bytes();
}

std::string refusal(const OneNode& want) {
    return load(one_node(want), no_external_data()).status().to_string();
}

bool contains(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

TEST(TfliteImport, ReadsAModelOfOneNode) {
    const Result<Graph> graph = load(one_node({}), no_external_data());
    ASSERT_TRUE(graph.ok()) << graph.status().to_string();
    ASSERT_EQ(graph->nodes.size(), 1u);
    EXPECT_EQ(graph->nodes[0].describe(), "RELU 'RELU_0' (tflite)");
    EXPECT_EQ(graph->value(graph->inputs[0]).name, "x");
    EXPECT_EQ(graph->value(graph->outputs[0]).shape, Shape({1, 4}));
}

TEST(TfliteImport, RefusesWhatItDoesNotHaveByName) {
    EXPECT_TRUE(contains(refusal({.code = 16}),
                         "UNIMPLEMENTED: node 0: TFLite's builtin operator "
                         "number 16"))
        << refusal({.code = 16});
    EXPECT_TRUE(contains(refusal({.code = 32, .custom = "Hello"}), "custom operator 'Hello'"));
    EXPECT_TRUE(contains(refusal({.version = 2}), "schema version 2"));
}

TEST(TfliteImport, RefusesTensorsOutOfOrder) {
    EXPECT_TRUE(contains(refusal({.x = 2}), "RELU 'RELU_0' (tflite): input 0: tensor 2 of 2"));
    EXPECT_TRUE(contains(refusal({.x = 1}), "'y' is used before it is computed"));
    EXPECT_TRUE(contains(refusal({.y = 0}), "tensor 'x' is defined twice"));
}

// The small model above, with every byte in reach of the mutations.
TEST(TfliteImport, EveryPrefixAndManyMutationsOfAHandMadeModel) {
    const Bytes good = one_node({});
    for (std::size_t size = 0; size < good.size(); ++size) {
        const Bytes prefix(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size));
        (void)load(prefix, no_external_data());
    }
    Rng rng(testing::seed());
    for (int round = 0; round < 20000; ++round) {
        Bytes bytes = good;
        for (int i = 0; i < 3; ++i) {
            bytes[rng.below(bytes.size())] = static_cast<std::uint8_t>(rng.next());
        }
        (void)load(bytes, no_external_data());
    }
}

Bytes real_model(const std::string& name) {
    std::ifstream file(testing::data_dir() + "/models/" + name, std::ios::binary);
    return Bytes(std::istreambuf_iterator<char>(file), {});
}

TEST(TfliteImport, EveryPrefixOfARealModelIsRefused) {
    if (testing::data_dir().empty()) GTEST_SKIP() << testing::kNoData;
    const Bytes good = real_model("mlperf-tiny/kws_ref_model.tflite");
    // Exact copies, so that a sanitizer sees a read past the end. Steps of a prime keep it quick.
    for (std::size_t size = 0; size < good.size(); size += size < 4096 ? 1 : 37) {
        const Bytes prefix(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size));
        EXPECT_FALSE(load(prefix, no_external_data()).ok()) << size;
    }
}

TEST(TfliteImport, ThousandsOfMutationsOfARealModelAreAnswered) {
    if (testing::data_dir().empty()) GTEST_SKIP() << testing::kNoData;
    const Bytes good = real_model("mlperf-tiny/kws_ref_model.tflite");
    Rng rng(testing::seed());
    int refused = 0;
    for (int round = 0; round < 5000; ++round) {
        Bytes bytes = good;
        // Small integers and extremes in whole words do more harm to offsets than random bytes.
        for (int i = 0; i < 8; ++i) {
            const std::size_t at = rng.below(bytes.size() / 4) * 4;
            const std::uint32_t word = rng.chance(1, 2) ? static_cast<std::uint32_t>(rng.below(64))
                                                        : static_cast<std::uint32_t>(rng.next());
            std::memcpy(bytes.data() + at, &word, 4);
        }
        refused += !load(bytes, no_external_data()).ok();
    }
    EXPECT_GT(refused, 0);
    EXPECT_LT(refused, 5000);
}

TEST(TfliteImport, BorrowsConstantsOnlyFromAnOwner) {
    if (testing::data_dir().empty()) GTEST_SKIP() << testing::kNoData;
    const auto bytes = std::make_shared<const Bytes>(real_model("mlperf-tiny/ad01_int8.tflite"));
    const auto inside = [&](const Graph& graph) {
        std::size_t count = 0;
        for (const Value& value : graph.values) {
            if (!value.constant) continue;
            const std::uint8_t* data = value.constant->bytes().data();
            count += data >= bytes->data() && data < bytes->data() + bytes->size();
        }
        return count;
    };
    EXPECT_EQ(inside(*load(*bytes, no_external_data())), 0u);
    EXPECT_GT(inside(*load(*bytes, no_external_data(), bytes)), 0u);
}

}  // namespace
}  // namespace hf::graph
