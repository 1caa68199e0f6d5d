// Single operators on the cpu device against the reference device: random shapes, attributes and
// values, special values among them.

#include <limits>

#include "runtime/cpu/agreement_test.h"
#include "testing/script.h"

namespace hf::runtime {
namespace {

using Attributes = graph::AttributeMap;

struct Input {
    Tensor value;
    bool constant = false;
};

struct Case {
    std::string op;
    std::int64_t opset = 17;
    std::vector<Input> inputs;
    Attributes attributes;
    std::size_t outputs = 1;
};

graph::Graph graph_of(const Case& c) {
    graph::Graph graph;
    graph::Node node{"n", "", c.op, c.opset, {}, {}, {}};
    for (std::size_t i = 0; i < c.inputs.size(); ++i) {
        const Tensor& value = c.inputs[i].value;
        const std::string name = "x" + std::to_string(i);
        if (value.is_null()) {
            node.inputs.push_back(graph::kNoValue);
        } else if (c.inputs[i].constant) {
            node.inputs.push_back(graph.add_constant(name, value));
        } else {
            node.inputs.push_back(
                testing_cpu::add_value(graph, name, value.dtype(), value.shape()));
            graph.inputs.push_back(node.inputs.back());
        }
    }
    for (const auto& [name, attribute] : c.attributes) node.attributes[name] = attribute;
    for (std::size_t i = 0; i < c.outputs; ++i) {
        graph::Value value;
        value.name = "y" + std::to_string(i);
        node.outputs.push_back(graph.add_value(std::move(value)));
    }
    graph.outputs = node.outputs;
    graph.nodes = {std::move(node)};
    return graph;
}

void expect_kernel(const Case& c, const std::string& kernel, double tolerance) {
    const graph::Graph graph = graph_of(c);
    const std::vector<std::string> kernels = testing_cpu::kernels_of(graph);
    ASSERT_EQ(kernels, std::vector<std::string>{kernel}) << c.op;
    std::vector<Tensor> inputs;
    for (const Input& input : c.inputs) {
        if (!input.constant && !input.value.is_null()) inputs.push_back(input.value);
    }
    testing_cpu::expect_agreement(graph, inputs, tolerance);
}

Shape random_shape(Rng& rng, std::size_t rank, std::uint64_t most = 6) {
    std::vector<std::int64_t> extents;
    for (std::size_t i = 0; i < rank; ++i) {
        extents.push_back(1 + static_cast<std::int64_t>(rng.below(most)));
    }
    return Shape(std::move(extents));
}

Tensor normal(const Shape& shape, Rng& rng) {
    Tensor tensor(DType::kF32, shape);
    for (float& x : tensor.mutable_values<float>()) x = static_cast<float>(rng.normal());
    return tensor;
}

Tensor integers(DType dtype, const std::vector<std::int64_t>& values) {
    const Shape shape{static_cast<std::int64_t>(values.size())};
    if (dtype == DType::kI64) return Tensor::of<std::int64_t>(dtype, shape, values);
    const std::vector<std::int32_t> narrow(values.begin(), values.end());
    return Tensor::of<std::int32_t>(dtype, shape, narrow);
}

std::int64_t onnx_number(DType dtype) {
    switch (dtype) {
        case DType::kF32: return 1;
        case DType::kU8: return 2;
        case DType::kI8: return 3;
        case DType::kI32: return 6;
        case DType::kI64: return 7;
        case DType::kBool: return 9;
        default: return 11;
    }
}

// Values that comparisons and conversions treat specially, in every type.
Tensor special(DType dtype, const Shape& shape, Rng& rng) {
    Tensor tensor(dtype, shape);
    const auto draw = [&](auto zero) {
        using T = decltype(zero);
        for (T& x : tensor.mutable_values<T>()) {
            const T all[] = {T{},
                             T{1},
                             std::numeric_limits<T>::max(),
                             std::numeric_limits<T>::lowest(),
                             static_cast<T>(rng.below(3)),
                             static_cast<T>(rng.below(100)),
                             static_cast<T>(-1.5),
                             std::numeric_limits<T>::quiet_NaN()};
            x = all[rng.below(std::size(all))];
        }
    };
    switch (dtype) {
        case DType::kF32: draw(float{}); break;
        case DType::kF64: draw(double{}); break;
        case DType::kI32: draw(std::int32_t{}); break;
        case DType::kI64: draw(std::int64_t{}); break;
        case DType::kI8: draw(std::int8_t{}); break;
        case DType::kBool:
            for (auto& x : tensor.mutable_bytes()) x = static_cast<std::uint8_t>(rng.below(2));
            break;
        default:
            for (auto& x : tensor.mutable_bytes()) x = static_cast<std::uint8_t>(rng.next());
    }
    return tensor;
}

// Three shapes that broadcast to the first, each by one split.
Shape narrowed(const Shape& shape, Rng& rng) {
    std::vector<std::int64_t> extents = shape.extents();
    const std::size_t axis = rng.below(shape.rank() + 1);
    const bool front = rng.chance(1, 2);
    if (rng.chance(1, 3)) return shape;
    for (std::size_t i = 0; i < extents.size(); ++i) {
        if (front ? i < axis : i >= axis) extents[i] = 1;
    }
    return Shape(std::move(extents));
}

constexpr int kRounds = 60;

TEST(Operators, LrnOfAnyWindow) {
    Rng rng(testing::seed());
    for (int round = 0; round < kRounds; ++round) {
        const Shape shape = random_shape(rng, 2 + rng.below(3), 9);
        const auto size =
            static_cast<std::int64_t>(1 + rng.below(static_cast<std::uint64_t>(shape[1])));
        const float beta = rng.chance(1, 2) ? 0.75f : static_cast<float>(rng.uniform());
        const Case c{"LRN",
                     13,
                     {{normal(shape, rng)}},
                     {{"size", size}, {"alpha", 0.5f}, {"beta", beta}, {"bias", 1.5f}}};
        expect_kernel(c, "simd.lrn_f32", 2e-6);
        if (HasFatalFailure()) return;
    }
    const Case wide{"LRN", 13, {{normal({1, 20, 13, 17}, rng)}}, {{"size", std::int64_t{5}}}};
    expect_kernel(wide, "simd.lrn_f32", 2e-6);
}

TEST(Operators, ReductionsOfNeighbouringAxes) {
    Rng rng(testing::seed());
    for (const char* op :
         {"ReduceSum", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceSumSquare"}) {
        for (int round = 0; round < kRounds; ++round) {
            const std::size_t rank = 1 + rng.below(4);
            const std::size_t first = rng.below(rank), count = 1 + rng.below(rank - first);
            std::vector<std::int64_t> axes;
            for (std::size_t i = 0; i < count; ++i) {
                axes.push_back(static_cast<std::int64_t>(first + i) -
                               (rng.chance(1, 3) ? static_cast<std::int64_t>(rank) : 0));
            }
            const Case c{op,
                         11,
                         {{normal(random_shape(rng, rank, 19), rng)}},
                         {{"axes", axes}, {"keepdims", static_cast<std::int64_t>(rng.below(2))}}};
            expect_kernel(c, "simd.reduce_f32", 1e-5);
            if (HasFatalFailure()) return;
        }
    }
}

TEST(Operators, SoftmaxAlongAnyAxis) {
    Rng rng(testing::seed());
    for (const char* op : {"Softmax", "LogSoftmax"}) {
        for (int round = 0; round < kRounds; ++round) {
            const Shape shape = random_shape(rng, 1 + rng.below(4), 11);
            const auto axis = static_cast<std::int64_t>(rng.below(shape.rank()));
            const Case c{op, rng.chance(1, 2) ? 11 : 13, {{normal(shape, rng)}}, {{"axis", axis}}};
            const std::vector<std::string> kernels = testing_cpu::kernels_of(graph_of(c));
            ASSERT_EQ(kernels[0].find("simd.softmax"), 0u);
            expect_kernel(c, kernels[0], 2e-6);
            if (HasFatalFailure()) return;
        }
    }
}

TEST(Operators, InstanceNormalization) {
    Rng rng(testing::seed());
    for (int round = 0; round < kRounds; ++round) {
        const Shape shape = random_shape(rng, 3 + rng.below(2), 9);
        const Shape channels{shape[1]};
        const Case c{"InstanceNormalization",
                     6,
                     {{normal(shape, rng)}, {normal(channels, rng)}, {normal(channels, rng)}},
                     {{"epsilon", 0.01f}}};
        expect_kernel(c, "simd.instance_norm_f32", 2e-5);
        if (HasFatalFailure()) return;
    }
}

TEST(Operators, GatherCopiesRowsAndNamesAWrongIndex) {
    Rng rng(testing::seed());
    for (int round = 0; round < 2 * kRounds; ++round) {
        const Shape shape = random_shape(rng, 1 + rng.below(3));
        const std::size_t axis = rng.below(shape.rank());
        const std::int64_t extent = shape[axis];
        std::vector<std::int64_t> indices;
        for (std::size_t i = 0; i < 1 + rng.below(7); ++i) {
            indices.push_back(
                static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(2 * extent))) -
                extent);
        }
        constexpr DType kTypes[] = {DType::kF32, DType::kI64, DType::kU8, DType::kF16};
        const DType dtype = kTypes[rng.below(std::size(kTypes))];
        const DType wide = rng.chance(1, 2) ? DType::kI64 : DType::kI32;
        const Case c{"Gather",
                     13,
                     {{random_tensor(dtype, shape, rng)}, {integers(wide, indices)}},
                     {{"axis", static_cast<std::int64_t>(axis)}}};
        expect_kernel(c, "move.gather", 0);
        if (HasFatalFailure()) return;
    }
    const Case wrong{"Gather", 13, {{normal({3, 2}, rng)}, {integers(DType::kI64, {0, -4})}}, {}};
    const auto got =
        testing_cpu::run_on(graph_of(wrong), "cpu", {wrong.inputs[0].value, wrong.inputs[1].value});
    EXPECT_EQ(got.status().code(), Code::kOutOfRange);
    EXPECT_NE(got.status().message().find("index -4 is outside [-3, 3)"), std::string::npos)
        << got.status().to_string();
    EXPECT_NE(got.status().message().find("Gather 'n'"), std::string::npos);
}

TEST(Operators, SlicesWithAnyStep) {
    Rng rng(testing::seed());
    int taken = 0;
    for (int round = 0; round < 6 * kRounds; ++round) {
        const Shape shape = random_shape(rng, 1 + rng.below(4), 8);
        std::vector<std::int64_t> starts, ends, axes, steps;
        for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
            if (rng.chance(1, 3)) continue;
            constexpr std::int64_t kSteps[] = {1, 1, 2, 3, -1, -2, 100, -100};
            const auto any = [&] { return static_cast<std::int64_t>(rng.below(24)) - 12; };
            starts.push_back(any());
            ends.push_back(any());
            axes.push_back(static_cast<std::int64_t>(axis));
            steps.push_back(kSteps[rng.below(std::size(kSteps))]);
        }
        if (axes.empty()) continue;
        const Case c{"Slice",
                     13,
                     {{normal(shape, rng)},
                      {integers(DType::kI64, starts), true},
                      {integers(DType::kI64, ends), true},
                      {integers(DType::kI64, axes), true},
                      {integers(DType::kI64, steps), true}},
                     {}};
        const graph::Graph graph = graph_of(c);
        CompileReport report;
        ASSERT_TRUE(testing_cpu::compile_on(graph, "cpu", &report).ok());
        taken += report.nodes[0].kernel == "move.strided";
        testing_cpu::expect_agreement(graph, {c.inputs[0].value}, 0);
        if (HasFatalFailure()) return;
    }
    EXPECT_GT(taken, kRounds) << "only empty outputs are left to the reference device";
}

