#include "graph/onnx/import.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "graph/onnx/tensor_proto.h"
#include "testing/script.h"

namespace hf::graph {
namespace {

Bytes read_file(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return Bytes(std::istreambuf_iterator<char>(file), {});
}

std::vector<std::filesystem::path> models_below(const std::string& folder) {
    std::vector<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
        if (entry.path().extension() == ".onnx") paths.push_back(entry.path());
    }
    std::sort(paths.begin(), paths.end());
    return paths;
}

// A ModelProto written by hand: one Relu from x to y.
Bytes tiny_model() {
    const std::string node = "\x0a\x01x\x12\x01y\x22\x04Relu";
    const std::string port = "\x0a\x01";
    const std::string type = "\x12\x04\x0a\x02\x08\x01";
    const std::string graph = "\x0a" + std::string(1, static_cast<char>(node.size())) + node +
                              "\x5a" + std::string(1, static_cast<char>(9)) + port + "x" + type +
                              "\x62" + std::string(1, static_cast<char>(9)) + port + "y" + type;
    return to_bytes("\x08\x08\x42\x02\x10\x11\x3a" +
                    std::string(1, static_cast<char>(graph.size())) + graph);
}

TEST(OnnxImport, ReadsATinyModel) {
    const Result<Graph> graph = load(tiny_model(), no_external_data());
    ASSERT_TRUE(graph.ok()) << graph.status().to_string();
    ASSERT_EQ(graph->nodes.size(), 1u);
    EXPECT_EQ(graph->nodes[0].op, "Relu");
    EXPECT_EQ(graph->nodes[0].opset, 17);
    EXPECT_EQ(graph->value(graph->inputs[0]).name, "x");
    EXPECT_EQ(graph->value(graph->outputs[0]).dtype, DType::kF32);
}

TEST(OnnxImport, NamesTheValueThatIsNeverDefined) {
    Bytes bytes = tiny_model();
    *std::find(bytes.begin(), bytes.end(), 'x') = 'z';
    const Status status = load(bytes, no_external_data()).status();
    EXPECT_NE(status.message().find("Relu 'Relu_0' (ai.onnx): value 'z'"), std::string::npos)
        << status.to_string();
}

// The fuzzer found that the name was lost to the heap, which LeakSanitizer says at the end.
TEST(OnnxImport, ATensorWithTheWrongSizeIsRefusedAndLeavesNothing) {
    const std::string name = "a name that is too long to be held in place";
    std::string tensor("\x08\x04\x10\x01\x42", 5);  // of 4, float, its name
    tensor += static_cast<char>(name.size());
    tensor += name;
    tensor += "\x4a\x03xyz";  // its bytes
    const Status status = onnx::parse_tensor_proto(as_bytes(tensor), no_external_data()).status();
    EXPECT_EQ(status.code(), Code::kInvalidArgument) << status.to_string();
}

// Two floats at the offset, in the file of that name.
std::string external_tensor(const std::string& location, char offset) {
    const auto block = [](char tag, const std::string& text) {
        return std::string(1, tag) + static_cast<char>(text.size()) + text;
    };
    const auto entry = [&](const std::string& key, const std::string& value) {
        return block('\x6a', block('\x0a', key) + block('\x12', value));
    };
    return "\x08\x02\x10\x01" + block('\x42', "w") + entry("location", location) +
           entry("offset", std::string(1, offset)) + "\x70\x01";
}

TEST(OnnxImport, ATensorLiesInExternalBytesThatLastWhereItIsAligned) {
    const auto file = std::make_shared<const std::vector<float>>(4, 1.5f);
    const ByteView bytes(reinterpret_cast<const std::uint8_t*>(file->data()), 16);
    const auto read = [&](char offset, bool lasting) {
        return onnx::parse_tensor_proto(as_bytes(external_tensor("w.bin", offset)),
                                        [&](std::string_view) -> Result<ExternalBytes> {
                                            return ExternalBytes{bytes, file, lasting};
                                        })
            ->tensor;
    };
    EXPECT_EQ(read('4', true).bytes().data(), bytes.data() + 4);
    EXPECT_NE(read('4', false).bytes().data(), bytes.data() + 4) << "they may change";
    const Tensor unaligned = read('3', true);
    EXPECT_NE(unaligned.bytes().data(), bytes.data() + 3);
    EXPECT_TRUE(std::equal(unaligned.bytes().begin(), unaligned.bytes().end(), bytes.begin() + 3));
    EXPECT_EQ(file.use_count(), 1) << "no tensor, no owner";
    const Tensor kept = read('8', true);
    EXPECT_GT(file.use_count(), 1);
}

TEST(OnnxImport, NamesOfExternalDataAreOfOneLine) {
    for (const char* bad : {"a\nb", "a\tb", "a\x7f", "", "/a", "../a", "a//b", "a\\b", "."}) {
        const Status status =
            onnx::parse_tensor_proto(as_bytes(external_tensor(bad, '0')), no_external_data())
                .status();
        EXPECT_NE(status.message().find("want a path below"), std::string::npos) << bad;
    }
}

TEST(OnnxImport, EveryPrefixAndManyMutationsAreAnsweredWithoutACrash) {
    const Bytes good = tiny_model();
    for (std::size_t size = 0; size < good.size(); ++size) {
        const Bytes prefix(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size));
        EXPECT_FALSE(load(prefix, no_external_data()).ok()) << size;
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

TEST(OnnxImport, ReadsEveryRealModel) {
    if (testing::data_dir().empty()) GTEST_SKIP() << testing::kNoData;
    for (const auto& path : models_below(testing::data_dir() + "/models")) {
        const Result<Graph> graph = load(read_file(path), no_external_data());
        // This file gives one name to two constants of different value: a contradiction is refused.
        const bool contradicts = path.filename() == "gpt2_past.onnx";
        EXPECT_EQ(graph.ok(), !contradicts) << path << ": " << graph.status().to_string();
    }
}

}  // namespace
}  // namespace hf::graph
