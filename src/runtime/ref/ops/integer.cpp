#include "runtime/ref/ops/integer.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace hf::runtime::ref {

Result<Tensor> less_zero_point(const Tensor& stored, const Tensor* zero, std::size_t axis) {
    // Of 8 or 16 bits: then no sum of products leaves 64.
    const bool narrow = is_integer(stored.dtype()) && dtype_size(stored.dtype()) <= 2;
    if (!narrow || (zero && zero->dtype() != stored.dtype())) {
        return invalid_argument("stored values of type {} with zero points of type {}",
                                dtype_name(stored.dtype()),
                                dtype_name(zero ? zero->dtype() : stored.dtype()));
    }
    const std::vector<std::int64_t> values = HF_TRY(to_int64s(stored));
    std::vector<std::int64_t> points{0};
    if (zero) points = HF_TRY(to_int64s(*zero));
    const bool along = axis < stored.shape().rank() && points.size() != 1;
    const AxisSplit split = along ? split_at(stored.shape(), axis) : AxisSplit{};
    if (static_cast<std::int64_t>(points.size()) != (along ? split.extent : 1)) {
        return invalid_argument("{} zero points do not fit {}", points.size(),
                                stored.shape().to_string());
    }
    Tensor out = HF_TRY(make_tensor(DType::kI64, stored.shape()));
    for (std::size_t i = 0; i < values.size(); ++i) {
        const std::int64_t lane =
            along ? static_cast<std::int64_t>(i) / split.inner % split.extent : 0;
        out.mutable_values<std::int64_t>()[i] = values[i] - points[static_cast<std::size_t>(lane)];
    }
    return out;
}

Result<Tensor> wrap_to_i32(const Tensor& sums) {
    Tensor out = HF_TRY(make_tensor(DType::kI32, sums.shape()));
    const auto from = sums.values<std::int64_t>();
    for (std::size_t i = 0; i < from.size(); ++i) {
        out.mutable_values<std::int32_t>()[i] = static_cast<std::int32_t>(from[i]);
    }
    return out;
}

Result<std::vector<float>> scales_of(const OpContext& context, std::size_t index,
                                     std::int64_t positions) {
    const std::vector<double> wide = HF_TRY(to_doubles(HF_TRY(need_input(context, index))));
    if (wide.size() != 1 && static_cast<std::int64_t>(wide.size()) != positions) {
        return invalid_argument("input {} has {} scales for {} positions", index, wide.size(),
                                positions);
    }
    std::vector<float> scales;
    for (double scale : wide) scales.push_back(static_cast<float>(scale));
    return scales;
}

Result<Target> target_of(const OpContext& context, std::size_t scale, std::size_t zero) {
    Target target;
    target.scale = HF_TRY(scales_of(context, scale)).at(0);
    if (const Tensor* point = context.input(zero)) {
        const std::vector<std::int64_t> points = HF_TRY(to_int64s(*point));
        if (points.size() != 1)
            return invalid_argument("{} zero points of the output", points.size());
        target.zero = points[0];
        target.dtype = point->dtype();
    }
    return target;
}

Result<Tensor> store(const std::vector<float>& scaled, const Shape& shape, const Target& target) {
    Tensor out = HF_TRY(make_tensor(target.dtype, shape));
    HF_TRY(visit_real(target.dtype, [&](auto zero) -> Status {
        using T = decltype(zero);
        if constexpr (sizeof(T) > 2) {
            return invalid_argument("an output of type {}", dtype_name(target.dtype));
        } else {
            const double low = std::numeric_limits<T>::lowest();
            const double high = std::numeric_limits<T>::max();
            for (std::size_t i = 0; i < scaled.size(); ++i) {
                const double value =
                    double{std::nearbyint(scaled[i])} + static_cast<double>(target.zero);
                out.mutable_values<T>()[i] =
                    static_cast<T>(std::isnan(value) ? 0 : std::clamp(value, low, high));
            }
            return {};
        }
    }));
    return out;
}

Result<std::vector<float>> dequantized(const OpContext& context, std::size_t index) {
    const Tensor stored = HF_TRY(need_input(context, index));
    const float scale = HF_TRY(scales_of(context, index + 1)).at(0);
    const Tensor centered =
        HF_TRY(less_zero_point(stored, context.input(index + 2), stored.shape().rank()));
    std::vector<float> values;
    for (std::int64_t x : centered.values<std::int64_t>()) {
        values.push_back(static_cast<float>(x) * scale);
    }
    return values;
}

}  // namespace hf::runtime::ref