TEST(Operators, SplitsExpansionsAndPads) {
    Rng rng(testing::seed());
    for (int round = 0; round < kRounds; ++round) {
        const Shape shape = random_shape(rng, 1 + rng.below(4));
        const std::size_t axis = rng.below(shape.rank());
        Shape whole = shape;
        whole[axis] = 5;
        const Case split{"Split",
                         13,
                         {{normal(whole, rng)}, {integers(DType::kI64, {1, 0, 4}), true}},
                         {{"axis", static_cast<std::int64_t>(axis)}},
                         3};
        expect_kernel(split, "move.strided", 0);
        std::vector<std::int64_t> wide = shape.extents();
        wide.insert(wide.begin(), 3);
        const Case expand{
            "Expand",
            13,
            {{normal(narrowed(shape, rng), rng)}, {integers(DType::kI64, wide), true}},
            {}};
        expect_kernel(expand, "move.strided", 0);
        std::vector<std::int64_t> pads;
        for (std::size_t i = 0; i < 2 * shape.rank(); ++i) {
            pads.push_back(static_cast<std::int64_t>(rng.below(3)));
        }
        Case pad{"Pad", 13, {{normal(shape, rng)}, {integers(DType::kI64, pads), true}}, {}};
        if (rng.chance(1, 2)) pad.inputs.push_back({normal({}, rng), rng.chance(1, 2)});
        expect_kernel(pad, "move.pad", 0);
        if (HasFatalFailure()) return;
    }
}

