// The integer operators of the "tflite" domain: within one step of the same operator in real
// numbers, bit-exact with TFLite's reference kernels on whole models, and refusing what does not
// fit.

#include "runtime/ref/ops/tflite.h"

#include <cmath>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "graph/load.h"
#include "runtime/ref/interpreter.h"
#include "testing/disk_files.h"
#include "testing/script.h"

namespace hf::runtime::ref {
namespace {

using graph::Attribute;

struct Stored {
    Tensor tensor;
    std::vector<float> scales;  // none: not quantised
    std::int64_t zero = 0;
    std::size_t axis = 0;
};

struct Case {
    std::string op;
    graph::AttributeMap attributes = {};
    std::vector<Stored> inputs = {};
    float scale = 0;  // of the output
    std::int64_t zero = 0;
    DType dtype = DType::kI8;
};

Result<Tensor> evaluate(const Case& c) {
    graph::Graph graph;
    graph::Node node;
    node.name = "n";
    node.domain = "tflite";
    node.op = c.op;
    node.attributes = c.attributes;
    std::vector<Tensor> tensors;
    for (const Stored& input : c.inputs) {
        const graph::ValueId id = graph.add_constant("", input.tensor);
        if (!input.scales.empty()) {
            graph.value(id).quantization = graph::Quantization{
                input.scales, std::vector<std::int64_t>(input.scales.size(), input.zero),
                input.axis};
        }
        node.inputs.push_back(id);
        tensors.push_back(input.tensor);
    }
    graph::Value out;
    out.dtype = c.dtype;
    if (c.scale > 0) out.quantization = graph::Quantization{{c.scale}, {c.zero}, 0};
    node.outputs.push_back(graph.add_value(std::move(out)));
    return HF_TRY(evaluate_node(graph, node, tensors)).at(0);
}

// The same case in f32.
Case dequantized(const Case& c) {
    Case real = c;
    real.dtype = DType::kF32;
    real.scale = 0;
    for (Stored& input : real.inputs) {
        if (input.scales.empty()) continue;
        const std::vector<std::int64_t> stored = *to_int64s(input.tensor);
        const AxisSplit split = split_at(input.tensor.shape(), input.axis);
        Tensor wide(DType::kF32, input.tensor.shape());
        for (std::size_t i = 0; i < stored.size(); ++i) {
            const auto lane =
                static_cast<std::size_t>(static_cast<std::int64_t>(i) / split.inner % split.extent);
            const float scale = input.scales.size() == 1 ? input.scales[0] : input.scales[lane];
            wide.mutable_values<float>()[i] = scale * static_cast<float>(stored[i] - input.zero);
        }
        input = {wide, {}, 0, 0};
    }
    return real;
}

// The stored result is the real one to `steps` of the output's scale, saturated.
void expect_near_real(const Case& c, double steps) {
    const Result<Tensor> got = evaluate(c);
    ASSERT_TRUE(got.ok()) << c.op << ": " << got.status().to_string();
    const Result<Tensor> want = evaluate(dequantized(c));
    ASSERT_TRUE(want.ok()) << c.op << ": " << want.status().to_string();
    ASSERT_EQ(got->shape(), want->shape());
    const std::vector<std::int64_t> stored = *to_int64s(*got);
    const Bounds bounds = type_bounds(c.dtype);
    for (std::size_t i = 0; i < stored.size(); ++i) {
        const double exact =
            double{want->values<float>()[i]} / double{c.scale} + static_cast<double>(c.zero);
        ASSERT_NEAR(static_cast<double>(stored[i]),
                    std::clamp<double>(exact, bounds.low, bounds.high), 0.5 + steps)
            << c.op << " element " << i;
    }
}

float a_scale(Rng& rng) {
    return static_cast<float>(std::ldexp(0.5 + rng.uniform(), -5));
}
std::int64_t a_zero(Rng& rng) {
    return static_cast<std::int64_t>(rng.below(61)) - 30;
}
Stored activations(const Shape& shape, Rng& rng) {
    return {random_tensor(DType::kI8, shape, rng), {a_scale(rng)}, a_zero(rng), 0};
}

// Weights by channel along `axis`, and a bias in units of input times weight.
void add_weights(Case& c, const Shape& shape, std::size_t axis, Rng& rng) {
    Stored weights{random_tensor(DType::kI8, shape, rng), {}, 0, axis};
    Stored bias{Tensor(DType::kI32, {shape[axis]}), {}, 0, 0};
    for (std::int64_t i = 0; i < shape[axis]; ++i) {
        weights.scales.push_back(a_scale(rng) / 8);
        bias.scales.push_back(weights.scales.back() * c.inputs[0].scales[0]);
        bias.tensor.mutable_values<std::int32_t>()[static_cast<std::size_t>(i)] =
            static_cast<std::int32_t>(rng.below(4001)) - 2000;
    }
    c.inputs.push_back(std::move(weights));
    c.inputs.push_back(std::move(bias));
}

graph::AttributeMap window(Rng& rng) {
    const char* activations[] = {"NONE", "RELU", "RELU6", "RELU_N1_TO_1"};
    return {{"padding", std::string(rng.chance(1, 2) ? "SAME" : "VALID")},
            {"stride_h", static_cast<std::int64_t>(1 + rng.below(3))},
            {"stride_w", static_cast<std::int64_t>(1 + rng.below(3))},
            {"dilation_h", static_cast<std::int64_t>(1 + rng.below(2))},
            {"dilation_w", std::int64_t{1}},
            {"fused_activation", std::string(activations[rng.below(4)])}};
}

TEST(TfliteOps, IntegerLayersAreRealLayersToOneStep) {
    Rng rng(testing::seed());
    for (int round = 0; round < 60; ++round) {
        Case conv{"CONV_2D", window(rng), {activations({2, 9, 8, 5}, rng)}};
        add_weights(conv, {6, 3, 2, 5}, 0, rng);
        conv.scale = 0.06f;
        conv.zero = a_zero(rng);
        expect_near_real(conv, 0.51);

        Case depthwise{"DEPTHWISE_CONV_2D", window(rng), {activations({1, 7, 9, 3}, rng)}};
        add_weights(depthwise, {1, 3, 3, 6}, 3, rng);
        depthwise.scale = 0.05f;
        depthwise.zero = a_zero(rng);
        expect_near_real(depthwise, 0.51);

        Case dense{"FULLY_CONNECTED", {}, {activations({3, 20}, rng)}};
        add_weights(dense, {7, 20}, 0, rng);
        dense.scale = 0.08f;
        dense.zero = a_zero(rng);
        expect_near_real(dense, 0.51);
    }
}

TEST(TfliteOps, IntegerArithmeticIsRealArithmeticToOneStep) {
    Rng rng(testing::seed());
    for (int round = 0; round < 60; ++round) {
        for (const char* op : {"ADD", "SUB", "MUL"}) {
            const Shape other = rng.chance(1, 2) ? Shape{2, 3, 4} : Shape{4};
            Case c{op, {}, {activations({2, 3, 4}, rng), activations(other, rng)}};
            c.attributes["fused_activation"] = std::string(rng.chance(1, 2) ? "RELU" : "NONE");
            c.scale = 0.07f;
            c.zero = a_zero(rng);
            expect_near_real(c, 0.51);
        }
    }
}

TEST(TfliteOps, IntegerPoolsAndMeansAreRealOnesToOneStep) {
    Rng rng(testing::seed());
    for (int round = 0; round < 60; ++round) {
        for (const char* op : {"AVERAGE_POOL_2D", "MAX_POOL_2D"}) {
            Case c{op, window(rng), {activations({1, 6, 7, 3}, rng)}};
            c.attributes["filter_h"] = std::int64_t{2};
            c.attributes["filter_w"] = std::int64_t{3};
            c.scale = c.inputs[0].scales[0];
            c.zero = c.inputs[0].zero;
            expect_near_real(c, 0.01);
        }
        const std::vector<std::int32_t> axes{1, -2};
        Case mean{"MEAN", {{"keep_dims", std::int64_t{1}}}, {activations({2, 4, 5, 3}, rng)}};
        mean.inputs.push_back({Tensor::of<std::int32_t>(DType::kI32, {2}, axes), {}, 0, 0});
        mean.scale = a_scale(rng);
        mean.zero = a_zero(rng);
        expect_near_real(mean, 0.6);
    }
}

TEST(TfliteOps, LookupsAreTheFunctionsToOneStep) {
    Rng rng(testing::seed());
    for (int round = 0; round < 40; ++round) {
        Case softmax{"SOFTMAX", {{"beta", 1.0f}}, {activations({4, 10}, rng)}};
        softmax.scale = 1.0f / 256;
        softmax.zero = -128;
        expect_near_real(softmax, 0.02);
        Case logistic = softmax;
        logistic.op = "LOGISTIC";
        expect_near_real(logistic, 0.02);
        for (const char* op : {"RELU", "RELU6"}) {
            Case relu{op, {}, {activations({50}, rng)}};
            relu.scale = a_scale(rng);
            relu.zero = a_zero(rng);
            expect_near_real(relu, 0.51);
        }
    }
}

TEST(TfliteOps, QuantizingRoundsHalvesAwayAndTakesNothingBeyondItsRange) {
    const std::vector<float> values{0.25f, -0.25f, 0.75f, 1e30f, -1e30f, std::nanf(""), INFINITY};
    Case c{"QUANTIZE", {}, {{Tensor::of<float>(DType::kF32, {7}, values), {}, 0, 0}}, 0.5f, 10};
    const Result<Tensor> got = evaluate(c);
    ASSERT_TRUE(got.ok()) << got.status().to_string();
    const auto stored = got->values<std::int8_t>();
    const std::vector<std::int8_t> want{11, 9, 12, 127, -128, -128, 127};
    EXPECT_EQ(std::vector<std::int8_t>(stored.begin(), stored.end()), want);
}

std::string refusal(const Case& c) {
    return evaluate(c).status().to_string();
}

TEST(TfliteOps, RefuseWhatDoesNotFit) {
    Rng rng(testing::seed());
    Case good{"CONV_2D", {}, {activations({1, 4, 4, 2}, rng)}};
    add_weights(good, {3, 3, 3, 2}, 0, rng);
    good.scale = 0.1f;
    ASSERT_EQ(refusal(good), "OK");
    const auto expect = [](const Case& c, std::string_view part) {
        EXPECT_NE(refusal(c).find(part), std::string::npos) << refusal(c);
    };
    Case c = good;
    c.scale = 0;
    expect(c, "needs one quantisation scale");
    c = good;
    c.inputs[0] = activations({1, 4, 4, 3}, rng);
    expect(c, "CONV_2D 'n' (tflite): weights 3x3x3x2 do not fit 3 channels");
    c = good;
    c.inputs[0] = activations({1, 2, 4, 2}, rng);
    expect(c, "reaching over 3 does not fit 2");
    c = good;
    c.inputs[1].axis = 3;
    expect(c, "quantised along axis 3");
    c = good;
    c.inputs[2].tensor = Tensor(DType::kI32, {4});
    expect(c, "the bias must be i32[3]");
    c = good;
    c.inputs[1].tensor = Tensor(DType::kF32, {3, 3, 3, 2});
    expect(c, "inputs of types i8 f32 i32");
    c = good;
    c.attributes["stride_h"] = std::int64_t{0};
    expect(c, "stride 0");
    c = good;
    c.attributes["fused_activation"] = std::string("TANH");
    expect(c, "fused activation TANH");
}

struct Golden {
    const char* model;
    std::int64_t checksum;
};

// The sum of (i % 251 + 1) * output[i] for an input that fills the range, as TFLite's reference
// kernels gave it.
class WholeModel : public ::testing::TestWithParam<Golden> {};

TEST_P(WholeModel, GivesTheBitsOfTheReferenceKernels) {
    if (testing::data_dir().empty()) GTEST_SKIP() << testing::kNoData;
    testing::DiskFiles files;
    const Bytes bytes = *files.read(
        testing::data_dir() + "/models/mlperf-tiny/" + GetParam().model + ".tflite", 1u << 24);
    const graph::Graph graph = *graph::load(bytes, graph::no_external_data());
    Tensor input(DType::kI8, *graph.value(graph.inputs[0]).shape);
    for (std::int64_t i = 0; i < input.elements(); ++i) {
        input.mutable_values<std::int8_t>()[static_cast<std::size_t>(i)] =
            static_cast<std::int8_t>((i * i / 7 + 3 * i) % 256 - 128);
    }
    const auto outputs = evaluate_graph(graph, std::span(&input, 1));
    ASSERT_TRUE(outputs.ok()) << outputs.status().to_string();
    std::int64_t checksum = 0, weight = 0;
    for (std::int8_t value : outputs->at(0).values<std::int8_t>()) {
        checksum += (weight++ % 251 + 1) * value;
    }
    EXPECT_EQ(checksum, GetParam().checksum);
}

INSTANTIATE_TEST_SUITE_P(TfliteOps, WholeModel,
                         ::testing::Values(Golden{"ad01_int8", -62374},
                                           Golden{"kws_ref_model", -7338},
                                           Golden{"pretrainedResnet_quant", -5255},
                                           Golden{"vww_96_int8", -122},
                                           Golden{"str_ww_ref_model", -3}),
                         [](const auto& info) { return std::string(info.param.model); });

}  // namespace
}  // namespace hf::runtime::ref
