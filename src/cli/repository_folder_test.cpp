#include "cli/repository_folder.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace hf::cli {
namespace {

constexpr env::FileKind kFile = env::FileKind::kRegular;

std::string chosen(const std::vector<env::DirectoryEntry>& entries) {
    const Result<std::string> file = choose_model_file(entries);
    return file.ok() ? *file : std::string(file.status().message());
}

TEST(RepositoryFolder, AVersionHasOneModelFile) {
    EXPECT_EQ(chosen({{"model.onnx", kFile}}), "model.onnx");
    EXPECT_EQ(chosen({{"README.md", kFile}, {"pump.tflite", kFile}}), "pump.tflite");
    EXPECT_EQ(chosen({{"model.plan", env::FileKind::kSymlink}}), "model.plan");
    EXPECT_EQ(chosen({{"model.onnx", kFile},
                      {"model.onnx.task.json", kFile},
                      {"model.onnx.data", kFile},
                      {"older.onnx", kFile}}),
              "model.onnx");
    EXPECT_EQ(chosen({{"a.onnx", kFile}, {"b.plan", kFile}, {"c.plan", kFile}}),
              "holds 3 model files, 'a.onnx' and 'b.plan' among them; keep one");
    EXPECT_EQ(chosen({{"model.onnx", kFile}, {"model.plan", kFile}}),
              "holds 2 model files, 'model.onnx' and 'model.plan' among them; keep one");
    const std::string none = "holds no model.onnx, model.tflite or model.plan; put one there";
    EXPECT_EQ(chosen({}), none);
    EXPECT_EQ(chosen({{"model.onnx", env::FileKind::kDirectory},
                      {".model.onnx", kFile},
                      {"model.onnx.tmp-1", kFile},
                      {"model.pt", kFile}}),
              none);
}

TEST(RepositoryFolder, NamesThatCannotStandInAPathAreRefused) {
    for (const char* good : {"pump", "r\xc3\xa9sum\xc3\xa9", "a b", "stats", "v1.2", "1"}) {
        EXPECT_TRUE(check_model_name(good).ok()) << good;
    }
    using namespace std::string_view_literals;
    for (const std::string_view bad :
         {""sv, "a/b"sv, ".git"sv, ".."sv, "a\nb"sv, "a\x7f"sv, "\xff"sv, "a\0b"sv}) {
        EXPECT_EQ(check_model_name(bad).code(), Code::kInvalidArgument) << bad;
    }
    EXPECT_EQ(check_model_name(std::string(256, 'n')).code(), Code::kInvalidArgument);
    EXPECT_LT(check_model_name(std::string(1u << 20, 'n')).message().size(), 300u);
    EXPECT_TRUE(check_model_name("a\x1b[31m").message().starts_with("'a?[31m' cannot"));
}

TEST(PerModel, OfOneOrOfAllOthers) {
    const auto read = [](std::string_view text) { return parse_int(text); };
    const auto limits = *PerModel<std::int64_t>::parse("instances", {"pump=1", "4", "a=b=2"}, read);
    EXPECT_EQ(limits.of("pump"), 1);
    EXPECT_EQ(limits.of("other"), 4);
    EXPECT_EQ(limits.of("a=b"), 2);
    EXPECT_EQ(limits.names(), (std::vector<std::string>{"a=b", "pump"}));
    EXPECT_EQ(PerModel<std::int64_t>::parse("instances", {}, read)->of("pump"), std::nullopt);
    const auto refusal = [&](const std::vector<std::string>& given) {
        return std::string(
            PerModel<std::int64_t>::parse("instances", given, read).status().message());
    };
    EXPECT_EQ(refusal({"a=1", "a=2"}), "--instances a=2: the same model twice");
    EXPECT_EQ(refusal({"1", "2"}), "--instances 2: all models twice");
    EXPECT_EQ(refusal({"=1"}), "--instances =1: the model's name is missing");
    EXPECT_TRUE(refusal({"a=x"}).starts_with("--instances a=x: "));
}

}  // namespace
}  // namespace hf::cli
