#include "cli/up/serving_host.h"

#include <gtest/gtest.h>

#include "graph/load.h"
#include "node/scaling_model_test.h"
#include "runtime/compile.h"
#include "testing/manual_clock.h"

namespace hf::cli {
namespace {

TEST(ServingHost, RequestsOfAServiceRunTogetherWhereItsRowsAreApart) {
    testing::ManualClock clock;
    serve::Models models;
    serve::cascade::Cascades cascades(nullptr, clock);
    ServingHost host(models, cascades, clock);
    host.set_base_url("http://127.0.0.1:1");
    const auto activate = [&](const std::string& service, const Shape& shape) {
        graph::Graph graph = graph::load(node::scaling_model(3, shape), {}, nullptr).value();
        node::Activation activation;
        activation.service = service;
        activation.version = "1";
        activation.format = "onnx";
        activation.models.emplace_back();
        activation.models.back().model = runtime::compile(std::move(graph), {}, nullptr).value();
        return host.activate(activation);
    };
    EXPECT_EQ(activate("default/rows", Shape{Shape::kUnknown, 1}).value(),
              "http://127.0.0.1:1/v2/models/rows");
    EXPECT_TRUE(models.find("rows")->runs_together());
    ASSERT_TRUE(activate("line7/pair", Shape{2}).ok());
    EXPECT_FALSE(models.find("line7:pair")->runs_together()) << "it has no rows";
}

}  // namespace
}  // namespace hf::cli
