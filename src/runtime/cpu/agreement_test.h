// For tests of the cpu device's kernels: small graphs of one operator, compiled for both devices
// and run on the same inputs. The reference device is the oracle.

#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "runtime/compile.h"

namespace hf::runtime::testing_cpu {

inline graph::ValueId add_value(graph::Graph& graph, const std::string& name, DType dtype,
                                const Shape& shape) {
    graph::Value value;
    value.name = name;
    value.dtype = dtype;
    value.shape = shape;
    return graph.add_value(std::move(value));
}

inline Result<std::shared_ptr<const CompiledModel>> compile_on(const graph::Graph& graph,
                                                               const std::string& device,
                                                               CompileReport* report = nullptr) {
    CompileOptions options;
    options.device = device;
    options.disabled_passes = {"all"};
    return compile(graph, options, report);
}

inline Result<std::vector<Tensor>> run_on(const graph::Graph& graph, const std::string& device,
                                          const std::vector<Tensor>& inputs) {
    const auto model = HF_TRY(compile_on(graph, device));
    auto session = HF_TRY(model->new_session());
    return session->run(inputs);
}

// The kernels that the cpu device takes for the graph's nodes.
inline std::vector<std::string> kernels_of(const graph::Graph& graph) {
    CompileReport report;
    const auto model = compile_on(graph, "cpu", &report);
    EXPECT_TRUE(model.ok()) << model.status().to_string();
    std::vector<std::string> names;
    for (const CompileReport::NodeRow& row : report.nodes) {
        EXPECT_FALSE(row.kernel.starts_with("ref.")) << row.node << ": " << row.refused;
        names.push_back(row.kernel);
    }
    return names;
}

// Reals may differ by `tolerance` of themselves or of one, whichever is more; NaN is NaN.
inline void expect_close(const Tensor& got, const Tensor& want, double tolerance) {
    ASSERT_EQ(got.dtype(), want.dtype());
    ASSERT_EQ(got.shape(), want.shape());
    if (got.dtype() != DType::kF32 || tolerance == 0) {
        ASSERT_TRUE(std::equal(got.bytes().begin(), got.bytes().end(), want.bytes().begin()));
        return;
    }
    for (std::size_t i = 0; i < got.values<float>().size(); ++i) {
        const double x = got.values<float>()[i], y = want.values<float>()[i];
        if (std::isnan(x) && std::isnan(y)) continue;
        if (x == y) continue;
        ASSERT_NEAR(x, y, tolerance * std::max(1.0, std::abs(y))) << i;
    }
}

// All outputs alike; both devices refuse with the same code where one does.
inline void expect_agreement(const graph::Graph& graph, const std::vector<Tensor>& inputs,
                             double tolerance) {
    const auto want = run_on(graph, "ref", inputs);
    const auto got = run_on(graph, "cpu", inputs);
    ASSERT_EQ(got.ok(), want.ok())
        << got.status().to_string() << " / " << want.status().to_string();
    if (!got.ok()) {
        EXPECT_EQ(got.status().code(), want.status().code()) << got.status().to_string();
        return;
    }
    ASSERT_EQ(got->size(), want->size());
    for (std::size_t i = 0; i < got->size(); ++i) expect_close((*got)[i], (*want)[i], tolerance);
}

}  // namespace hf::runtime::testing_cpu
