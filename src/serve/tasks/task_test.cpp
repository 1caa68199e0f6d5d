#include "serve/tasks/task.h"

#include <cmath>

#include <gtest/gtest.h>

#include "testing/disk_files.h"
#include "testing/script.h"

namespace hf::serve::tasks {
namespace {

using runtime::Port;
using runtime::Signature;

constexpr std::int64_t kOpen = Shape::kUnknown;

Signature image_model(DType dtype = DType::kF32) {
    return {{Port{"x", dtype, {1, 3, 5, 7}}}, {Port{"y", DType::kF32, {1, 3}}}};
}
Signature table_model() {
    return {{Port{"x", DType::kF32, {kOpen, 2}}}, {Port{"y", DType::kF32, {kOpen, 2}}}};
}
Signature column_model() {
    return {{Port{"age", DType::kI64, {kOpen, 1}}, Port{"name", DType::kString, {kOpen, 1}}},
            {Port{"y", DType::kF32, {kOpen}}}};
}

std::string refusal(std::string declaration, const Signature& signature) {
    return std::string(Task::make({std::move(declaration)}, signature).status().message());
}

std::shared_ptr<const Task> task_of(std::string declaration, const Signature& signature) {
    auto task = Task::make({std::move(declaration)}, signature);
    HF_CHECK(task.ok(), "{}", task.status().to_string());
    return *task;
}

Bytes picture(const std::string& name) {
    testing::DiskFiles files;
    return *files.read(testing::source_dir() + "/src/media/testdata/" + name, 1u << 20);
}

TEST(Task, RefusesADeclarationWithItsPlace) {
    const Signature image = image_model();
    EXPECT_EQ(refusal("[]", image), "/: want an object");
    EXPECT_EQ(refusal(R"({"kind":"row"})", image),
              "/kind: 'row' is no kind of task, did you mean 'rows'?");
    EXPECT_EQ(refusal(R"({"kind":"image-classification","image":{"skale":1}})", image),
              "/image/skale: there is no such field, did you mean 'scale'?");
    EXPECT_EQ(refusal(R"({"kind":"image-classification","image":{"std":[1,0,1]}})", image),
              "/image/std: want numbers above 0");
    EXPECT_EQ(refusal(R"({"kind":"image-classification","image":{"width":8}})", image),
              "/image/width: 8 pixels, and the model takes 7; at most 4096");
    EXPECT_EQ(refusal(R"({"kind":"image-classification","image":{"color":"grey"}})", image),
              "/image/color: does not go with 3 channels");
    EXPECT_EQ(refusal(R"({"kind":"image-classification","labels":["a"]})", image),
              "/labels: there are 1 labels, and 'y' has 3 scores");
    EXPECT_EQ(refusal(R"({"kind":"image-classification","top_k":0})", image),
              "/top_k: want an integer 1 to 1000");
    EXPECT_EQ(refusal(R"({"kind":"image-classification"})", image_model(DType::kI8)),
              "/image/quantization: is missing, and 'x' has integers (i8); say how they stand for "
              "numbers: {\"scale\": S, \"zero_point\": Z}");
    EXPECT_EQ(refusal(R"({"kind":"image-classification"})", table_model()),
              "/image: the input 'x' has shape ?x2, and one picture wants 1xCxHxW or 1xHxWxC");
    EXPECT_EQ(refusal(R"({"kind":"rows","columns":["a"]})", table_model()),
              "/columns: there are 1, and the input 'x' has 2");
    EXPECT_EQ(refusal(R"({"kind":"rows","columns":["age","nam"]})", column_model()),
              "/columns: there is no column 'name', did you mean 'nam'?");
    EXPECT_EQ(refusal(R"({"kind":"rows","top_k":2})", table_model()),
              "/top_k: goes with labels, and there are none");
}

TEST(Task, APictureBecomesPlanesOfNumbers) {
    const auto task = task_of(
        R"({"kind":"image-classification",
            "image":{"color":"bgr","scale":0.5,"mean":[1,2,3],"std":[2]}})",
        image_model());
    const Bytes file = picture("rgb.png");
    const Prepared prepared = *task->read({file});
    ASSERT_EQ(prepared.inputs.size(), 1U);
    const auto values = prepared.inputs[0].values<float>();
    for (std::size_t y = 0; y < 5; ++y) {
        for (std::size_t x = 0; x < 7; ++x) {
            const double rgb[] = {30.0 * static_cast<double>(x), 50.0 * static_cast<double>(y),
                                  200 - 20.0 * static_cast<double>(x)};
            for (std::size_t c = 0; c < 3; ++c) {
                const double want = (rgb[2 - c] * 0.5 - static_cast<double>(c + 1)) / 2;
                EXPECT_FLOAT_EQ(values[(c * 5 + y) * 7 + x], static_cast<float>(want));
            }
        }
    }
}

