#include "cli/activated.h"

#include <gtest/gtest.h>

#include "crypto/hash.h"
#include "graph/load.h"
#include "node/scaling_model_test.h"
#include "runtime/compile.h"
#include "serve/ensemble/graph.h"
#include "serve/sleep/resting.h"
#include "testing/manual_clock.h"
#include "trust/model_digest.h"

namespace hf::cli {
namespace {

using serve::ensemble::Graph;

class Held final : public env::MappedFile {
public:
    explicit Held(Bytes bytes) : bytes_(std::move(bytes)) {}
    ByteView bytes() const override { return bytes_; }

private:
    const Bytes bytes_;
};

Bytes bytes_of(std::string_view text) {
    return {text.begin(), text.end()};
}

// Rows of one number.
const Shape kRows{Shape::kUnknown, 1};

// "three" multiplies; "five" does where what "three" makes is less than 10.
constexpr std::string_view kCascade = R"({
    "inputs": ["x"],
    "steps": [
        {"model": "three", "inputs": {"x": "x"}, "outputs": {"y": "first"}},
        {"model": "five", "inputs": {"x": "x"}, "outputs": {"y": "second"},
         "when": {"value": "first", "measure": "value", "confidence_below": 10}}
    ],
    "outputs": {"y": ["second", "first"]}
})";

// What a machine has of an artifact: its files, and its models compiled.
struct Artifact {
    std::map<std::string, Bytes> files{{"cascade.ensemble.json", bytes_of(kCascade)},
                                       {"three.onnx", node::scaling_model(3, kRows)},
                                       {"five.onnx", node::scaling_model(5, kRows)}};
    std::string entry = "cascade.ensemble.json";

    // Of a model that is made again; null: none is.
    std::function<Status(const std::string& file)> again = {};

    node::Activation activation() const {
        node::Activation activation;
        activation.entry = entry;
        for (const auto& [path, bytes] : files) {
            activation.files.files.push_back({path, std::make_shared<const Held>(bytes)});
            if (!path.ends_with(".onnx")) continue;
            node::CompiledFile file;
            file.name = path.substr(0, path.rfind('.'));
            file.path = path;
            file.digest = crypto::sha256(bytes);
            const auto compile = [bytes = bytes] {
                graph::Graph graph = graph::load(bytes, {}, nullptr).value();
                return runtime::compile(std::move(graph), {}, nullptr).value();
            };
            file.model = compile();
            if (again) {
                file.again = [compile, again = again,
                              path =
                                  path]() -> Result<std::shared_ptr<const runtime::CompiledModel>> {
                    HF_TRY(again(path));
                    return compile();
                };
            }
            activation.models.push_back(std::move(file));
        }
        return activation;
    }
};

class ActivatedTest : public ::testing::Test {
protected:
    Result<std::shared_ptr<serve::ModelHost>> make(const Artifact& artifact) {
        serve::ModelHost::Identity identity{.name = "digits", .version = "7"};
        identity.model_digest = "sha256:artifact";
        identity.signer = "key of somebody";
        return make_activated_host(std::move(identity), artifact.activation(), clock_);
    }
    std::string refusal(const Artifact& artifact) {
        const auto host = make(artifact);
        if (host.ok()) return "it was accepted";
        EXPECT_EQ(host.status().code(), Code::kInvalidArgument);
        return std::string(host.status().message());
    }
    std::vector<float> answer(serve::ModelHost& host, std::vector<float> rows) {
        const Shape shape{static_cast<std::int64_t>(rows.size()), 1};
        const std::vector<Tensor> inputs{Tensor::of<float>(DType::kF32, shape, rows)};
        const std::vector<Tensor> outputs = host.run_uncounted(inputs).value();
        const std::span<const float> values = outputs[0].values<float>();
        return {values.begin(), values.end()};
    }

    testing::ManualClock clock_{node::kReleased};
};

TEST_F(ActivatedTest, AnEnsembleAnswersByTheModelsOfItsArtifact) {
    const auto host = make({}).value();
    EXPECT_EQ(answer(*host, {1, 2, 3, 4}), (std::vector<float>{5, 10, 15, 12}));
    EXPECT_EQ(host->signature().outputs[0].shape, kRows);
    EXPECT_TRUE(host->runs_together()) << "its members' rows were found to be apart";
}

TEST_F(ActivatedTest, ItIsTheArtifactAndItsMembersAreItsFiles) {
    const Artifact artifact;
    const auto host = make(artifact).value();
    EXPECT_EQ(host->identity().name, "digits");
    EXPECT_EQ(host->identity().platform, "ensemble");
    EXPECT_EQ(host->identity().model_digest, "sha256:artifact");
    EXPECT_TRUE(host->identity().members_digest.starts_with("sha256:"));
    const auto& five = dynamic_cast<const Graph&>(*host->composite()).host(1)->identity();
    EXPECT_EQ(five.name, "five");
    EXPECT_EQ(five.version, "7");
    EXPECT_EQ(five.platform, "onnx_onnxv1");
    EXPECT_EQ(five.signer, "key of somebody");
    EXPECT_EQ(five.model_digest, crypto::sha256(artifact.files.at("five.onnx")).to_string());
    EXPECT_EQ(host->members().size(), 2u) << "who are told of with it";

    Artifact other;
    other.files["five.onnx"] = node::scaling_model(6, kRows);
    EXPECT_NE(make(other).value()->identity().members_digest, host->identity().members_digest);
}

