#include "trust/scan.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "testing/script.h"

namespace hf::trust {
namespace {

using namespace std::string_literals;

// Protobuf by hand, so that the tests can say what no serialiser would.
std::string varint(std::uint64_t value) {
    std::string text;
    for (; value >= 0x80; value >>= 7) text += static_cast<char>(value | 0x80);
    return text + static_cast<char>(value);
}
std::string number(int field, std::uint64_t value) {
    return varint(static_cast<std::uint64_t>(field) << 3) + varint(value);
}
std::string bytes(int field, const std::string& value) {
    return varint(static_cast<std::uint64_t>(field) << 3 | 2) + varint(value.size()) + value;
}
std::string entry(const std::string& key, const std::string& value) {
    return bytes(13, bytes(1, key) + bytes(2, value));
}
std::string node(const std::string& op, const std::string& more = "") {
    return bytes(1, bytes(1, "x") + bytes(2, "y") + bytes(4, op) + more);
}
std::string model(const std::string& graph, const std::string& more = "") {
    return number(1, 8) + bytes(7, bytes(2, "g") + graph) + bytes(8, number(2, 17)) + more;
}
// A float tensor "w" of four elements, with `data` for its values.
std::string weights(const std::string& data) {
    return bytes(5, number(1, 4) + number(2, 1) + bytes(8, "w") + data);
}
std::string external(const std::string& location, const std::string& more = "") {
    return weights(entry("location", location) + more + number(14, 1));
}

ScanResult scan_files(const std::vector<std::pair<std::string, std::string>>& files) {
    std::vector<FileToScan> list;
    for (const auto& [path, content] : files) list.push_back({path, as_bytes(content)});
    return scan_model(list, {});
}

// "accepted", or the codes of the refusals and, after "+", of the remarks.
std::string verdict(const ScanResult& result) {
    std::string text = result.accepted ? "accepted" : "";
    for (const Finding& finding : result.findings) {
        if (!text.empty()) text += finding.refused ? " " : " +";
        text += finding.code;
    }
    return text;
}
std::string scan_one(const std::string& content) {
    return verdict(scan_files({{"m", content}}));
}

TEST(Scan, AcceptsWhatHoldsTogether) {
    EXPECT_EQ(scan_one(model(node("Relu") + weights(bytes(9, std::string(16, 'x'))))), "accepted");
    EXPECT_EQ(scan_one(model(weights(bytes(4, std::string(16, 'x'))))), "accepted");
    const auto result = scan_files({{"a/m.bin", model(external("w.dat"))},
                                    {"a/w.dat", std::string(16, '\1')},
                                    {"README", "# Pump\n"}});
    EXPECT_EQ(verdict(result), "accepted");
    EXPECT_EQ(result.files[0].format, FileFormat::kOnnx);
    EXPECT_EQ(result.files[1].format, FileFormat::kTensorData);
    EXPECT_EQ(result.files[2].format, FileFormat::kText);
}

TEST(Scan, ContentDecidesAndNamesDoNot) {
    EXPECT_EQ(verdict(scan_files({{"cat.jpg", model(node("Relu"))}})), "accepted");
    EXPECT_EQ(verdict(scan_files({{"model.onnx", "PK\3\4 and more"}})), "archive");
    EXPECT_EQ(verdict(scan_files({{"model.onnx", "hello"}})), "no-model");
    EXPECT_EQ(verdict(scan_files({})), "no-model");
}

TEST(Scan, RefusesOtherFormatsEachByItsName) {
    const std::string tar = std::string(257, '\0') + "ustar" + std::string(300, '\0');
    const std::vector<std::pair<std::string, std::string>> cases{
        {"\x80\x02}q\0."s, "pickle"},
        {"\x80\x04\x95\x0b\0\0\0\0\0\0\0\x8c\x02os\x8c\x06system\x93."s, "pickle"},
        {"cos\nsystem\n(S'id'\ntR.", "pickle"},
        {"(S'id'\nios\nsystem\n.", "pickle"},
        {"\x80\x05truncated", "pickle"},
        {"PK\3\4....", "archive"},
        {"7z\xbc\xaf\x27\x1c....", "archive"},
        {"\x1f\x8b\x08....", "archive"},
        {"\x28\xb5\x2f\xfd....", "archive"},
        {tar, "archive"},
        {"\x89HDF\r\n\x1a\n....", "hdf5"},
        {"\x7f"
         "ELF\2\1\1",
         "executable"},
        {"MZ\x90\0\3"s, "executable"},
        {"#!/bin/sh\nid\n", "script"},
        {"\0asm\1\0\0\0"s, "executable"},
        {"\x93NUMPY\1\0", "unsupported-format"},
        {"GGUF\3\0\0\0"s, "unsupported-format"},
        {"\x01\x02\x03\x04", "unknown-content"},
        {"text with a \0 in it"s, "unknown-content"},
        {"\xff\xfe", "unknown-content"},
    };
    for (const auto& [content, code] : cases) {
        EXPECT_EQ(scan_one(content), code) << content;
        EXPECT_EQ(verdict(scan_files({{"m", model("")}, {"extra", content}})), code) << content;
    }
}

TEST(Scan, PlainTextIsNoPickle) {
    for (const std::string text :
         {"# title\n", "(c) 2024.\n", "code.", "", ".", "Labels.\nOne.\n"}) {
        EXPECT_EQ(verdict(scan_files({{"m", model("")}, {"t", text}})), "accepted") << text;
    }
}

TEST(Scan, RefusesPolyglots) {
    const std::string good = model(weights(bytes(9, std::string(16, 'x'))));
    const std::string end = "PK\5\6" + std::string(18, '\0');
    // The zip hides in the model's own description, which ends the file.
    EXPECT_EQ(scan_one(model("", bytes(6, "PK\3\4" + end))), "polyglot");
    const std::string pdf = number(1, 8) + bytes(2, "%PDF-1.7") + bytes(7, "");
    EXPECT_EQ(scan_one(pdf), "polyglot");
    std::string hdf = model("", bytes(6, std::string(2000, ' ')));
    hdf.replace(1024, 8, "\x89HDF\r\n\x1a\n");
    EXPECT_EQ(scan_one(hdf), "polyglot");
    EXPECT_EQ(scan_one(good), "accepted");
}

TEST(Scan, ExternalDataStaysBelowTheModel) {
    const auto with = [](const std::string& graph, const std::string& data) {
        return verdict(scan_files({{"m", model(graph)}, {"w", data}}));
    };
    const std::string data(16, '\1');
    EXPECT_EQ(with(external("w"), data), "accepted");
    for (const std::string& path : std::vector<std::string>{
             "../w", "a/../../w", "/w", "a\\..\\w", "C:\\w", "", ".", "a//w", "./w", "w\0x"s}) {
        EXPECT_EQ(scan_one(model(external(path))), "external-data-path") << path;
    }
    EXPECT_EQ(scan_one(model(external("*/_ORT_MEM_ADDR_/*"))), "external-data-address");
    EXPECT_EQ(scan_one(model(external("w"))), "external-data-missing");
    EXPECT_EQ(scan_one(model(external("m"))), "external-data-path");
    EXPECT_EQ(with(external("w", entry("offset", "8")), data),
              "external-data-range unknown-content");
    EXPECT_EQ(with(external("w", entry("offset", "-1")), data), "external-data unknown-content");
    EXPECT_EQ(with(external("w", entry("offset", "99999999999999999999")), data),
              "external-data unknown-content");
    EXPECT_EQ(with(external("w", entry("length", "15")), data), "tensor-size");
    EXPECT_EQ(with(external("w", entry("length", "9223372036854775807")), data),
              "tensor-size external-data-range unknown-content");
    EXPECT_EQ(with(external("w", entry("__class__", "x")), data), "external-data");
    EXPECT_EQ(with(external("w", entry("location", "w")), data), "external-data");
    EXPECT_EQ(with(external("w", bytes(9, data)), data), "external-data");
    EXPECT_EQ(with(external("w"),
                   "\x7f"
                   "ELF" +
                       data),
              "executable");
}

TEST(Scan, LinksAreRefused) {
    const std::string content = model(external("w"));
    const std::string data(16, '\1');
    const auto with = [&](FileTie tie) {
        const std::vector<FileToScan> files{
            {"m", as_bytes(content)},
            {"w", tie == FileTie::kShared ? as_bytes(data) : ByteView(), tie}};
        return verdict(scan_model(files, {}));
    };
    EXPECT_EQ(with(FileTie::kLink), "link external-data-link");
    EXPECT_EQ(with(FileTie::kSpecial), "link external-data-link");
    EXPECT_EQ(with(FileTie::kShared), "external-data-link unknown-content");
}

TEST(Scan, SizesMustBeTrue) {
    EXPECT_EQ(scan_one(model(weights(bytes(9, "xyz")))), "tensor-size");
    EXPECT_EQ(scan_one(model(weights(""))), "tensor-size");
    const std::string huge =
        bytes(5, number(1, std::uint64_t{1} << 62) + number(1, 8) + number(2, 1) + bytes(9, "x"));
    EXPECT_EQ(scan_one(model(huge)), "tensor-size");
    const std::string negative = bytes(5, number(1, ~std::uint64_t{0}) + number(2, 1));
    EXPECT_EQ(scan_one(model(negative)), "tensor-size");
    const std::string packed =
        bytes(5, bytes(1, varint(1u << 30)) + number(2, 7) + bytes(7, varint(1)));
    EXPECT_EQ(scan_one(model(packed)), "tensor-size");
}

TEST(Scan, StructureMustBeThatOfOnnx) {
    EXPECT_EQ(scan_one(model(bytes(99, "hidden"))), "onnx-unknown-field");
    EXPECT_EQ(scan_one(model(number(1, 5))), "onnx-malformed");
    EXPECT_EQ(scan_one(model("", bytes(7, ""))), "onnx-duplicate-field");
    EXPECT_EQ(scan_one(model(node("Relu")).substr(0, 20)), "onnx-malformed");
    EXPECT_EQ(scan_one(model(node(std::string(5000, 'x')))), "name-length");
    std::string deep;
    for (int i = 0; i < 200; ++i) deep = node("If", bytes(5, bytes(6, deep)));
    EXPECT_EQ(scan_one(model(deep)), "nesting");
    std::string many;
    for (int i = 0; i < 100; ++i) many += node("Relu");
    const std::vector<FileToScan> files{{"m", as_bytes(many = model(many))}};
    ScanLimits limits;
    limits.parts_max = 50;
    EXPECT_EQ(verdict(scan_model(files, limits)), "too-many-parts");
}

TEST(Scan, ForeignOperatorsAreRefusedAndLongLoopsReported) {
    EXPECT_EQ(scan_one(model(node("PyOp", bytes(7, "ai.onnx.contrib")))), "custom-operator");
    EXPECT_EQ(scan_one(model(node("Scaler", bytes(7, "ai.onnx.ml")))), "accepted");
    const std::string function = bytes(25, bytes(1, "f") + bytes(10, "own"));
    EXPECT_EQ(scan_one(model(node("f", bytes(7, "own")), function)), "accepted");
    EXPECT_EQ(scan_one(model(node("g", bytes(7, "own")), function)), "custom-operator");
    const auto loop = [](const std::string& trips) {
        return model(node("Loop") + bytes(5, number(2, 7) + bytes(8, "x") + bytes(9, trips)));
    };
    EXPECT_EQ(scan_one(loop("\xff\xff\xff\xff\xff\xff\xff\x7f")), "accepted +loop-trips");
    EXPECT_EQ(scan_one(loop("\x05\0\0\0\0\0\0\0"s)), "accepted");
    const auto place = scan_files({{"m", model(node("PyOp", bytes(3, "n") + bytes(7, "d")))}});
    EXPECT_EQ(place.findings[0].place, "m: graph 'g', node 'n'");
}

std::string safetensors(const std::string& header, std::size_t data) {
    const std::uint64_t size = header.size();
    return std::string(reinterpret_cast<const char*>(&size), 8) + header + std::string(data, 'x');
}

TEST(Scan, Safetensors) {
    const auto one = [](const std::string& members) { return R"({"w":{)" + members + "}}"; };
    const std::string good = one(R"("dtype":"F32","shape":[2,2],"data_offsets":[0,16])");
    EXPECT_EQ(scan_one(safetensors(good, 16)), "accepted");
    EXPECT_EQ(scan_one(safetensors(good, 17)), "safetensors-offsets");
    EXPECT_EQ(scan_one(safetensors(good, 15)), "safetensors-offsets");
    const auto bad = [&](const std::string& members) {
        return scan_one(safetensors(one(members), 16));
    };
    EXPECT_EQ(bad(R"("dtype":"F32","shape":[3],"data_offsets":[0,16])"), "safetensors-tensor");
    EXPECT_EQ(bad(R"("dtype":"X","shape":[4],"data_offsets":[0,16])"), "safetensors-tensor");
    EXPECT_EQ(bad(R"("dtype":"F32","shape":[4],"data_offsets":[16,0])"), "safetensors-tensor");
    EXPECT_EQ(bad(R"("dtype":"F32","shape":[-4],"data_offsets":[0,16])"), "safetensors-tensor");
    EXPECT_EQ(bad(R"("dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,16])"),
              "safetensors-tensor");
    EXPECT_EQ(bad(R"("dtype":"U8","shape":[8],"data_offsets":[8,16])"), "safetensors-offsets");
    EXPECT_EQ(scan_one(safetensors("{\"a\":" + std::string(1000, '['), 0)), "safetensors-header");
    EXPECT_EQ(scan_one(safetensors(R"({"a":1,"a":1})", 0)), "safetensors-header");
    EXPECT_EQ(scan_one("\xff\xff\0\0\0\0\0\0{}"s), "safetensors-header");
}

std::string read_file(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
}

std::vector<std::filesystem::path> real_models() {
    std::vector<std::filesystem::path> paths;
    for (const auto& found :
         std::filesystem::recursive_directory_iterator(testing::data_dir() + "/models")) {
        const std::string extension = found.path().extension();
        if (extension == ".onnx" || extension == ".tflite") paths.push_back(found.path());
    }
    std::sort(paths.begin(), paths.end());
    return paths;
}

TEST(Scan, AcceptsRealModels) {
    if (testing::data_dir().empty()) GTEST_SKIP() << testing::kNoData;
    std::size_t count = 0;
    for (const auto& path : real_models()) {
        const std::string content = read_file(path);
        EXPECT_TRUE(scan_files({{"m", content}}).accepted) << path << ": " << scan_one(content);
        ++count;
    }
    EXPECT_GT(count, 20u);
}

TEST(Scan, DamagedModelsEndInAVerdict) {
    if (testing::data_dir().empty()) GTEST_SKIP() << testing::kNoData;
    Rng rng(testing::seed());
    std::size_t refused = 0;
    std::size_t scans = 0;
    for (const auto& path : real_models()) {
        const std::string whole = read_file(path);
        if (whole.size() > 400'000) continue;
        for (int i = 0; i < 60; ++i, ++scans) {
            std::string content = whole;
            const std::size_t flips = 1 + rng.below(8);
            for (std::size_t flip = 0; flip < flips; ++flip) {
                content[rng.below(content.size())] = static_cast<char>(rng.next());
            }
            if (rng.chance(1, 2)) content.resize(rng.below(content.size()));
            refused += !scan_files({{"m", content}}).accepted;
        }
    }
    EXPECT_GT(scans, 100u);
    EXPECT_GT(refused, scans / 4);  // those that were cut short, at least
}

}  // namespace
}  // namespace hf::trust
