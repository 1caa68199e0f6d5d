// Graphs in parts: where they are cut, what the report says, and that the answers stay the same.

#include "runtime/split/compile.h"

#include <algorithm>
#include <filesystem>

#include <gtest/gtest.h>

#include "graph/text.h"
#include "runtime/conform.h"
#include "runtime/split/fake_backend_test.h"
#include "testing/disk_files.h"
#include "testing/script.h"

namespace hf::runtime {
namespace {

constexpr const char* kCases = "/usr/include/onnx/backend/test/data";

CompileOptions with(std::shared_ptr<const Backend> backend) {
    CompileOptions options;
    options.offers.push_back({std::move(backend), {}});
    return options;
}

// The same numbers as the reference device.
void expect_same_answers(const CompiledModel& model, const graph::Graph& graph) {
    Rng rng(testing::seed());
    std::vector<Tensor> inputs;
    for (const Port& port : model.signature().inputs) {
        inputs.push_back(random_tensor(port.dtype, port.shape, rng));
    }
    const auto want = ref::evaluate_graph(graph, inputs);
    ASSERT_TRUE(want.ok()) << want.status().to_string();
    auto session = model.new_session();
    ASSERT_TRUE(session.ok()) << session.status().to_string();
    for (int round = 0; round < 2; ++round) {
        const auto got = (*session)->run(inputs);
        ASSERT_TRUE(got.ok()) << got.status().to_string();
        ASSERT_EQ(got->size(), want->size());
        for (std::size_t i = 0; i < want->size(); ++i) {
            const Status same = same_tensor((*got)[i], (*want)[i], {1e-4, 1e-5});
            EXPECT_TRUE(same.ok()) << same.to_string();
        }
    }
}

std::string show(const CompileReport& report) {
    std::string text = fmt::format("device {}\n", report.device);
    for (const CompileReport::PartRow& part : report.parts) {
        text += fmt::format("part {}: {} nodes\n", part.device, part.nodes);
        for (const std::string& why : part.refused) text += fmt::format("  {}\n", why);
    }
    for (const CompileReport::NodeRow& row : report.nodes) {
        if (row.kernel.starts_with("fake.")) text += fmt::format("{} {}\n", row.kernel, row.node);
    }
    return text;
}

// "split Relu Add!": the operators of a fake back end. "only Relu": an offer of that operator to a
// back end that takes all.
std::string run_command(const testing::TextCommand& command) {
    Result<graph::Graph> graph = graph::parse(command.input);
    if (!graph.ok()) return fmt::format("bad test: {}\n", graph.status().message());
    std::set<std::string> operators(command.arguments.begin(), command.arguments.end());
    CompileOptions options;
    if (command.name == "only") {
        options.offers.push_back({std::make_shared<FakeBackend>(operators), command.arguments});
    } else {
        options = with(std::make_shared<FakeBackend>(operators));
    }
    CompileReport report;
    const auto model = compile(*graph, options, &report);
    if (!model.ok()) return fmt::format("error: {}\n", model.status().message());
    expect_same_answers(**model, *graph);
    return show(report);
}

TEST(Split, AsTheTextSays) {
    testing::run_text_test("src/runtime/testdata/split.txt", run_command);
}

TEST(Split, StepsAreThoseOfAllParts) {
    const auto graph = graph::parse(
        "graph \"g\" {\n input %x: f32[4]\n %a = Relu(%x)\n %b = Sqrt(%a)\n %c = Neg(%b)\n"
        " output %c\n}\n");
    ASSERT_TRUE(graph.ok()) << graph.status().to_string();
    const auto model = compile(
        *graph, with(std::make_shared<FakeBackend>(std::set<std::string>{"Sqrt"})), nullptr);
    ASSERT_TRUE(model.ok()) << model.status().to_string();
    const std::vector<StepInfo> steps = (*model)->steps();
    ASSERT_EQ(steps.size(), 3u);
    EXPECT_EQ(steps[1].node, "part 2 of 3, 1 nodes");
    struct Watch final : StepObserver {
        void begin(std::size_t step) override { seen.push_back(step); }
        void end(std::size_t step) override { seen.push_back(step); }
        std::vector<std::size_t> seen;
    } watch;
    auto session = (*model)->new_session();
    ASSERT_TRUE(session.ok());
    (*session)->observe(&watch);
    const std::vector<Tensor> inputs{Tensor(DType::kF32, {4})};
    ASSERT_TRUE((*session)->run(inputs).ok());
    EXPECT_EQ(watch.seen, (std::vector<std::size_t>{0, 0, 1, 1, 2, 2}));
}

// Cut anywhere, the ONNX backend cases pass that pass in one piece.
TEST(Split, TheOnnxBackendCasesPassWhereverTheyAreCut) {
    if (!std::filesystem::exists(kCases)) GTEST_SKIP() << "needs the package libonnx-testdata";
    testing::DiskFiles files;
    for (const char* folder : {"/simple", "/pytorch-operator", "/pytorch-converted"}) {
        const std::string path = std::string(kCases) + folder;
        const auto whole = run_conformance(files, path, "", [](graph::Graph graph) {
            return compile(std::move(graph), {}, nullptr);
        });
        std::uint64_t seed = testing::seed();
        const auto cut = run_conformance(files, path, "", [&](graph::Graph graph) {
            return compile(std::move(graph), with(std::make_shared<RandomBackend>(seed++)),
                           nullptr);
        });
        ASSERT_TRUE(whole.ok() && cut.ok()) << folder;
        ASSERT_EQ(whole->cases.size(), cut->cases.size());
        for (std::size_t i = 0; i < whole->cases.size(); ++i) {
            if (whole->cases[i].verdict != ConformCase::Verdict::kPassed) continue;
            EXPECT_EQ(cut->cases[i].verdict, ConformCase::Verdict::kPassed)
                << cut->cases[i].name << ": " << cut->cases[i].reason;
        }
    }
}

}  // namespace
}  // namespace hf::runtime
