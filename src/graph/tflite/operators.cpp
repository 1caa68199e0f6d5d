#include "graph/tflite/operators.h"

#include <array>

namespace hf::graph::tflite {
namespace {

using enum OptionKind;

constexpr Option kConv[] = {{0, "padding", kPadding},   {1, "stride_w", kInt},
                            {2, "stride_h", kInt},      {3, "fused_activation", kActivation},
                            {4, "dilation_w", kInt, 1}, {5, "dilation_h", kInt, 1}};
constexpr Option kDepthwise[] = {{0, "padding", kPadding},
                                 {1, "stride_w", kInt},
                                 {2, "stride_h", kInt},
                                 {3, "depth_multiplier", kInt},
                                 {4, "fused_activation", kActivation},
                                 {5, "dilation_w", kInt, 1},
                                 {6, "dilation_h", kInt, 1}};
constexpr Option kPool[] = {{0, "padding", kPadding}, {1, "stride_w", kInt},
                            {2, "stride_h", kInt},    {3, "filter_w", kInt},
                            {4, "filter_h", kInt},    {5, "fused_activation", kActivation}};
constexpr Option kDense[] = {{0, "fused_activation", kActivation},
                             {1, "weights_format", kRefused},
                             {2, "keep_num_dims", kBool}};
constexpr Option kSoftmax[] = {{0, "beta", kFloat}};
constexpr Option kConcat[] = {{0, "axis", kInt}, {1, "fused_activation", kActivation}};
constexpr Option kArithmetic[] = {{0, "fused_activation", kActivation}};
constexpr Option kReshape[] = {{0, "new_shape", kInts}};
constexpr Option kReducer[] = {{0, "keep_dims", kBool}};
constexpr Option kSqueeze[] = {{0, "squeeze_dims", kInts}};
constexpr Option kNearest[] = {{0, "align_corners", kBool}, {1, "half_pixel_centers", kBool}};

// In the order of their codes.
constexpr Builtin kBuiltins[] = {
    {0, "ADD", 11, kArithmetic, 2, 2},
    {1, "AVERAGE_POOL_2D", 5, kPool, 1, 1},
    {2, "CONCATENATION", 10, kConcat, 1, 1024},
    {3, "CONV_2D", 1, kConv, 2, 3},
    {4, "DEPTHWISE_CONV_2D", 2, kDepthwise, 2, 3},
    {6, "DEQUANTIZE", 0, {}, 1, 1},
    {9, "FULLY_CONNECTED", 8, kDense, 2, 3},
    {14, "LOGISTIC", 0, {}, 1, 1},
    {17, "MAX_POOL_2D", 5, kPool, 1, 1},
    {18, "MUL", 21, kArithmetic, 2, 2},
    {19, "RELU", 0, {}, 1, 1},
    {21, "RELU6", 0, {}, 1, 1},
    {22, "RESHAPE", 17, kReshape, 1, 2},
    {25, "SOFTMAX", 9, kSoftmax, 1, 1},
    {34, "PAD", 0, {}, 2, 2},
    {39, "TRANSPOSE", 0, {}, 2, 2},
    {40, "MEAN", 27, kReducer, 2, 2},
    {41, "SUB", 28, kArithmetic, 2, 2},
    {43, "SQUEEZE", 30, kSqueeze, 1, 1},
    {60, "PADV2", 0, {}, 3, 3},
    {97, "RESIZE_NEAREST_NEIGHBOR", 74, kNearest, 2, 2},
    {114, "QUANTIZE", 0, {}, 1, 1},
};

Result<Attribute> read_option(const Option& option, const std::optional<Table>& table) {
    switch (option.kind) {
        case kInt: {
            std::int32_t value = option.fallback;
            if (table) value = HF_TRY(table->scalar<std::int32_t>(option.field, value));
            return Attribute(std::int64_t{value});
        }
        case kFloat: {
            float value = 0;
            if (table) value = HF_TRY(table->scalar<float>(option.field, value));
            return Attribute(value);
        }
        case kInts: {
            std::vector<std::int64_t> values;
            if (table) {
                const auto stored = HF_TRY(table->scalars<std::int32_t>(option.field));
                if (stored.size() > Shape::kMaxRank) {
                    return invalid_argument("{} entries; the most is {}", stored.size(),
                                            Shape::kMaxRank);
                }
                for (std::size_t i = 0; i < stored.size(); ++i) values.push_back(stored[i]);
            }
            return Attribute(std::move(values));
        }
        default: break;
    }
    std::uint8_t byte = 0;
    if (table) byte = HF_TRY(table->scalar<std::uint8_t>(option.field, byte));
    constexpr std::array<std::string_view, 4> kActivations{"NONE", "RELU", "RELU_N1_TO_1", "RELU6"};
    if (option.kind == kPadding && byte < 2) return Attribute(std::string(byte ? "VALID" : "SAME"));
    if (option.kind == kActivation && byte < kActivations.size()) {
        return Attribute(std::string(kActivations[byte]));
    }
    if (option.kind == kBool) return Attribute(std::int64_t{byte != 0});
    if (option.kind == kRefused && byte == 0) return Attribute(std::int64_t{0});
    return unimplemented("the variant {} is not supported", byte);
}

}  // namespace

const Builtin* find_builtin(std::int32_t code) {
    for (const Builtin& builtin : kBuiltins) {
        if (builtin.code == code) return &builtin;
    }
    return nullptr;
}

Status read_options(const Builtin& builtin, const std::optional<Table>& table, Node& node) {
    for (const Option& option : builtin.options) {
        Attribute value =
            HF_TRY(read_option(option, table).context("option '{}'", option.attribute));
        const bool absent =
            option.kind == kRefused || (option.kind == kInts && table && !table->has(option.field));
        if (!absent) node.attributes[std::string(option.attribute)] = std::move(value);
    }
    return {};
}

}  // namespace hf::graph::tflite
