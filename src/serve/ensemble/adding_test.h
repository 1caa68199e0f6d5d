// Members for the tests of this folder: models that add a number to each row, by name.

#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "serve/ensemble/graph.h"
#include "serve/fake_model_test.h"
#include "testing/manual_clock.h"

namespace hf::serve::ensemble {

// y = x + added, for rows of one number.
inline std::shared_ptr<ModelHost> adding(const std::string& name, float added, env::Clock& clock) {
    ModelHost::Identity identity{.name = name, .platform = "onnx"};
    identity.model_digest = fmt::format("sha256:{}", added);
    auto host = std::make_shared<ModelHost>(std::move(identity),
                                            std::make_shared<const FakeModel>(added), clock);
    host->set_may_be_cached(true);
    HF_CHECK(host->warm().ok(), "a model that adds does not run");
    return host;
}

inline std::shared_ptr<ModelHost> host_of(const std::string& name,
                                          const std::shared_ptr<const Graph>& graph,
                                          env::Clock& clock) {
    ModelHost::Identity identity{.name = name, .platform = "ensemble"};
    identity.members_digest = graph->members_digest();
    auto host = std::make_shared<ModelHost>(std::move(identity),
                                            std::make_shared<const EnsembleModel>(graph), clock);
    host->set_composite(graph);
    HF_CHECK(host->warm().ok(), "an ensemble does not run");
    return host;
}

inline Tensor numbers(std::vector<float> values) {
    return Tensor::of<float>(DType::kF32, Shape{static_cast<std::int64_t>(values.size())}, values);
}

inline std::vector<float> values_of(const Tensor& tensor) {
    const std::span<const float> values = tensor.values<float>();
    return {values.begin(), values.end()};
}

// "small" adds 1; "large" adds 100 to what "small" makes less than 5 of.
inline constexpr std::string_view kCascade = R"({
    "inputs": ["x"],
    "steps": [
        {"model": "small", "inputs": {"x": "x"}, "outputs": {"y": "first"}},
        {"model": "large", "inputs": {"x": "x"}, "outputs": {"y": "second"},
         "when": {"value": "first", "measure": "value", "confidence_below": 5}}
    ],
    "outputs": {"y": ["second", "first"]}
})";

}  // namespace hf::serve::ensemble