TEST(Task, IntegersAreQuantised) {
    const auto task = task_of(
        R"({"kind":"image-classification","image":{"quantization":{"scale":1,"zero_point":-128}}})",
        image_model(DType::kI8));
    const Bytes file = picture("rgb.png");
    const Prepared prepared = *task->read({file});
    const auto values = prepared.inputs[0].values<std::int8_t>();
    EXPECT_EQ(values[0], -128);
    EXPECT_EQ(values[6], 180 - 128);
}

TEST(Task, TheBestLabelsComeFirst) {
    const auto task = task_of(R"({"kind":"image-classification","labels":["a","b","c"],
                                  "scores":"softmax","top_k":2})",
                              image_model());
    const float scores[] = {1, 3, 1};
    const auto answer =
        *task->write({Tensor::of<float>(DType::kF32, {1, 3}, scores)}, Prepared{{}, 1});
    const json::Array& labels = answer.at("labels").get_array();
    ASSERT_EQ(labels.size(), 2U);
    EXPECT_EQ(json::get_string(labels[0], "label"), "b");
    EXPECT_EQ(json::get_int(labels[1], "index"), 0);
    const double most = std::exp(3.0) / (std::exp(3.0) + 2 * std::exp(1.0));
    EXPECT_NEAR(labels[0].at("score").to_number<double>(), most, 1e-6);
    const auto other = task->write({Tensor(DType::kF32, {1, 4})}, Prepared{{}, 1});
    EXPECT_EQ(other.status().code(), Code::kFailedPrecondition);
}

TEST(Task, RowsInEveryForm) {
    const auto task = task_of(R"({"kind":"rows","columns":["a",
        {"name":"b","values":{"yes":1,"no":0},"missing":0.5}]})",
                              table_model());
    const std::vector<std::pair<std::string, std::string>> bodies{
        {"text/csv", "1,yes\n2,\n"},
        {"text/csv; header=absent", "1,yes\n2,\n"},
        {"text/csv", "b,a\nyes,1\n,2\n"},
        {"", "a,b\r\n 1 ,yes\r\n\"2\",\"\"\r\n"},
        {"application/json", R"({"rows":[[1,"yes"],{"a":2}]})"},
        {"", R"([{"b":1,"a":1},[2,null]])"}};
    for (const auto& [type, body] : bodies) {
        const Result<Prepared> prepared = task->read({as_bytes(body), type});
        ASSERT_TRUE(prepared.ok()) << body << prepared.status().to_string();
        const auto values = prepared->inputs[0].values<float>();
        EXPECT_EQ(std::vector<float>(values.begin(), values.end()),
                  (std::vector<float>{1, 1, 2, 0.5F}))
            << body;
    }
}

TEST(Task, RowsAreRefusedWithTheirPlace) {
    const auto task = task_of(R"({"kind":"rows","columns":["a","b"]})", table_model());
    const auto error = [&task](std::string_view body) {
        return std::string(task->read({as_bytes(body)}).status().message());
    };
    EXPECT_EQ(error(""), "there are no rows");
    EXPECT_EQ(error("a,b\n1,x\n"), "line 2: column 'b': 'x' is not a number");
    EXPECT_EQ(error("1,\n").substr(0, 44), "line 1: column 'b': the cell is missing; the");
    EXPECT_EQ(error(R"([[1,2],[1]])"), "/rows/1: has 1 cells, and there are 2 columns");
    EXPECT_EQ(error(R"([{"a":1,"c":2}])").substr(0, 32), "/rows/0: there is no column 'c',");
    EXPECT_EQ(error(R"({"rows":[],"more":1})"),
              "/more: there is no such field; want \"rows\" alone");
    EXPECT_EQ(error("1,inf\n"), "line 1: column 'b': 'inf' is not a number");
    EXPECT_EQ(error(R"([[1,true]])"), "");
}

TEST(Task, ColumnsMayBeInputs) {
    const auto task = task_of(R"({"kind":"rows"})", column_model());
    const Prepared prepared = *task->read({as_bytes("name,age\n\"a,b\",41\nc,7\n")});
    EXPECT_EQ(prepared.inputs[0].values<std::int64_t>()[1], 7);
    EXPECT_EQ(prepared.inputs[1].strings()[0], "a,b");
    const float scores[] = {0.25F, 0.5F};
    const auto answer = *task->write({Tensor::of<float>(DType::kF32, {2}, scores)}, prepared);
    EXPECT_EQ(json::write(answer), R"({"outputs":[{"y":2.5E-1},{"y":5E-1}]})");
}

}  // namespace
}  // namespace hf::serve::tasks
