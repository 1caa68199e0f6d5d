// QLinearConv and QLinearMatMul: exact sums of products, rescaled once in single precision.

#include "runtime/ref/ops/integer.h"

namespace hf::runtime::ref {
namespace {

// Both operators: x with scale and zero point, w with scale and zero point, those of the output.
constexpr Stored kLeft{0, 2};
constexpr Stored kRight{3, 5};
constexpr std::size_t kLeftScale = 1, kRightScale = 4, kScale = 6, kZero = 7;

// Sums times left * right / output scale, with one right scale a position of the axis or one.
Result<Tensor> rescale(const Tensor& sums, const std::vector<float>& factors, std::size_t axis,
                       const Target& target) {
    const bool along = factors.size() > 1;
    const AxisSplit split = along ? split_at(sums.shape(), axis) : AxisSplit{};
    std::vector<float> scaled;
    for (std::int64_t sum : sums.values<std::int64_t>()) {
        const auto i = static_cast<std::int64_t>(scaled.size());
        const std::int64_t lane = along ? i / split.inner % split.extent : 0;
        scaled.push_back(static_cast<float>(sum) * factors[static_cast<std::size_t>(lane)]);
    }
    return store(scaled, sums.shape(), target);
}

std::vector<float> factors_of(float left, const std::vector<float>& right, float out) {
    std::vector<float> factors;
    for (float scale : right) factors.push_back(left * scale / out);
    return factors;
}

Outputs qlinear_conv(const OpContext& context) {
    Tensor sums = HF_TRY(integer_convolution(context, kLeft, kRight));
    const std::int64_t filters = sums.shape()[1];
    const float left = HF_TRY(scales_of(context, kLeftScale)).at(0);
    const std::vector<float> right = HF_TRY(scales_of(context, kRightScale, filters));
    const Target target = HF_TRY(target_of(context, kScale, kZero));
    if (context.input(8)) {
        const std::vector<std::int64_t> bias = HF_TRY(to_int64s(*context.input(8)));
        if (static_cast<std::int64_t>(bias.size()) != filters ||
            context.input(8)->dtype() != DType::kI32) {
            return invalid_argument("want {} biases of i32, got {}", filters, bias.size());
        }
        const AxisSplit split = split_at(sums.shape(), 1);
        for (std::size_t i = 0; i < static_cast<std::size_t>(sums.elements()); ++i) {
            const std::int64_t filter = static_cast<std::int64_t>(i) / split.inner % split.extent;
            sums.mutable_values<std::int64_t>()[i] += bias[static_cast<std::size_t>(filter)];
        }
    }
    return one(HF_TRY(rescale(sums, factors_of(left, right, target.scale), 1, target)));
}

Outputs qlinear_matmul(const OpContext& context) {
    const Tensor sums = HF_TRY(integer_product(context, kLeft, kRight));
    const Shape& right_shape = context.inputs[kRight.values].shape();
    const std::int64_t columns = right_shape.rank() < 2 ? 1 : right_shape[right_shape.rank() - 1];
    const float left = HF_TRY(scales_of(context, kLeftScale)).at(0);
    const std::vector<float> right = HF_TRY(scales_of(context, kRightScale, columns));
    const Target target = HF_TRY(target_of(context, kScale, kZero));
    const std::size_t last = sums.shape().rank() == 0 ? 0 : sums.shape().rank() - 1;
    return one(HF_TRY(rescale(sums, factors_of(left, right, target.scale), last, target)));
}

}  // namespace

std::vector<OpRow> qlinear_rows() {
    return {{"", "QLinearConv", qlinear_conv}, {"", "QLinearMatMul", qlinear_matmul}};
}

}  // namespace hf::runtime::ref
