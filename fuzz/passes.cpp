// Small graphs grown from the input's bytes, computed in three ways: as they are by the reference
// device, after the passes by the reference device, and by the cpu device. All must agree.
//
// Operators are continuous, so that rounding stays rounding; graphs whose values grow large are
// left out. The tolerance is a part of the largest value on the way.

#include <cmath>

#include "base/check.h"
#include "graph/infer.h"
#include "graph/text.h"
#include "runtime/compile.h"

namespace {

using hf::DType;
using hf::Shape;
using hf::Tensor;
using hf::graph::Graph;
using hf::graph::Node;
using hf::graph::ValueId;
using Integers = std::vector<std::int64_t>;

constexpr std::size_t kMostNodes = 10;
constexpr std::int64_t kMostElements = 2048;
constexpr double kMostMagnitude = 1e4, kTolerance = 2e-3;

class Grower final {
public:
    Grower(const std::uint8_t* data, std::size_t size) : data_(data), left_(size) {}

    Graph grow() {
        Integers extents(1 + byte() % 4);
        for (std::int64_t& extent : extents) extent = 1 + byte() % 5;
        if (extents.size() == 4) extents[3] += 3;
        hf::graph::Value x;
        x.name = "x";
        x.dtype = DType::kF32;
        x.shape = Shape(extents);
        graph_.inputs = {graph_.add_value(std::move(x))};
        values_ = graph_.inputs;
        while (left_ > 0 && graph_.nodes.size() < kMostNodes) add_node();
        graph_.outputs = {values_.back()};
        if (byte() % 3 == 0) {
            const ValueId other = values_[byte() % values_.size()];
            if (other != graph_.outputs[0]) graph_.outputs.push_back(other);
        }
        return graph_;
    }

private:
    std::uint8_t byte() {
        if (left_ == 0) return 0;
        --left_;
        return *data_++;
    }
    std::int64_t below(std::int64_t bound) { return byte() % std::max<std::int64_t>(bound, 1); }

    const Shape& shape(ValueId id) const { return *graph_.value(id).shape; }
    std::int64_t rank(ValueId id) const { return static_cast<std::int64_t>(shape(id).rank()); }

    // Numbers in [low, high).
    ValueId constant(const Shape& shape, float low = -1, float high = 1) {
        hf::Rng rng(byte());
        Tensor tensor(DType::kF32, shape);
        for (float& x : tensor.mutable_values<float>()) {
            x = low + (high - low) * static_cast<float>(rng.uniform());
        }
        return graph_.add_constant("c" + std::to_string(graph_.values.size()), std::move(tensor));
    }
    ValueId integers(const Integers& values) {
        const Shape shape{static_cast<std::int64_t>(values.size())};
        return graph_.add_constant("i" + std::to_string(graph_.values.size()),
                                   Tensor::of<std::int64_t>(DType::kI64, shape, values));
    }

    ValueId pick() {
        const std::size_t back = byte() % 4 == 0 ? byte() % values_.size() : 0;
        return values_[values_.size() - 1 - back];
    }

    // A second operand: another value, or a constant that broadcasts.
    ValueId partner(ValueId x) {
        if (byte() % 3 == 0) return values_[byte() % values_.size()];
        Integers extents = shape(x).extents();
        const std::uint8_t ones = byte();
        for (std::size_t i = 0; i < extents.size(); ++i) {
            if (ones >> (i % 8) & 1) extents[i] = 1;
        }
        while (!extents.empty() && extents[0] == 1 && byte() % 2) extents.erase(extents.begin());
        return constant(Shape(std::move(extents)));
    }

    // Appends a node if inference takes it and what it makes is small.
    void add_node() {
        const Graph before = graph_;
        Node node = draw(pick());
        node.name = "n" + std::to_string(graph_.nodes.size());
        const std::size_t outputs = node.op == "Split" ? 2 : 1;
        for (std::size_t i = 0; i < outputs; ++i) {
            hf::graph::Value value;
            value.name = "v" + std::to_string(graph_.values.size());
            node.outputs.push_back(graph_.add_value(std::move(value)));
        }
        const std::vector<ValueId> made = node.outputs;
        graph_.nodes.push_back(std::move(node));
        graph_.outputs = {made[0]};
        const bool inferred = hf::graph::infer_shapes(graph_, {}).ok();
        for (ValueId id : made) {
            const hf::graph::Value& value = graph_.value(id);
            if (inferred && value.dtype == DType::kF32 && value.shape && value.shape->is_known() &&
                value.shape->elements() > 0 && value.shape->elements() <= kMostElements) {
                continue;
            }
            graph_ = before;
            return;
        }
        values_.insert(values_.end(), made.begin(), made.end());
    }

    Node node(const char* op, std::vector<ValueId> inputs,
              hf::graph::AttributeMap attributes = {}) {
        return {"", "", op, opset(), std::move(inputs), {}, std::move(attributes)};
    }
    std::int64_t opset() const { return 17; }

