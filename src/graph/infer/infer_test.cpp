#include "graph/infer.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "graph/text.h"
#include "graph/verify.h"
#include "testing/script.h"

namespace hf::graph {
namespace {

InferOptions options_of(const std::vector<std::string>& arguments) {
    InferOptions options;
    for (const std::string& argument : arguments) {
        const std::size_t equals = argument.find('=');
        std::vector<std::int64_t> extents;
        const std::string shape = argument.substr(equals + 1);
        for (std::string_view extent : split(shape, 'x')) {
            extents.push_back(*parse_int(extent));
        }
        options.input_shapes.emplace_back(argument.substr(0, equals), Shape(std::move(extents)));
    }
    return options;
}

std::string inferred(const testing::TextCommand& command) {
    Result<Graph> graph = parse(command.input);
    if (!graph.ok()) return fmt::format("bad test: {}\n", graph.status().message());
    const Status status = infer_shapes(*graph, options_of(command.arguments));
    if (!status.ok()) return fmt::format("error: {}\n", status.message());
    EXPECT_TRUE(verify(*graph).ok());
    return print(*graph, {.shortened = true});
}

TEST(Infer, FollowsTheRules) {
    testing::run_text_test("src/graph/testdata/infer.txt", inferred);
}

TEST(Infer, ChecksWhatPassesMake) {
    testing::run_text_test("src/graph/testdata/infer_hf.txt", inferred);
}

}  // namespace
}  // namespace hf::graph
