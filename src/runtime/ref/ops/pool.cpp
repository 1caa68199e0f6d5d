// Pooling over windows and over whole planes.

#include <algorithm>
#include <cmath>
#include <limits>

#include "runtime/ref/ops/window.h"

namespace hf::runtime::ref {
namespace {

Shape pooled_shape(const Tensor& x, const Window& w) {
    std::vector<std::int64_t> extents{x.shape()[0], x.shape()[1]};
    extents.insert(extents.end(), w.out.begin(), w.out.end());
    return Shape(std::move(extents));
}

// Calls f(plane, output index, coordinates) for every output element.
template <typename F>
void for_outputs(const Tensor& x, const Window& w, F f) {
    for (std::int64_t plane = 0; plane < x.shape()[0] * x.shape()[1]; ++plane) {
        std::vector<std::int64_t> at(w.out.rank(), 0);
        std::int64_t index = 0;
        if (w.out.elements() == 0) return;
        do {
            f(plane, plane * w.out.elements() + index++, at);
        } while (next_coordinate(w.out, at));
    }
}

// The index that MaxPool reports: linear over the whole input, row- or column-major in the plane.
std::int64_t reported_index(const Window& w, std::int64_t plane, std::int64_t place, bool columns) {
    if (!columns) return plane * w.in.elements() + place;
    std::int64_t index = 0;
    std::int64_t scale = 1;
    std::vector<std::int64_t> at(w.in.rank());
    for (std::size_t i = w.in.rank(); i-- > 0;) {
        at[i] = place % w.in[i];
        place /= w.in[i];
    }
    for (std::size_t i = 0; i < at.size(); ++i) {
        index += at[i] * scale;
        scale *= w.in[i];
    }
    return plane * w.in.elements() + index;
}

Outputs max_pool(const OpContext& context) {
    const Tensor x = HF_TRY(need_input(context, 0));
    if (is_half(x.dtype())) return widen_halves(context, max_pool);
    const Window w =
        HF_TRY(make_window(context, x.shape(), context.node.ints_or("kernel_shape", {})));
    const bool columns = context.node.int_or("storage_order", 0) != 0;
    Tensor out = HF_TRY(make_tensor(x.dtype(), pooled_shape(x, w)));
    Tensor indices = HF_TRY(make_tensor(DType::kI64, out.shape()));
    HF_TRY(visit_real(x.dtype(), [&](auto zero) -> Status {
        using T = decltype(zero);
        const auto in = x.values<T>();
        for_outputs(x, w, [&](std::int64_t plane, std::int64_t index, const auto& at) {
            std::int64_t best = -1;
            const auto value = [&](std::int64_t place) {
                return in[static_cast<std::size_t>(plane * w.in.elements() + place)];
            };
            w.for_taps(at, [&](std::int64_t, std::int64_t place) {
                if (best < 0 || value(place) > value(best)) best = place;
            });
            if (best < 0) return;
            out.mutable_values<T>()[static_cast<std::size_t>(index)] = value(best);
            indices.mutable_values<std::int64_t>()[static_cast<std::size_t>(index)] =
                reported_index(w, plane, best, columns);
        });
        return {};
    }));
    std::vector<Tensor> outputs = one(std::move(out));
    outputs.push_back(std::move(indices));
    return outputs;
}

// How many taps lie inside the padded input: what count_include_pad divides by.
std::int64_t padded_taps(const Window& w, std::span<const std::int64_t> at) {
    std::int64_t count = 1;
    for (std::size_t i = 0; i < w.kernel.size(); ++i) {
        std::int64_t inside = 0;
        for (std::int64_t tap = 0; tap < w.kernel[i]; ++tap) {
            const std::int64_t x = at[i] * w.strides[i] + tap * w.dilations[i] - w.before[i];
            inside += x < w.in[i] + w.after[i];
        }
        count *= inside;
    }
    return count;
}

Outputs average_pool(const OpContext& context) {
    const Tensor x = HF_TRY(need_input(context, 0));
    if (is_half(x.dtype())) return widen_halves(context, average_pool);
    const Window w =
        HF_TRY(make_window(context, x.shape(), context.node.ints_or("kernel_shape", {})));
    const bool with_padding = context.node.int_or("count_include_pad", 0) != 0;
    const bool powers = context.node.op == "LpPool";
    const double p = static_cast<double>(context.node.int_or("p", 2));
    const Tensor wide = HF_TRY(cast_tensor(x, DType::kF64));
    Tensor out = HF_TRY(make_tensor(DType::kF64, pooled_shape(x, w)));
    for_outputs(x, w, [&](std::int64_t plane, std::int64_t index, const auto& at) {
        double sum = 0;
        std::int64_t count = 0;
        w.for_taps(at, [&](std::int64_t, std::int64_t place) {
            const double value =
                wide.values<double>()[static_cast<std::size_t>(plane * w.in.elements() + place)];
            sum += powers ? std::pow(std::abs(value), p) : value;
            ++count;
        });
        const std::int64_t divisor = with_padding ? padded_taps(w, at) : count;
        out.mutable_values<double>()[static_cast<std::size_t>(index)] =
            powers ? std::pow(sum, 1 / p)
                   : sum / static_cast<double>(std::max<std::int64_t>(divisor, 1));
    });
    return one(HF_TRY(cast_tensor(out, x.dtype())));
}

Outputs global_pool(const OpContext& context) {
    const Tensor x = HF_TRY(need_input(context, 0));
    if (x.shape().rank() < 3) return invalid_argument("want [N, C, spatial...]");
    const std::string& op = context.node.op;
    const double p = static_cast<double>(context.node.int_or("p", 2));
    std::vector<std::int64_t> extents(x.shape().rank(), 1);
    extents[0] = x.shape()[0];
    extents[1] = x.shape()[1];
    Tensor out = HF_TRY(make_tensor(DType::kF64, Shape(std::move(extents))));
    const std::vector<double> values = HF_TRY(to_doubles(x));
    const auto planes = static_cast<std::size_t>(out.elements());
    const std::size_t size = planes == 0 ? 0 : values.size() / planes;
    for (std::size_t plane = 0; plane < planes; ++plane) {
        double result = op == "GlobalMaxPool" ? -std::numeric_limits<double>::infinity() : 0;
        for (std::size_t i = plane * size; i < (plane + 1) * size; ++i) {
            if (op == "GlobalMaxPool") result = std::max(result, values[i]);
            if (op == "GlobalAveragePool") result += values[i] / static_cast<double>(size);
            if (op == "GlobalLpPool") result += std::pow(std::abs(values[i]), p);
        }
        out.mutable_values<double>()[plane] =
            op == "GlobalLpPool" ? std::pow(result, 1 / p) : result;
    }
    return one(HF_TRY(cast_tensor(out, x.dtype())));
}

// One region along one axis of an image.
struct Side {
    double start, end;
    std::int64_t bins, extent;
};
struct Bin {
    std::int64_t begin, end;
};

// The pixels of one of its bins, cut to the image.
Bin bin_of(const Side& side, std::int64_t at) {
    const double size = std::max(side.end - side.start + 1, 1.0) / static_cast<double>(side.bins);
    const double low = side.start + std::floor(static_cast<double>(at) * size);
    const double high = side.start + std::ceil(static_cast<double>(at + 1) * size);
    const auto cut = [&](double x) {
        const double last = static_cast<double>(side.extent);
        return static_cast<std::int64_t>(std::isnan(x) ? 0 : std::clamp(x, 0.0, last));
    };
    return {cut(low), cut(high)};
}

// Regions are a batch index and two corners, in pixels of an image `1 / spatial_scale` as large.
Outputs max_roi_pool(const OpContext& context) {
    const Tensor x = HF_TRY(need_input(context, 0)), rois = HF_TRY(need_input(context, 1));
    const std::vector<std::int64_t> bins = context.node.ints_or("pooled_shape", {});
    const double scale = double{context.node.float_or("spatial_scale", 1)};
    if (x.shape().rank() != 4 || rois.shape().rank() != 2 || rois.shape()[1] != 5 ||
        bins.size() != 2 || bins[0] < 1 || bins[1] < 1) {
        return invalid_argument("input {} does not fit regions {} of {} bins",
                                x.shape().to_string(), rois.shape().to_string(), bins.size());
    }
    const std::int64_t channels = x.shape()[1], height = x.shape()[2], width = x.shape()[3];
    Tensor out = HF_TRY(make_tensor(DType::kF64, {rois.shape()[0], channels, bins[0], bins[1]}));
    const std::vector<double> image = HF_TRY(to_doubles(x)), corners = HF_TRY(to_doubles(rois));
    std::vector<std::int64_t> at(4, 0);
    for (double& value : out.mutable_values<double>()) {
        const double* roi = corners.data() + at[0] * 5;
        if (!(roi[0] >= 0 && roi[0] < static_cast<double>(x.shape()[0]))) {
            return invalid_argument("batch index {} of {}", roi[0], x.shape()[0]);
        }
        const auto corner = [&](int i) { return std::round(roi[i] * scale); };
        const Bin column = bin_of({corner(1), corner(3), bins[1], width}, at[3]);
        const Bin row = bin_of({corner(2), corner(4), bins[0], height}, at[2]);
        const std::int64_t plane = static_cast<std::int64_t>(roi[0]) * channels + at[1];
        bool empty = true;
        for (std::int64_t i = row.begin; i < row.end; ++i) {
            for (std::int64_t j = column.begin; j < column.end; ++j) {
                const double pixel =
                    image[static_cast<std::size_t>((plane * height + i) * width + j)];
                value = empty ? pixel : std::max(value, pixel);
                empty = false;
            }
        }
        next_coordinate(out.shape(), at);
    }
    return one(HF_TRY(cast_tensor(out, x.dtype())));
}

}  // namespace

std::vector<OpRow> pool_rows() {
    return {{"", "MaxRoiPool", max_roi_pool},       {"", "MaxPool", max_pool},
            {"", "AveragePool", average_pool},      {"", "LpPool", average_pool},
            {"", "GlobalAveragePool", global_pool}, {"", "GlobalMaxPool", global_pool},
            {"", "GlobalLpPool", global_pool}};
}

}  // namespace hf::runtime::ref
