#include "vault/model_pack.h"

#include <cmath>

#include <gtest/gtest.h>

#include "testing/memory_files.h"
#include "vault/golden.h"

namespace hf::vault {
namespace {

TEST(Reference, Parses) {
    const auto whole = [](std::string_view text) {
        const Result<Reference> parsed = parse_reference(text);
        if (!parsed.ok()) return parsed.status().to_string();
        return fmt::format("{}|{}|{}|{}", parsed->registry, parsed->name, parsed->tag,
                           parsed->digest ? "digest" : "");
    };
    const std::string digest = "sha256:" + std::string(64, '0');
    EXPECT_EQ(whole("pump:1"), "|pump|1|");
    EXPECT_EQ(whole("pumps/pump-7:1.0_x"), "|pumps/pump-7|1.0_x|");
    EXPECT_EQ(whole("pump@" + digest), "|pump||digest");
    EXPECT_EQ(whole("pump:1@" + digest), "|pump|1|digest");
    EXPECT_EQ(whole(digest), "|||digest");
    EXPECT_EQ(whole("localhost:5000/a/b:1"), "localhost:5000|a/b|1|");
    EXPECT_EQ(whole("oci://registry/pump:1"), "registry|pump|1|");
    EXPECT_EQ(whole("registry.example/pump@" + digest), "registry.example|pump||digest");
    EXPECT_EQ(whole("oci://[::1]:5000/pump:1"), "[::1]:5000|pump|1|");
    for (const std::string_view bad : {"",
                                       "pump",
                                       "Pump:1",
                                       "pump:",
                                       ":1",
                                       "pump:-1",
                                       "a//b:1",
                                       "a/:1",
                                       "../a:1",
                                       "a..b:1",
                                       "a___b:1",
                                       "pump:1/2",
                                       "pump@sha256:00",
                                       "pump@sha512:00",
                                       "oci://pump:1",
                                       "pump:a b",
                                       "oci:///pump:1",
                                       "oci://evil host/pump:1",
                                       "-a:1",
                                       "a_:1"}) {
        EXPECT_EQ(parse_reference(bad).status().code(), Code::kInvalidArgument) << bad;
    }
    EXPECT_FALSE(parse_reference("p:" + std::string(129, 'x')).ok());
}

TEST(ModelPath, StaysBelowTheFolder) {
    EXPECT_TRUE(is_model_path("model.onnx"));
    EXPECT_TRUE(is_model_path("a/b c/ü.bin"));
    EXPECT_TRUE(is_model_path("..a/b..c"));
    for (const std::string_view bad : {"", "/a", "a/", "a//b", "..", "a/../b", "./a", "a/.", "a\\b",
                                       "a\nb", "\xff", "a/..", "c\x7f"}) {
        EXPECT_FALSE(is_model_path(bad)) << bad;
    }
    EXPECT_FALSE(is_model_path(std::string_view("a\0b", 3)));
}

PackedModel sample() {
    PackedModel model;
    model.name = "pump";
    model.format = "onnx";
    model.entry = "model.onnx";
    const Digest digest = crypto::sha256(as_bytes("x"));
    model.files = {{"model.onnx", std::string(kWeightType), digest, 1},
                   {"data/w.bin", std::string(kWeightType), digest, 1},
                   {"README.md", std::string(kDocType), digest, 1}};
    model.golden = Descriptor{std::string(kGoldenType), digest, 1, {}};
    model.signature = Descriptor{std::string(kSignatureType), digest, 1, {}};
    return model;
}

TEST(ModelPack, RoundTripsAndIsDeterministic) {
    const ModelDocuments documents = pack_model(sample());
    EXPECT_EQ(documents.manifest, pack_model(sample()).manifest);
    const Digest digest = crypto::sha256(as_bytes(documents.manifest));
    const PackedModel parsed = parse_model(digest, as_bytes(documents.manifest)).value();
    EXPECT_EQ(parsed.manifest, digest);
    EXPECT_EQ(parsed.files, sample().files);
    EXPECT_EQ(parsed.entry, "model.onnx");
    EXPECT_EQ(parsed.golden, sample().golden);
    EXPECT_EQ(parsed.signature, sample().signature);
    const json::Value config = json::parse(documents.config).value();
    EXPECT_EQ(json::find_path(config, {"modelfs", "diffIds"})->get_array().size(), 5u);
}

TEST(ModelPack, HostileManifestsGetOneError) {
    const std::string good = pack_model(sample()).manifest;
    const auto change = [&](const std::string& from, const std::string& to) {
        std::string text = good;
        const std::size_t at = text.find(from);
        EXPECT_NE(at, std::string::npos) << from;
        return text.replace(at, from.size(), to);
    };
    const std::vector<std::pair<std::string, Code>> cases{
        {change("data/w.bin", "../w.bin"), Code::kInvalidArgument},
        {change("data/w.bin", "/etc/passwd"), Code::kInvalidArgument},
        {change("data/w.bin", "model.onnx"), Code::kInvalidArgument},
        {change("data/w.bin", "model.onnx/w"), Code::kInvalidArgument},
        {change("data/w.bin", "a\\\\b"), Code::kInvalidArgument},
        {change("vnd.cncf.model.manifest", "vnd.other.manifest"), Code::kInvalidArgument},
        {change("model.doc.v1.raw", "model.doc.v1.tar"), Code::kUnimplemented},
        {change("application/vnd.cncf.model.doc.v1.raw", "application/x-sh"),
         Code::kInvalidArgument},
        {change("application/vnd.cncf.model.doc.v1.raw", std::string(kGoldenType)),
         Code::kInvalidArgument},
        {change("\"layers\"", "\"layer\""), Code::kInvalidArgument},
        {"{", Code::kInvalidArgument},
        {"", Code::kInvalidArgument},
    };
    for (const auto& [text, code] : cases) {
        const Status status = parse_model(Digest(), as_bytes(text)).status();
        EXPECT_EQ(status.code(), code) << text << "\n" << status.to_string();
        EXPECT_NE(status.message().find("manifest sha256:"), std::string_view::npos);
    }
    for (std::size_t size = 0; size < good.size(); ++size) {
        EXPECT_FALSE(parse_model(Digest(), as_bytes(good.substr(0, size))).ok());
    }
}

Golden golden_sample() {
    const std::vector<float> values{1.0f, -2.5f};
    GoldenSample sample;
    sample.inputs.push_back({"x", Tensor::of<float>(DType::kF32, {1, 2}, values)});
    sample.inputs.push_back({"s", Tensor::of_strings({2}, {"a", std::string("\0\xff", 2)})});
    Tensor out = Tensor::of<float>(DType::kF32, {2}, values);
    const Tolerance tolerance = default_tolerance(out);
    sample.outputs.push_back({"y", std::move(out), tolerance});
    return {"ref", 7, {std::move(sample)}};
}

TEST(Golden, RoundTrips) {
    const std::string text = write_golden(golden_sample()).value();
    const Golden parsed = parse_golden(as_bytes(text)).value();
    EXPECT_EQ(write_golden(parsed).value(), text);
    EXPECT_EQ(parsed.seed, 7u);
    EXPECT_EQ(parsed.samples[0].inputs[1].tensor.strings()[1], std::string("\0\xff", 2));
    for (std::size_t size = 0; size < text.size(); ++size) {
        EXPECT_FALSE(parse_golden(as_bytes(text.substr(0, size))).ok());
    }
}

TEST(Golden, ASampleOfAnEnsemblesMemberNamesIt) {
    Golden golden = golden_sample();
    EXPECT_EQ(write_golden(golden).value().find("model"), std::string::npos);
    golden.samples[0].model = "small";
    const std::string text = write_golden(golden).value();
    EXPECT_EQ(parse_golden(as_bytes(text)).value().samples[0].model, "small");
}

TEST(Golden, RefusesTensorsThatLie) {
    const std::string good = write_golden(golden_sample()).value();
    const std::vector<std::pair<std::string, std::string>> changes{
        {"\"shape\":[1,2]", "\"shape\":[1,3]"},
        {"\"shape\":[1,2]", "\"shape\":[1,-2]"},
        {"\"shape\":[1,2]", "\"shape\":[4611686018427387904,4611686018427387904]"},
        {"\"shape\":[1,2]", "\"shape\":{}"},
        {"\"dtype\":\"f32\"", "\"dtype\":\"f31\""},
        {"\"rtol\"", "\"rt\""},
        {"holdfast.golden.v1", "holdfast.golden.v9"},
        {"\"outputs\"", "\"outs\""},
    };
    for (const auto& [from, to] : changes) {
        std::string text = good;
        const std::size_t at = text.find(from);
        ASSERT_NE(at, std::string::npos) << from;
        text.replace(at, from.size(), to);
        EXPECT_FALSE(parse_golden(as_bytes(text)).ok()) << to;
    }
}

TEST(Golden, ComparesWithinTolerance) {
    const GoldenOutput want = golden_sample().samples[0].outputs[0];
    const auto with = [](std::vector<float> values) {
        return Tensor::of<float>(DType::kF32, {2}, values);
    };
    EXPECT_EQ(check_reproduced(want, with({1.0f, -2.5f})), Status());
    EXPECT_EQ(check_reproduced(want, with({1.0009f, -2.502f})), Status());
    const Status far = check_reproduced(want, with({1.0f, -2.51f}));
    EXPECT_EQ(far.code(), Code::kFailedPrecondition);
    EXPECT_NE(far.message().find("element 1"), std::string_view::npos);
    EXPECT_FALSE(check_reproduced(want, with({std::nanf(""), -2.5f})).ok());
    EXPECT_FALSE(check_reproduced(want, with({INFINITY, -2.5f})).ok());
    EXPECT_FALSE(check_reproduced(want, Tensor(DType::kF64, {2})).ok());
    EXPECT_FALSE(check_reproduced(want, Tensor(DType::kF32, {1, 2})).ok());
}

}  // namespace
}  // namespace hf::vault