TEST(Operators, IntegersBoolsAndComparisons) {
    Rng rng(testing::seed());
    const struct {
        const char* op;
        std::vector<DType> dtypes;
    } all[] = {{"Add", {DType::kI32, DType::kI64, DType::kU8}},
               {"Sub", {DType::kI32, DType::kI64, DType::kU8}},
               {"Mul", {DType::kI32, DType::kI64, DType::kU8}},
               {"Max", {DType::kI32, DType::kI64}},
               {"Min", {DType::kI32, DType::kI64}},
               {"And", {DType::kBool}},
               {"Or", {DType::kBool}},
               {"Xor", {DType::kBool}},
               {"Equal", {DType::kF32, DType::kI32, DType::kI64, DType::kBool}},
               {"Less", {DType::kF32, DType::kI32, DType::kI64}},
               {"Greater", {DType::kF32, DType::kI32, DType::kI64}},
               {"LessOrEqual", {DType::kF32, DType::kI64}},
               {"GreaterOrEqual", {DType::kF32, DType::kI64}}};
    for (const auto& row : all) {
        for (int round = 0; round < kRounds / 2; ++round) {
            const DType dtype = row.dtypes[rng.below(row.dtypes.size())];
            const Shape shape = random_shape(rng, 1 + rng.below(4));
            const Case c{
                row.op,
                16,
                {{special(dtype, shape, rng)}, {special(dtype, narrowed(shape, rng), rng)}},
                {}};
            expect_kernel(c, "scalar.pointwise", 0);
            if (HasFatalFailure()) return;
        }
    }
    const Case opposite{"Not", 1, {{special(DType::kBool, {3, 5}, rng)}}, {}};
    expect_kernel(opposite, "scalar.pointwise", 0);
}