TEST_F(ActivatedTest, AMembersDigestCoversItsWeightsInFilesOfTheirOwn) {
    node::Activation activation = Artifact().activation();
    const Digest weights = crypto::sha256(as_bytes("weights"));
    for (node::CompiledFile& file : activation.models) file.data.push_back({"w", weights});
    const auto host = make_activated_host({}, activation, clock_).value();
    for (const auto& member : host->members()) {
        const Bytes bytes = Artifact().files.at(member->identity().name + ".onnx");
        EXPECT_EQ(member->identity().model_digest,
                  trust::model_digest(crypto::sha256(bytes), {{"w", weights}}).to_string());
    }
}

TEST_F(ActivatedTest, EnsemblesMayBeMembers) {
    Artifact nested;
    nested.entry = "twice.ensemble.json";
    nested.files[nested.entry] = bytes_of(R"({
        "inputs": ["x"],
        "steps": [{"model": "cascade", "inputs": {"x": "x"}, "outputs": {"y": "once"}},
                  {"model": "three", "inputs": {"x": "once"}, "outputs": {"y": "twice"}}],
        "outputs": {"y": "twice"}
    })");
    EXPECT_EQ(answer(*make(nested).value(), {1, 4}), (std::vector<float>{15, 36}));
}

TEST_F(ActivatedTest, WhatLiesBesideAMemberIsTheMembers) {
    constexpr std::string_view kGuard = R"({"type": "holdfast.dev/guard/v1", "mode": "refuse",
        "inputs": [{"name": "x", "least": 0, "most": 3}]})";
    Artifact guarded;
    guarded.files["five.onnx.guard.json"] = bytes_of(kGuard);
    const auto host = make(guarded).value();
    EXPECT_FALSE(host->guard());
    const auto& graph = dynamic_cast<const Graph&>(*host->composite());
    EXPECT_FALSE(graph.host(0)->guard());
    EXPECT_TRUE(graph.host(1)->guard());

    guarded.files["five.onnx.guard.json"] = bytes_of(R"({"type": "holdfast.dev/guard/v1",
        "inputs": [{"name": "none", "least": 0}]})");
    EXPECT_NE(refusal(guarded).find("five.onnx.guard.json"), std::string::npos) << refusal(guarded);

    Artifact its_own;
    its_own.files["cascade.ensemble.json.guard.json"] = bytes_of(kGuard);
    EXPECT_EQ(refusal(its_own),
              "cascade.ensemble.json: an ensemble has a task at most, and neither guard nor state "
              "of its own; put a guard beside one of its models");
}

TEST_F(ActivatedTest, ADeclarationThatDoesNotFitItsModelsIsRefusedWithItsPlace) {
    Artifact wide;
    wide.files["five.onnx"] = node::scaling_model(5, Shape{Shape::kUnknown, 2});
    EXPECT_EQ(refusal(wide).find("cascade.ensemble.json: /"), 0u) << refusal(wide);

    Artifact unnamed;
    unnamed.files["six.onnx"] = node::scaling_model(6, kRows);
    EXPECT_EQ(refusal(unnamed),
              "six.onnx is no member of cascade.ensemble.json; name it in a step, or leave it out "
              "of the artifact");
}

TEST_F(ActivatedTest, TheMemoryOfAllMembersGoesAndEachComesBackWithItsStep) {
    std::vector<std::string> woken;
    Status trouble;
    Artifact artifact;
    artifact.again = [&](const std::string& file) {
        woken.push_back(file);
        return trouble;
    };
    const auto host = make(artifact).value();
    constexpr Duration kHour = std::chrono::hours(1);
    EXPECT_FALSE(host->fall_asleep(kHour)) << "it was just made";
    clock_.advance(kHour);
    EXPECT_TRUE(host->fall_asleep(kHour));
    EXPECT_TRUE(host->asleep());
    EXPECT_TRUE(host->ready());
    EXPECT_EQ(answer(*host, {4}), std::vector<float>{12});
    EXPECT_EQ(woken, std::vector<std::string>{"three.onnx"}) << "nobody asked the other";
    EXPECT_EQ(answer(*host, {1}), std::vector<float>{5});
    EXPECT_EQ(host->resting()->wakes().count, 2u);
    EXPECT_FALSE(host->asleep());

    EXPECT_TRUE(host->fall_asleep(kHour));
    trouble = data_loss("five.onnx is not what was verified");
    EXPECT_FALSE(host->wake().ok());
    EXPECT_FALSE(host->ready());
    EXPECT_NE(host->trouble().find("five.onnx is not what was verified"), std::string::npos);
    EXPECT_EQ(host->resting()->wakes().failed, 1u);
    trouble = Status();
    EXPECT_TRUE(host->wake().ok());
    EXPECT_TRUE(host->ready());
}

TEST_F(ActivatedTest, AModelAloneAnswersAsItself) {
    Artifact alone;
    alone.files.erase("five.onnx");
    alone.files.erase("cascade.ensemble.json");
    alone.entry = "three.onnx";
    const auto host = make(alone).value();
    EXPECT_EQ(answer(*host, {2}), std::vector<float>{6});
    EXPECT_FALSE(host->composite());
    EXPECT_EQ(host->identity().model_digest, "sha256:artifact");
}

}  // namespace
}  // namespace hf::cli
