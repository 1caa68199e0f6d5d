// Operators of the reference device by text: each command is a graph whose inputs are constants,
// the answer its outputs, or why it is refused. First inference sees the graph, as in production,
// and may refuse it before a kernel does; `kernel` leaves inference out, because a kernel must
// refuse by itself what inference could not know.

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "graph/infer.h"
#include "graph/text.h"
#include "runtime/ref/interpreter.h"
#include "testing/script.h"

namespace hf::runtime::ref {
namespace {

// "const %y: f32[2] = {1, 2}" for every output.
std::string print_outputs(const graph::Graph& graph, const std::vector<Tensor>& outputs) {
    graph::Graph result;
    result.name = "outputs";
    for (std::size_t i = 0; i < outputs.size(); ++i) {
        const graph::ValueId id =
            result.add_constant(graph.value(graph.outputs[i]).name, outputs[i]);
        result.outputs.push_back(id);
    }
    const std::string text = graph::print(result);
    std::string lines;
    std::size_t start = 0;
    while (start < text.size()) {
        const std::size_t end = std::min(text.find('\n', start), text.size());
        const std::string line = text.substr(start, end - start);
        if (line.starts_with("  const ")) lines += line.substr(sizeof "  const " - 1) + "\n";
        start = end + 1;
    }
    return lines;
}

std::string evaluate(const testing::TextCommand& command) {
    Result<graph::Graph> graph = graph::parse(command.input);
    if (!graph.ok()) return fmt::format("bad test: {}\n", graph.status().message());
    if (command.name != "kernel") {
        const Status inferred = graph::infer_shapes(*graph);
        if (!inferred.ok()) return fmt::format("inference: {}\n", inferred.message());
    }
    const auto outputs = evaluate_graph(*graph, {});
    if (!outputs.ok()) return fmt::format("error: {}\n", outputs.status().message());
    return print_outputs(*graph, *outputs);
}

TEST(Operators, AnswerAndRefuse) {
    for (const char* family :
         {"losses", "images", "tensors", "signals", "quantised", "contrib", "classic", "random"}) {
        testing::run_text_test(fmt::format("src/runtime/testdata/operators/{}.txt", family),
                               evaluate);
    }
}

// "## domain" and its operators in alphabetical order, in lines of some length.
std::string list_operators() {
    std::map<std::string, std::set<std::string>> by_domain;
    for (const OpRow& row : all_ops()) {
        if (row.domain == "hf") continue;
        by_domain[row.domain.empty() ? "ai.onnx" : std::string(row.domain)].emplace(row.op);
    }
    std::string text;
    for (const auto& [domain, ops] : by_domain) {
        text += fmt::format("\n## {}\n\n", domain);
        std::string line;
        for (const std::string& op : ops) {
            constexpr std::size_t kColumns = 116;
            if (line.size() + op.size() > kColumns) {
                text += line + "\n";
                line.clear();
            }
            line += (line.empty() ? "" : " ") + op + (op == *ops.rbegin() ? "." : ",");
        }
        text += line + "\n";
    }
    return text + "\n";
}

TEST(Operators, StandInTheReference) {
    const std::string path = testing::source_dir() + "/docs/reference/operators.md";
    std::ifstream file(path);
    const std::string page(std::istreambuf_iterator<char>(file), {});
    const std::size_t begin = page.find("-->\n") + 4, end = page.find("<!-- end of operators -->");
    ASSERT_LE(begin, end);
    ASSERT_NE(end, std::string::npos);
    const std::string wanted = page.substr(0, begin) + list_operators() + page.substr(end);
    if (std::getenv("HF_UPDATE"))
        std::ofstream(path) << wanted;
    else
        EXPECT_EQ(page, wanted) << "HF_UPDATE=1 writes the page";
}

}  // namespace
}  // namespace hf::runtime::ref