    Node draw(ValueId x) {
        switch (byte() % 4) {
            case 0: return draw_pointwise(x);
            case 1: return draw_move(x);
            case 2: return draw_window(x);
            default: return draw_rows(x);
        }
    }

    Node draw_pointwise(ValueId x) {
        static const char* const unary[] = {"Relu",      "LeakyRelu", "Sigmoid", "Tanh",
                                            "Erf",       "Abs",       "Neg",     "HardSigmoid",
                                            "HardSwish", "Identity",  "Elu",     "Softplus"};
        static const char* const binary[] = {"Add", "Sub", "Mul", "Max", "Min", "PRelu", "Sum"};
        const std::uint8_t kind = byte();
        if (kind % 4 == 0) {
            return node("Clip", {x, constant({}, -1, 0), constant({}, 0, 2)});
        }
        if (kind % 4 == 1) return node(unary[byte() % std::size(unary)], {x});
        if (kind % 16 == 2) return node("Div", {x, constant({}, 1, 3)});
        if (kind % 16 == 6) return node("Pow", {x, constant({}, 2, 2)});
        const char* op = binary[byte() % std::size(binary)];
        const ValueId other = partner(x);
        return byte() % 4 == 0 && op[0] != 'P' ? node(op, {other, x}) : node(op, {x, other});
    }

    Node draw_move(ValueId x) {
        const std::int64_t axis = below(rank(x));
        switch (byte() % 10) {
            case 0: {
                Integers order(shape(x).rank());
                for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int>(i);
                for (std::size_t i = order.size(); i > 1; --i) {
                    std::swap(order[i - 1], order[byte() % i]);
                }
                return node("Transpose", {x}, {{"perm", order}});
            }
            case 1: return node("Flatten", {x}, {{"axis", axis}});
            case 2: return node("Reshape", {x, integers({below(3), -1, 1 + below(4)})});
            case 3: return node("Unsqueeze", {x, integers({axis})});
            case 4: return node("Squeeze", {x, integers({axis})});
            case 5: return node("Concat", {x, values_[byte() % values_.size()]}, {{"axis", axis}});
            case 6:
                return node("Slice", {x, integers({below(6) - 3}), integers({below(9) - 3}),
                                      integers({axis}), integers({below(2) ? 1 : below(5) - 2})});
            case 7: {
                Integers pads(2 * shape(x).rank());
                for (std::int64_t& pad : pads) pad = below(8) ? 0 : below(3);
                return node("Pad", {x, integers(pads)});
            }
            case 8:
                return node("Gather", {x, integers({below(4) - 2, below(3)})}, {{"axis", axis}});
            default: return node("Split", {x}, {{"axis", axis}});
        }
    }

    Node draw_window(ValueId x) {
        if (rank(x) != 4) return draw_product(x);
        const std::int64_t channels = shape(x)[1], kernel = 1 + below(3);
        const Integers edges{below(2), below(2), below(2), below(2)};
        const Integers strides{1 + below(2), 1 + below(2)};
        switch (byte() % 6) {
            case 0:
                return node("MaxPool", {x},
                            {{"kernel_shape", Integers{kernel, kernel}}, {"strides", strides}});
            case 1:
                return node("AveragePool", {x},
                            {{"kernel_shape", Integers{kernel, kernel}},
                             {"pads", kernel > 1 ? edges : Integers{0, 0, 0, 0}},
                             {"count_include_pad", below(2)}});
            case 2: return node("GlobalAveragePool", {x});
            case 3: {
                const Shape c{channels};
                return node("BatchNormalization",
                            {x, constant(c), constant(c), constant(c), constant(c, 0.5f, 2)});
            }
            default: break;
        }
        const std::int64_t group = below(2) ? channels : 1;
        const std::int64_t outputs = group * (1 + below(3));
        std::vector<ValueId> inputs{x, constant({outputs, channels / group, kernel, kernel})};
        if (below(2)) inputs.push_back(constant({outputs}));
        return node("Conv", inputs, {{"group", group}, {"pads", edges}, {"strides", strides}});
    }

    Node draw_product(ValueId x) {
        const std::int64_t depth = shape(x).rank() == 0 ? 1 : shape(x)[shape(x).rank() - 1];
        const std::int64_t columns = 1 + below(6);
        if (rank(x) != 2 || below(2)) return node("MatMul", {x, constant({depth, columns})});
        const std::int64_t turned = below(2);
        const Shape weights = turned ? Shape{columns, depth} : Shape{depth, columns};
        return node("Gemm", {x, constant(weights), constant({columns})},
                    {{"transB", turned}, {"alpha", below(2) ? 1.0f : 0.5f}});
    }

