// ONNX models in QDQ form: the int8 operators that lower-quantized makes give on the cpu device the
// bits that they give on the reference device, and are within a step of computing in fp32 between
// the conversions.

#include <cmath>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "graph/text.h"
#include "runtime/compile.h"
#include "testing/script.h"

namespace hf::runtime {
namespace {

struct Outcome {
    Tensor output;
    CompileReport report;
};

Result<Outcome> run(const graph::Graph& graph, const Tensor& input, const std::string& device,
                    const std::vector<std::string>& disabled) {
    CompileOptions options;
    options.device = device;
    options.disabled_passes = disabled;
    Outcome outcome;
    const auto model = HF_TRY(compile(graph, options, &outcome.report));
    auto session = HF_TRY(model->new_session());
    outcome.output = HF_TRY(session->run(std::vector<Tensor>{input}))[0];
    return outcome;
}

// One layer from f32 to f32 by way of int8, of random extents and parameters.
class Layer {
public:
    explicit Layer(Rng& rng) : rng_(rng) {}

    std::string text() const { return head_ + body_ + "}\n"; }
    const Shape& in() const { return in_; }
    float step() const { return step_; }  // of the output

    void conv(bool depthwise) {
        const std::int64_t channels = some(20), filters = depthwise ? channels : some(40);
        const std::int64_t kernel = some(3), pad = rng_.below(2) ? 1 : 0;
        in_ = Shape{some(2), channels, 3 + some(9), 3 + some(9)};
        begin();
        weights("w", {filters, depthwise ? 1 : channels, kernel, kernel}, filters, 0);
        vector("b", filters);
        body_ += fmt::format("  %c = Conv(%r, %wr, %b) {{group = {}, pads = [{}, {}, {}, {}]}}\n",
                             depthwise ? channels : 1, pad, pad, pad, pad);
        body_ += rng_.below(2) ? "  %a = Relu(%c)\n" : "  %a = Identity(%c)\n";
        end("a", 16);
    }

    void gemm() {
        const std::int64_t depth = some(60), columns = some(40);
        in_ = Shape{some(9), depth};
        begin();
        if (rng_.below(2)) {
            weights("w", {columns, depth}, columns, 0);
            vector("b", columns);
            body_ += "  %a = Gemm(%r, %wr, %b) {transB = 1}\n";
        } else {
            weights("w", {depth, columns}, columns, 1);
            body_ += "  %a = MatMul(%r, %wr)\n";
        }
        end("a", 8);
    }

    void sum() {
        in_ = Shape{some(3), some(5), some(9), some(9)};
        begin();
        body_ += "  %a = Add(%r, %r)\n";
        end("a", 4);
    }

    void mean() {
        in_ = Shape{some(3), some(20), some(9), some(9)};
        begin();
        body_ += "  %a = GlobalAveragePool(%r)\n";
        end("a", 1);
    }

private:
    std::int64_t some(std::uint64_t most) {
        return static_cast<std::int64_t>(1 + rng_.below(most));
    }

    void begin() {
        head_ = fmt::format("graph \"g\" {{\n  input %x: f32[{}]\n", in_.to_string());
        affine("x", 0.03);
        body_ = "  %q = QuantizeLinear(%x, %xs, %xz)\n  %r = DequantizeLinear(%q, %xs, %xz)\n";
    }

    void affine(const std::string& name, double scale) {
        step_ = static_cast<float>(scale * (0.5 + rng_.uniform()));
        const bool narrow = rng_.below(2) != 0;
        head_ += fmt::format("  const %{0}s: f32[] = {{{1}}}\n  const %{0}z: {2}[] = {{{3}}}\n",
                             name, step_, narrow ? "i8" : "u8",
                             static_cast<int>(rng_.below(100)) + (narrow ? -50 : 78));
    }

    void weights(const std::string& name, const Shape& shape, std::int64_t channels, int axis) {
        std::string values, scales;
        for (std::int64_t i = 0; i < shape.elements(); ++i) {
            values += fmt::format("{}{}", i ? ", " : "", static_cast<int>(rng_.below(255)) - 127);
        }
        for (std::int64_t i = 0; i < channels; ++i) {
            scales += fmt::format("{}{}", i ? ", " : "", 0.005 * (0.5 + rng_.uniform()));
        }
        head_ += fmt::format("  const %{0}: i8[{1}] = {{{2}}}\n  const %{0}s: f32[{3}] = {{{4}}}\n",
                             name, shape.to_string(), values, channels, scales);
        body_ +=
            fmt::format("  %{0}r = DequantizeLinear(%{0}, %{0}s) {{axis = {1}}}\n", name, axis);
    }

    void vector(const std::string& name, std::int64_t count) {
        std::string values;
        for (std::int64_t i = 0; i < count; ++i) {
            values += fmt::format("{}{}", i ? ", " : "", rng_.normal());
        }
        head_ += fmt::format("  const %{}: f32[{}] = {{{}}}\n", name, count, values);
    }

    void end(const std::string& name, double range) {
        affine("y", range * 2 / 256);
        body_ += fmt::format(
            "  %yq = QuantizeLinear(%{}, %ys, %yz)\n  %y = DequantizeLinear(%yq, %ys, %yz)\n"
            "  output %y\n",
            name);
    }

    Rng& rng_;
    Shape in_;
    std::string head_, body_;
    float step_ = 1;
};

void judge(const Layer& layer, Rng& rng) {
    const auto graph = graph::parse(layer.text());
    ASSERT_TRUE(graph.ok()) << graph.status().to_string() << "\n" << layer.text();
    Tensor x(DType::kF32, layer.in());
    for (float& value : x.mutable_values<float>()) value = static_cast<float>(rng.normal() * 2);
    const auto plain = run(*graph, x, "ref", {"all"});
    const auto want = run(*graph, x, "ref", {});
    const auto got = run(*graph, x, "cpu", {});
    ASSERT_TRUE(plain.ok() && want.ok() && got.ok()) << layer.text();
    for (const auto& row : got->report.nodes) {
        EXPECT_FALSE(row.kernel.starts_with("ref")) << row.node << " " << row.refused;
    }
    for (std::size_t i = 0; i < static_cast<std::size_t>(want->output.elements()); ++i) {
        const float value = got->output.values<float>()[i];
        ASSERT_EQ(value, want->output.values<float>()[i]) << i << "\n" << layer.text();
        ASSERT_NEAR(value, plain->output.values<float>()[i], 1.01 * layer.step()) << i << "\n"
                                                                                  << layer.text();
    }
}

TEST(Quantized, EveryLayerOnInt8IsThatOfTheReferenceToTheBit) {
    Rng rng(testing::seed());
    for (int round = 0; round < 30; ++round) {
        for (int kind = 0; kind < 5; ++kind) {
            Layer layer(rng);
            if (kind < 2) layer.conv(kind == 1);
            if (kind == 2) layer.gemm();
            if (kind == 3) layer.sum();
            if (kind == 4) layer.mean();
            ASSERT_NO_FATAL_FAILURE(judge(layer, rng));
        }
    }
}

}  // namespace
}  // namespace hf::runtime
