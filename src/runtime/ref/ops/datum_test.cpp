// Operators over sequences, optionals, bodies and strings, as graphs of constants: what they give
// on the reference device, that the passes change nothing, and what they refuse.

#include <algorithm>

#include <gtest/gtest.h>

#include "graph/infer.h"
#include "graph/text.h"
#include "runtime/compile.h"
#include "runtime/optimize.h"
#include "runtime/ref/interpreter.h"
#include "runtime/ref/ops/common.h"
#include "testing/script.h"

namespace hf::runtime::ref {
namespace {

std::string text_of(const Tensor& tensor) {
    std::string elements;
    for (std::size_t i = 0; i < static_cast<std::size_t>(tensor.elements()); ++i) {
        if (i > 0) elements += ", ";
        elements += tensor.dtype() == DType::kString ? fmt::format("\"{}\"", tensor.strings()[i])
                                                     : fmt::format("{}", (*to_doubles(tensor))[i]);
    }
    const std::string shape = tensor.shape().rank() == 0 ? "" : tensor.shape().to_string();
    return fmt::format("{}[{}] {{{}}}", dtype_name(tensor.dtype()), shape, elements);
}

std::string text_of(const Datum& datum) {
    if (datum.tensor()) return text_of(*datum.tensor());
    if (!datum.sequence()) return "nothing";
    std::string text = "sequence (";
    for (const Tensor& tensor : *datum.sequence()) {
        text += (text.back() == '(' ? "" : ", ") + text_of(tensor);
    }
    return text + ")";
}

std::string text_of(const graph::Graph& graph, const Result<std::vector<Datum>>& outputs) {
    if (!outputs.ok()) return fmt::format("error: {}\n", outputs.status().message());
    std::string text;
    for (std::size_t i = 0; i < outputs->size(); ++i) {
        text +=
            fmt::format("{} = {}\n", graph.value(graph.outputs[i]).name, text_of((*outputs)[i]));
    }
    return text;
}

Result<std::vector<Datum>> run_in_session(const graph::Graph& graph) {
    const auto model = HF_TRY(compile(graph, {}, nullptr));
    const std::vector<Tensor> outputs = HF_TRY(HF_TRY(model->new_session())->run({}));
    return std::vector<Datum>(outputs.begin(), outputs.end());
}

std::string run(const testing::TextCommand& command) {
    Result<graph::Graph> graph = graph::parse(command.input);
    if (!graph.ok()) return fmt::format("bad test: {}\n", graph.status().message());
    const Status inferred = graph::infer_shapes(*graph);
    if (!inferred.ok()) return fmt::format("refused: {}\n", inferred.message());
    const Result<std::vector<Datum>> outputs = evaluate_data(*graph, {});
    const std::string text = text_of(*graph, outputs);

    graph::Graph better = *graph;
    CompileReport report;
    const Status optimized = optimize(better, {}, report);
    if (!optimized.ok()) return fmt::format("passes: {}\n", optimized.message());
    const Result<std::vector<Datum>> after = evaluate_data(better, {});
    EXPECT_EQ(after.ok(), outputs.ok()) << text;
    if (after.ok()) {
        EXPECT_EQ(text_of(better, after), text);
    }

    const bool tensors = outputs.ok() && std::all_of(outputs->begin(), outputs->end(),
                                                     [](const Datum& d) { return d.tensor(); });
    if (tensors) {
        EXPECT_EQ(text_of(*graph, run_in_session(*graph)), text);
    }
    return text;
}

TEST(DatumOps, Sequences) {
    testing::run_text_test("src/runtime/ref/testdata/sequence.txt", run);
}

TEST(DatumOps, Bodies) {
    testing::run_text_test("src/runtime/ref/testdata/body.txt", run);
}

TEST(DatumOps, Text) {
    testing::run_text_test("src/runtime/ref/testdata/text.txt", run);
}

TEST(DatumOps, SessionsRefuseWhatIsNoTensor) {
    const graph::Graph graph = *graph::parse(
        "graph \"g\" { input %x: sequence f32[2] %n = SequenceLength(%x) output %n }");
    for (const char* device : {"auto", "ref", "cpu"}) {
        CompileOptions options;
        options.device = device;
        const Status status = compile(graph, options, nullptr).status();
        EXPECT_EQ(status.code(), Code::kUnimplemented) << device;
        EXPECT_NE(status.message().find("'x' is a sequence"), std::string::npos)
            << status.to_string();
    }
}

TEST(DatumOps, TheReportSaysWhyTheReferenceDeviceRuns) {
    const graph::Graph graph = *graph::parse(
        "graph \"g\" { input %x: f32[4x2] %s = SplitToSequence(%x) "
        "%y: f32[4x2] = ConcatFromSequence(%s) {axis = 0} output %y }");
    CompileReport report;
    const auto model = compile(graph, {}, &report);
    ASSERT_TRUE(model.ok()) << model.status().to_string();
    EXPECT_EQ((*model)->device(), "ref");
    EXPECT_NE(report.device_refusal.find("'s' is a sequence"), std::string::npos)
        << report.device_refusal;
}

TEST(DatumOps, SequencesHaveALimit) {
    const auto split = [](std::int64_t extent) {
        const graph::Graph graph = *graph::parse(
            fmt::format("graph \"g\" {{ const %x: u8[{}] = fill(0) %s = SplitToSequence(%x) "
                        "%n = SequenceLength(%s) output %n }}",
                        extent));
        return evaluate_data(graph, {}).status();
    };
    EXPECT_TRUE(split(kMaxSequenceLength).ok());
    EXPECT_EQ(split(kMaxSequenceLength + 1).code(), Code::kResourceExhausted);
}

}  // namespace
}  // namespace hf::runtime::ref
