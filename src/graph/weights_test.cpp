#include "graph/weights.h"
#include "base/protobuf.h"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "graph/load.h"
#include "testing/script.h"

namespace hf::graph {
namespace {

using protozero::pbf_writer;

Bytes safetensors_file(const std::string& header, const std::string& data) {
    const std::uint64_t size = header.size();
    Bytes file(sizeof size);
    std::memcpy(file.data(), &size, sizeof size);
    file.insert(file.end(), header.begin(), header.end());
    file.insert(file.end(), data.begin(), data.end());
    return file;
}

std::string text_of(const std::vector<WeightPlace>& places, ByteView file) {
    std::string text;
    for (const WeightPlace& place : places) {
        text += fmt::format("{} {} {}\n", place.name, dtype_name(place.dtype),
                            as_text(file.subspan(place.offset, place.size)));
    }
    return text;
}

std::string tensor_proto(const std::string& name, int type, const std::string& raw) {
    std::string bytes;
    pbf_writer tensor(bytes);
    tensor.add_int32(2, type);
    tensor.add_string(8, name);
    tensor.add_string(9, raw);
    return bytes;
}

// One initializer in raw form, one in typed, one constant in a node, one in a body, one of text.
Bytes onnx_model() {
    std::string typed, constant, node, body, if_node, graph, model;
    pbf_writer typed_writer(typed);
    typed_writer.add_int32(2, 1);
    typed_writer.add_string(4, "FFFFffff");
    typed_writer.add_string(8, "typed");
    pbf_writer constant_writer(constant);
    constant_writer.add_string(1, "value");
    constant_writer.add_message(5, tensor_proto("", 3, "abcde"));
    pbf_writer node_writer(node);
    node_writer.add_string(2, "out");
    node_writer.add_string(4, "Constant");
    node_writer.add_message(5, constant);
    pbf_writer(body).add_message(5, tensor_proto("inner", 16, "WW"));
    std::string branch;
    pbf_writer(branch).add_message(6, body);
    pbf_writer(if_node).add_message(5, branch);
    pbf_writer graph_writer(graph);
    graph_writer.add_message(1, node);
    graph_writer.add_message(1, if_node);
    graph_writer.add_message(5, tensor_proto("raw", 2, "uvw"));
    graph_writer.add_message(5, typed);
    graph_writer.add_message(5, tensor_proto("words", 8, "no numbers"));
    pbf_writer(model).add_message(7, graph);
    return to_bytes(model);
}

TEST(Weights, OfOnnxLieInInitializersAttributesAndBodies) {
    const Bytes file = onnx_model();
    EXPECT_EQ(text_of(find_weights(file), file),
              "out i8 abcde\n"
              "inner bf16 WW\n"
              "raw u8 uvw\n"
              "typed f32 FFFFffff\n");
}

TEST(Weights, OfSafetensorsLieBehindTheHeader) {
    const Bytes file = safetensors_file(
        R"({"__metadata__":{"format":"pt"},"b":{"dtype":"BF16","shape":[2],"data_offsets":[4,8]},)"
        R"("a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
        R"("odd":{"dtype":"F16","shape":[1],"data_offsets":[8,9]},)"
        R"("far":{"dtype":"I8","shape":[9],"data_offsets":[9,18]},)"
        R"("strange":{"dtype":"X9","shape":[1],"data_offsets":[8,9]}})",
        "AAAABBBBC");
    EXPECT_EQ(text_of(find_weights(file), file), "a f32 AAAA\nb bf16 BBBB\n");
}

TEST(Weights, OfDamagedFilesAreNone) {
    EXPECT_TRUE(find_weights({}).empty());
    EXPECT_TRUE(find_weights(as_bytes("\x10\0\0\0\0\0\0\0{not json")).empty());
    EXPECT_TRUE(find_weights(safetensors_file("{\"a\":7}", "AAAA")).empty());
    EXPECT_TRUE(
        find_weights(safetensors_file("{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[-4,0]}}", ""))
            .empty());
    const Bytes good = onnx_model();
    Rng rng(testing::seed());
    for (int round = 0; round < 20000; ++round) {
        Bytes bytes = good;
        for (int i = 0; i < 3; ++i) {
            bytes[rng.below(bytes.size())] = static_cast<std::uint8_t>(rng.next());
        }
        bytes.resize(bytes.size() - rng.below(10));
        for (const WeightPlace& place : find_weights(bytes)) {
            ASSERT_TRUE(place.size > 0 && place.offset + place.size <= bytes.size());
            ASSERT_EQ(place.size % dtype_size(place.dtype), 0u);
        }
    }
}

Bytes read_file(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return Bytes(std::istreambuf_iterator<char>(file), {});
}

// The importers are the oracle: a place that has a constant's name has its bytes.
TEST(Weights, OfRealModelsAreWhatTheImportersRead) {
    if (testing::data_dir().empty()) GTEST_SKIP() << testing::kNoData;
    std::size_t models = 0;
    std::uint64_t compared = 0;
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(testing::data_dir() + "/models")) {
        const auto extension = entry.path().extension();
        if (extension != ".onnx" && extension != ".tflite") continue;
        const Bytes file = read_file(entry.path());
        const Result<Graph> graph = load(file, no_external_data());
        if (!graph.ok()) continue;
        ++models;
        std::map<std::string, ByteView> constants;
        for (const Value& value : graph->values) {
            if (value.constant && value.constant->dtype() != DType::kString) {
                constants.emplace(value.name, value.constant->bytes());
            }
        }
        for (const WeightPlace& place : find_weights(file)) {
            const auto constant = constants.find(place.name);
            if (constant == constants.end() || constant->second.size() != place.size) continue;
            EXPECT_EQ(as_text(ByteView(file).subspan(place.offset, place.size)),
                      as_text(constant->second))
                << entry.path() << " " << place.name;
            compared += place.size;
        }
    }
    EXPECT_GE(models, 20u);
    EXPECT_GE(compared, 8u << 20);
}

TEST(Weights, OfRealModelsAreMostOfTheFile) {
    if (testing::data_dir().empty()) GTEST_SKIP() << testing::kNoData;
    const std::map<std::string, double> shares{{"trained/face_rfb_320.onnx", 0.95},
                                               {"trained/silero_vad.onnx", 0.9},  // in bodies of If
                                               {"trained/super_resolution.onnx", 0.99},
                                               {"trained/mobilenet_v2_1.0_224_ptq.tflite", 0.85},
                                               {"mlperf-tiny/ad01_fp32.tflite", 0.99},
                                               {"mlperf-tiny/vww_96_int8.tflite", 0.6}};
    for (const auto& [name, share] : shares) {
        const Bytes file = read_file(testing::data_dir() + "/models/" + name);
        std::uint64_t found = 0;
        for (const WeightPlace& place : find_weights(file)) found += place.size;
        EXPECT_GE(static_cast<double>(found), share * static_cast<double>(file.size())) << name;
    }
}

}  // namespace
}  // namespace hf::graph
