#include "graph/onnx/gradient.h"

#include <gtest/gtest.h>

#include "graph/text.h"
#include "graph/verify.h"
#include "testing/script.h"

namespace hf::graph::onnx {
namespace {

TEST(Gradient, IsUnfoldedOrStays) {
    testing::run_text_test("src/graph/testdata/gradient.txt", [](const auto& command) {
        Result<Graph> graph = parse(command.input);
        if (!graph.ok()) return fmt::format("bad test: {}\n", graph.status().message());
        unfold_gradients(*graph);
        EXPECT_TRUE(verify(*graph).ok()) << verify(*graph).to_string();
        return print(*graph);
    });
}

}  // namespace
}  // namespace hf::graph::onnx