    Node draw_rows(ValueId x) {
        const std::int64_t axis = below(rank(x));
        const std::int64_t last = shape(x).rank() == 0 ? 1 : shape(x)[shape(x).rank() - 1];
        switch (byte() % 8) {
            case 0: return node("Softmax", {x}, {{"axis", axis}});
            case 1: return node("LogSoftmax", {x}, {{"axis", axis}});
            case 2:
                return node("ReduceMean", {x}, {{"axes", Integers{axis}}, {"keepdims", below(2)}});
            case 3:
                return node("ReduceMax", {x}, {{"axes", Integers{axis}}, {"keepdims", below(2)}});
            case 4: return node("ReduceSum", {x, integers({axis})}, {{"keepdims", below(2)}});
            case 5:
                if (norms_++ >= kMostNorms) return node("Softmax", {x}, {{"axis", axis}});
                return node("LayerNormalization", {x, constant({last}), constant({last})},
                            {{"axis", std::int64_t{-1}}, {"epsilon", 0.01f}});
            case 6: return node("LRN", {x}, {{"size", 1 + below(4)}, {"alpha", 0.1f}});
            default: {
                if (norms_++ >= kMostNorms) return node("LogSoftmax", {x}, {{"axis", axis}});
                const Shape c{rank(x) > 1 ? shape(x)[1] : 1};
                return node("InstanceNormalization", {x, constant(c), constant(c)},
                            {{"epsilon", 0.01f}});
            }
        }
    }

    // A norm of what is constant but for rounding makes ten of one; more in a row make of it what
    // they like.
    static constexpr int kMostNorms = 2;

    int norms_ = 0;
    const std::uint8_t* data_;
    std::size_t left_;
    Graph graph_;
    std::vector<ValueId> values_;
};

hf::Result<std::vector<Tensor>> outputs_of(const Graph& graph, const Tensor& x, const char* device,
                                           bool passes) {
    hf::runtime::CompileOptions options;
    options.device = device;
    options.disabled_kernels = {"onednn"};  // its primitives take longer to make than to run
    if (device == std::string_view("ref")) options.disabled_kernels.clear();
    if (!passes) options.disabled_passes = {"all"};
    const auto model = HF_TRY(hf::runtime::compile(graph, options, nullptr));
    const auto session = HF_TRY(model->new_session());
    const std::vector<Tensor> inputs{x};
    return session->run(inputs);
}

// Of every value that a node computes; infinite where one is.
double largest_on_the_way(Graph graph, const Tensor& x) {
    graph.outputs.clear();
    for (const Node& node : graph.nodes) {
        graph.outputs.insert(graph.outputs.end(), node.outputs.begin(), node.outputs.end());
    }
    const auto values = outputs_of(graph, x, "ref", false);
    if (!values.ok()) return HUGE_VAL;
    double largest = 1;
    for (const Tensor& value : *values) {
        for (const float number : value.values<float>()) {
            if (!std::isfinite(number)) return HUGE_VAL;
            largest = std::max(largest, std::abs(double{number}));
        }
    }
    return largest;
}

void check_same(const Graph& graph, const std::vector<Tensor>& want,
                const hf::Result<std::vector<Tensor>>& got, double tolerance) {
    HF_CHECK(got.ok(), "{}\n{}", got.status().to_string(), hf::graph::print(graph));
    HF_CHECK(got->size() == want.size());
    for (std::size_t i = 0; i < want.size(); ++i) {
        const Tensor& a = (*got)[i];
        const Tensor& b = want[i];
        HF_CHECK(a.dtype() == b.dtype() && a.shape() == b.shape(), "output {}: {} and {}\n{}", i,
                 a.shape().to_string(), b.shape().to_string(), hf::graph::print(graph));
        for (std::size_t j = 0; j < b.values<float>().size(); ++j) {
            const float x = a.values<float>()[j], y = b.values<float>()[j];
            HF_CHECK(std::abs(x - y) <= tolerance, "output {} at {}: {} and {}\n{}", i, j, x, y,
                     hf::graph::print(graph));
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Graph graph = Grower(data, size).grow();
    if (graph.nodes.empty()) return 0;
    hf::Rng rng(size);
    const Tensor x = hf::random_tensor(DType::kF32, *graph.value(graph.inputs[0]).shape, rng);
    const double largest = largest_on_the_way(graph, x);
    if (!(largest < kMostMagnitude)) return 0;
    const auto want = outputs_of(graph, x, "ref", false);
    HF_CHECK(want.ok(), "{}\n{}", want.status().to_string(), hf::graph::print(graph));
    check_same(graph, *want, outputs_of(graph, x, "ref", true), kTolerance * largest);
    const auto fast = outputs_of(graph, x, "cpu", true);
    if (!fast.ok() && fast.status().code() == hf::Code::kUnimplemented) return 0;
    check_same(graph, *want, fast, kTolerance * largest);
    return 0;
}
