#include "serve/ensemble/contents.h"

#include <array>

#include <gtest/gtest.h>

#include "base/text.h"
#include "serve/ensemble/plan.h"

namespace hf::serve::ensemble {
namespace {

constexpr std::array<std::string_view, 2> kBeside{".task.json", ".guard.json"};

// A declaration whose steps ask these models, one after the other.
std::string asking(const std::vector<std::string>& models) {
    std::string steps;
    for (std::size_t i = 0; i < models.size(); ++i) {
        steps += fmt::format(
            R"({}{{"model": "{}", "inputs": {{"x": "v{}"}}, "outputs": {{"y": "v{}"}}}})",
            i == 0 ? "" : ", ", models[i], i, i + 1);
    }
    return fmt::format(R"({{"inputs": ["v0"], "steps": [{}], "outputs": {{"y": "v{}"}}}})", steps,
                       models.size());
}

// Files by their paths, and what their parts are: "small=small.onnx", in order.
struct Folder {
    std::vector<std::pair<std::string, std::string>> files;
    std::string entry = "both.ensemble.json";

    Result<std::vector<Part>> parts() const {
        std::vector<File> all;
        for (const auto& [path, text] : files) all.push_back({path, as_bytes(text)});
        return parts_of(all, entry, kBeside);
    }
    std::string refusal() const {
        const Result<std::vector<Part>> read = parts();
        if (read.ok()) return "it was accepted";
        EXPECT_EQ(read.status().code(), Code::kInvalidArgument);
        return std::string(read.status().message());
    }
    Folder with(std::string path, std::string text = "x") const {
        Folder other = *this;
        other.files.emplace_back(std::move(path), std::move(text));
        return other;
    }
};

const Folder kBoth{{{"both.ensemble.json", asking({"small", "large"})},
                    {"large.tflite", "l"},
                    {"small.onnx", "s"}}};

TEST(EnsembleContents, MembersComeBeforeWhatIsMadeOfThem) {
    Folder nested = kBoth.with("outer.ensemble.json", asking({"both", "small"}));
    nested.entry = "outer.ensemble.json";
    const Result<std::vector<Part>> parts = nested.parts();
    ASSERT_TRUE(parts.ok()) << parts.status().to_string();
    std::vector<std::string> files;
    for (const Part& part : *parts) files.push_back(part.file);
    EXPECT_EQ(files, (std::vector<std::string>{"small.onnx", "large.tflite", "both.ensemble.json",
                                               "outer.ensemble.json"}));
    EXPECT_EQ((*parts)[1].name, "large");
    EXPECT_FALSE((*parts)[1].declaration);
    EXPECT_EQ((*parts)[3].declaration->steps.size(), 2u);
}

TEST(EnsembleContents, WhatLiesBesideAMemberAndTextsBelongThere) {
    EXPECT_TRUE(kBoth.with("small.onnx.guard.json")
                    .with("both.ensemble.json.task.json")
                    .with("README.md")
                    .with("weights.bin")
                    .parts()
                    .ok());
    EXPECT_EQ(kBoth.with("smal.onnx.guard.json").refusal(),
              "smal.onnx.guard.json lies beside no model: 'smal.onnx' is neither a member nor the "
              "ensemble");
}

TEST(EnsembleContents, EveryNameIsThatOfOneFile) {
    Folder missing = kBoth;
    missing.files.pop_back();
    EXPECT_EQ(missing.refusal(),
              "both.ensemble.json: /steps/0/model: there is neither small.onnx nor small.tflite "
              "nor small.ensemble.json beside it");
    EXPECT_EQ(kBoth.with("small.tflite").refusal(),
              "small.onnx and small.tflite are both 'small'; leave one of them");
    EXPECT_EQ(kBoth.with("small.onnx").refusal(),
              "small.onnx and small.onnx are both 'small'; leave one of them");
}

TEST(EnsembleContents, NobodyIsInThereThatNoStepNames) {
    for (const char* const path :
         {"other.onnx", "deep/small.onnx", "other.ensemble.json", ".onnx"}) {
        EXPECT_EQ(kBoth.with(path).refusal(),
                  fmt::format("{} is no member of both.ensemble.json; name it in a step, or leave "
                              "it out of the artifact",
                              path));
    }
}

// The mark is not signed, the files are.
TEST(EnsembleContents, AnotherMarkDoesNotMakeAnotherEnsembleOfTheSameFiles) {
    Folder nested = kBoth.with("outer.ensemble.json", asking({"both"}));
    EXPECT_EQ(nested.refusal(),
              "outer.ensemble.json is no member of both.ensemble.json; name it in a step, or leave "
              "it out of the artifact");
    nested.entry = "small.onnx";
    EXPECT_EQ(nested.refusal(),
              "'small.onnx' is marked as what is to run, and the artifact holds an ensemble; want "
              "its .ensemble.json");
    for (const char* const entry :
         {"a/both.ensemble.json", "../both.ensemble.json", ".ensemble.json"}) {
        nested.entry = entry;
        EXPECT_EQ(
            nested.refusal(),
            fmt::format("'{}': an ensemble and its members lie at the top of their folder", entry));
    }
    for (const char* const entry : {"none.ensemble.json", "small.ensemble.json"}) {
        nested.entry = entry;
        EXPECT_EQ(nested.refusal(), fmt::format("'{}' is not among the files", entry));
    }
}

TEST(EnsembleContents, NamesLeadNowhereElse) {
    for (const char* const name : {"../small", "deep/small", "/etc/small"}) {
        Folder folder{{{"both.ensemble.json", asking({name})}, {"small.onnx", "s"}}};
        EXPECT_EQ(
            folder.refusal(),
            fmt::format("both.ensemble.json: /steps/0/model: '{}' cannot be the name of a file",
                        name));
    }
    Folder folder{{{"both.ensemble.json", asking({".."})}}};
    EXPECT_EQ(folder.refusal(),
              "both.ensemble.json: /steps/0/model: there is neither ...onnx nor ...tflite nor "
              "...ensemble.json beside it");
}

TEST(EnsembleContents, NothingIsMadeOfItself) {
    EXPECT_EQ((Folder{{{"both.ensemble.json", asking({"both"})}}}).refusal(),
              "both.ensemble.json: /steps/0/model: 'both' is made of itself");
    const Folder round{{{"both.ensemble.json", asking({"small", "other"})},
                        {"other.ensemble.json", asking({"both"})},
                        {"small.onnx", "s"}}};
    EXPECT_EQ(round.refusal(), "other.ensemble.json: /steps/0/model: 'both' is made of itself");
}

TEST(EnsembleContents, ThereAreBounds) {
    Folder deep{{{"m.onnx", "m"}}};
    for (std::size_t i = 0; i <= kDepthMax; ++i) {
        deep.entry = fmt::format("e{}.ensemble.json", i);
        deep = deep.with(deep.entry, asking({i == 0 ? "m" : fmt::format("e{}", i - 1)}));
        EXPECT_EQ(deep.parts().ok(), i < kDepthMax) << i;
    }
    EXPECT_EQ(deep.refusal(), "e0.ensemble.json: ensembles are more than 4 deep in one another");

    Folder wide;
    std::vector<std::string> names;
    for (std::size_t i = 0; i < kPartsMax; ++i) {
        names.push_back(fmt::format("m{}", i));
        wide = wide.with(names.back() + ".onnx");
    }
    EXPECT_EQ(wide.with(wide.entry, asking(names)).refusal(),
              "an ensemble with more than 63 models and ensembles");
    EXPECT_NE(kBoth.with("huge.ensemble.json", std::string(kMaxDeclarationBytes + 1, ' '))
                  .refusal()
                  .find("huge.ensemble.json is no member"),
              std::string::npos);
    EXPECT_EQ(
        (Folder{{{"both.ensemble.json", std::string(kMaxDeclarationBytes + 1, ' ')}}}).refusal(),
        "both.ensemble.json has 256.0 KiB; the limit is 256.0 KiB");
}

TEST(EnsembleContents, ADeclarationThatIsNoneIsRefusedWithItsPlace) {
    const Folder folder{{{"both.ensemble.json", R"({"inputs": []})"}}};
    EXPECT_TRUE(folder.refusal().starts_with("both.ensemble.json: /inputs: ")) << folder.refusal();
}

}  // namespace
}  // namespace hf::serve::ensemble