TEST(Operators, WhereAndCast) {
    Rng rng(testing::seed());
    constexpr DType kTypes[] = {DType::kF32, DType::kF64, DType::kI8,  DType::kI32,
                                DType::kI64, DType::kU8,  DType::kBool};
    for (const DType from : kTypes) {
        for (const DType to : kTypes) {
            if (from == to) continue;
            const Case c{"Cast", 13, {{special(from, {7, 9}, rng)}}, {{"to", onnx_number(to)}}};
            expect_kernel(c, "scalar.cast", 0);
        }
        const Shape shape = random_shape(rng, 3);
        const Case c{"Where",
                     16,
                     {{special(DType::kBool, shape, rng)},
                      {special(from, shape, rng)},
                      {special(from, Shape{}, rng)}},
                     {}};
        expect_kernel(c, "scalar.select", 0);
        if (HasFatalFailure()) return;
    }
}

TEST(Operators, PowersExtremesAndSlopes) {
    Rng rng(testing::seed());
    for (int round = 0; round < kRounds; ++round) {
        const Shape shape = random_shape(rng, 1 + rng.below(4));
        constexpr float kPowers[] = {2, 3, 0.5f, -1, 1.7f, 0};
        Tensor power(DType::kF32, {});
        power.mutable_values<float>()[0] = kPowers[rng.below(std::size(kPowers))];
        const Case c{"Pow", 13, {{normal(shape, rng)}, {power, true}}, {}};
        expect_kernel(c, "simd.unary_f32", 2e-6);
        for (const char* op : {"Max", "Min", "PRelu"}) {
            const Case two{op,
                           13,
                           {{special(DType::kF32, shape, rng)},
                            {special(DType::kF32, narrowed(shape, rng), rng)}},
                           {}};
            expect_kernel(two, "simd.binary_f32", 1e-6);
        }
        if (HasFatalFailure()) return;
    }
}

