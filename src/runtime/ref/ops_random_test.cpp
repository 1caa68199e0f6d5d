// Every operator of the reference device against inputs and attributes drawn at random: it answers
// or refuses, and under the sanitizers reads nothing that is not its own. Most draws are nonsense,
// as a hostile model is.

#include <gtest/gtest.h>

#include "base/rng.h"
#include "runtime/ref/interpreter.h"
#include "runtime/ref/op.h"
#include "testing/script.h"

namespace hf::runtime::ref {
namespace {

constexpr DType kTypes[] = {DType::kF32, DType::kF32, DType::kF32,  DType::kI64, DType::kI32,
                            DType::kU8,  DType::kI8,  DType::kBool, DType::kF64, DType::kF16};

std::int64_t between(Rng& rng, std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(high - low + 1)));
}

Shape any_shape(Rng& rng) {
    std::vector<std::int64_t> extents(static_cast<std::size_t>(between(rng, 0, 4)));
    for (std::int64_t& extent : extents) extent = between(rng, 0, 12) == 0 ? 0 : between(rng, 1, 4);
    return Shape(std::move(extents));
}

Tensor any_tensor(Rng& rng, const Shape& shape, DType dtype) {
    if (between(rng, 0, 40) == 0) {
        return Tensor::of_strings({2}, {"a", "1"});
    }
    Tensor tensor(dtype, shape);
    if (dtype != DType::kI64) return random_tensor(dtype, shape, rng);
    for (std::int64_t& value : tensor.mutable_values<std::int64_t>()) {
        value = between(rng, 0, 30) == 0 ? std::int64_t{1} << between(rng, 45, 63)
                                         : between(rng, -2, 2);
    }
    return tensor;
}

// Inputs that resemble each other, so that some get past the first checks.
std::vector<Tensor> any_inputs(Rng& rng) {
    std::vector<Tensor> inputs(static_cast<std::size_t>(between(rng, 0, 9)));
    const Shape common = any_shape(rng);
    const DType dtype = kTypes[between(rng, 0, 9)];
    for (Tensor& input : inputs) {
        if (between(rng, 0, 9) == 0) continue;
        const bool same = between(rng, 0, 1) == 0;
        const Shape shape = between(rng, 0, 3) == 0 ? Shape{between(rng, 0, 4)}
                            : same                  ? common
                                                    : any_shape(rng);
        input = any_tensor(rng, shape, same ? dtype : kTypes[between(rng, 0, 9)]);
    }
    return inputs;
}

std::vector<std::int64_t> any_ints(Rng& rng) {
    std::vector<std::int64_t> values(static_cast<std::size_t>(between(rng, 0, 4)));
    for (std::int64_t& value : values) {
        value = between(rng, 0, 20) == 0 ? std::int64_t{1} << between(rng, 45, 63)
                                         : between(rng, -1, 3);
    }
    return values;
}

graph::AttributeMap any_attributes(Rng& rng) {
    graph::AttributeMap attributes;
    const auto maybe = [&] { return between(rng, 0, 2) == 0; };
    for (const char* name :
         {"axis", "axes", "kernel_shape", "strides", "pads", "dilations", "perm", "shape",
          "output_shape", "pooled_shape", "qkv_hidden_sizes", "vectors_per_class",
          "classlabels_ints", "keys_int64s", "values_int64s", "cats_int64s", "split"}) {
        const bool single = std::string_view(name) == "axis";
        if (maybe() && single) attributes.emplace(name, between(rng, -3, 3));
        if (maybe() && !single) attributes.emplace(name, any_ints(rng));
    }
    for (const char* name : {"group",
                             "num_groups",
                             "num_heads",
                             "keepdims",
                             "onesided",
                             "inverse",
                             "k",
                             "blocksize",
                             "ceil_mode",
                             "count_include_pad",
                             "align_corners",
                             "sampling_ratio",
                             "output_height",
                             "n_supports",
                             "batch_dims",
                             "hidden_size",
                             "layout",
                             "unidirectional",
                             "sample_size",
                             "transA",
                             "transB",
                             "size",
                             "n_targets",
                             "storage_order",
                             "to",
                             "dtype",
                             "antialias"}) {
        if (maybe()) attributes.emplace(name, between(rng, -1, 11));
    }
    for (const char* name : {"coefficients", "support_vectors", "rho", "prob_a", "scales", "offset",
                             "scale", "imputed_value_floats", "intercepts", "base_values"}) {
        if (!maybe()) continue;
        attributes.emplace(name, std::vector<float>(static_cast<std::size_t>(between(rng, 0, 6)),
                                                    static_cast<float>(between(rng, -1, 3))));
    }
    for (const char* mode : {"linear", "cubic", "nearest", "max", "reflect", "edge"}) {
        if (maybe()) attributes["mode"] = std::string(mode);
    }
    for (const char* equation : {"ij,jk->ik", "...i->...", "ii->i", "ij,ij", "i,i,i->", "a..b"}) {
        if (maybe()) attributes["equation"] = std::string(equation);
    }
    if (maybe()) attributes["reduction"] = std::string(maybe() ? "none" : "sum");
    if (maybe()) attributes["coordinate_transformation_mode"] = std::string("tf_crop_and_resize");
    if (maybe()) attributes["auto_pad"] = std::string(maybe() ? "VALID" : "SAME_UPPER");
    return attributes;
}

TEST(Operators, AnswerOrRefuseWhateverComes) {
    constexpr int kRounds = 60;
    Rng rng(testing::seed());
    std::size_t answered = 0;
    for (const OpRow& row : all_ops()) {
        for (int round = 0; round < kRounds; ++round) {
            graph::Graph graph;
            graph::Node node;
            node.name = "n";
            node.domain = row.domain;
            node.op = row.op;
            node.opset = between(rng, 1, 22);
            node.attributes = any_attributes(rng);
            const std::vector<Tensor> inputs = any_inputs(rng);
            for (const Tensor& input : inputs) {
                node.inputs.push_back(input.is_null() ? graph::kNoValue
                                                      : graph.add_constant("", input));
            }
            for (int i = 0; i < 2; ++i) node.outputs.push_back(graph.add_value({}));
            answered += evaluate_node(graph, node, inputs).ok() ? 1 : 0;
        }
    }
    EXPECT_GT(answered, all_ops().size());
}

}  // namespace
}  // namespace hf::runtime::ref