// A slope may not widen what it is for: inference and the plan have counted on that.
TEST(Operators, SlopesThatWidenAreRefused) {
    Rng rng(testing::seed());
    const Case c{"PRelu", 16, {{normal({1, 3, 1, 1}, rng)}, {normal({1, 3, 1, 3}, rng)}}, {}};
    for (const char* device : {"ref", "cpu"}) {
        const auto got =
            testing_cpu::run_on(graph_of(c), device, {c.inputs[0].value, c.inputs[1].value});
        EXPECT_EQ(got.status().code(), Code::kInvalidArgument) << got.status().to_string();
    }
}

// An axis that is named twice would be walked in steps that leave the data; a step may be longer
// than any number that can be turned around.
TEST(Operators, SlicesThatReachTooFarAreRefused) {
    Rng rng(testing::seed());
    const Tensor x = normal({8}, rng);
    const auto slice = [&](const std::vector<std::int64_t>& axes, std::int64_t step) {
        const auto all = [&](std::int64_t value) {
            return Input{integers(DType::kI64, std::vector<std::int64_t>(axes.size(), value)),
                         true};
        };
        return Case{
            "Slice", 13, {{x}, all(0), all(8), {integers(DType::kI64, axes), true}, all(step)}, {}};
    };
    for (const char* device : {"ref", "cpu"}) {
        const auto twice = testing_cpu::run_on(graph_of(slice({0, 0}, 2)), device, {x});
        EXPECT_FALSE(twice.ok());
    }
    constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
    for (const std::int64_t step : {-kMost - 1, kMost}) {
        const auto got = testing_cpu::run_on(graph_of(slice({0}, step)), "ref", {x});
        ASSERT_TRUE(got.ok()) << got.status().to_string();
        EXPECT_EQ((*got)[0].elements(), step > 0 ? 1 : 0);
    }
}

// Files may leave out what an operator needs: an error, no matter which device.
TEST(Operators, MissingInputsAreRefused) {
    Rng rng(testing::seed());
    for (const char* op : {"Gather",
                           "Add",
                           "Where",
                           "Pow",
                           "Pad",
                           "Slice",
                           "LayerNormalization",
                           "InstanceNormalization",
                           "Equal",
                           "Less",
                           "Expand",
                           "PRelu",
                           "MatMul",
                           "Gemm",
                           "Conv",
                           "Not",
                           "Cast",
                           "LRN",
                           "Softmax",
                           "ReduceSum",
                           "Concat"}) {
        for (const bool omitted : {false, true}) {
            Case c{op, 17, {{normal({2, 3}, rng)}}, {}};
            if (omitted) c.inputs = {{Tensor()}, {normal({2, 3}, rng)}};
            (void)testing_cpu::run_on(graph_of(c), "cpu", {normal({2, 3}, rng)});
            c.inputs.clear();
            (void)testing_cpu::run_on(graph_of(c), "cpu", {});
        }
    }
}

}  // namespace
}  // namespace hf::runtime
