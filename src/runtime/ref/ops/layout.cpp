// Operators that put blocks or middles of images in place: Col2Im and CenterCropPad.

#include "runtime/ref/ops/window.h"

namespace hf::runtime::ref {
namespace {

// Adds the columns [N, C * block, positions] up where their windows overlap.
Outputs col_to_image(const OpContext& context) {
    const Tensor columns = HF_TRY(need_input(context, 0));
    const std::vector<std::int64_t> image = HF_TRY(to_int64s(HF_TRY(need_input(context, 1))));
    const std::vector<std::int64_t> block = HF_TRY(to_int64s(HF_TRY(need_input(context, 2))));
    if (columns.shape().rank() != 3) return invalid_argument("want [N, C, positions]");
    std::vector<std::int64_t> extents{columns.shape()[0], 1};
    extents.insert(extents.end(), image.begin(), image.end());
    HF_TRY(Shape(extents).check());
    const Window w = HF_TRY(make_window(context, Shape(extents), block));
    HF_TRY(Shape(block).check());
    HF_TRY(w.out.check());
    const std::int64_t taps = Shape(block).elements(), positions = w.out.elements();
    if (columns.shape()[1] % taps != 0 || columns.shape()[2] != positions) {
        return invalid_argument("columns {} do not fit {} taps at {} positions",
                                columns.shape().to_string(), taps, positions);
    }
    const std::int64_t channels = columns.shape()[1] / taps, pixels = w.in.elements();
    extents[1] = channels;
    Tensor out = HF_TRY(make_tensor(DType::kF64, Shape(extents)));
    if (out.elements() == 0) return one(HF_TRY(cast_tensor(out, columns.dtype())));
    const std::vector<double> values = HF_TRY(to_doubles(columns));
    const auto to = out.mutable_values<double>();
    for (std::int64_t plane = 0; plane < columns.shape()[0] * channels; ++plane) {
        std::vector<std::int64_t> at(w.out.rank(), 0);
        std::int64_t position = 0;
        do {
            w.for_taps(at, [&](std::int64_t tap, std::int64_t place) {
                to[static_cast<std::size_t>(plane * pixels + place)] +=
                    values[static_cast<std::size_t>((plane * taps + tap) * positions + position)];
            });
            ++position;
        } while (next_coordinate(w.out, at));
    }
    return one(HF_TRY(cast_tensor(out, columns.dtype())));
}

// Cuts off, or fills up with zeros, on both sides.
Outputs center_crop_pad(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    const std::vector<std::int64_t> wanted = HF_TRY(to_int64s(HF_TRY(need_input(context, 1))));
    const std::size_t rank = input.shape().rank();
    std::vector<std::int64_t> axes = context.node.ints_or("axes", {});
    for (std::size_t i = 0; i < rank && !context.node.has("axes"); ++i) {
        axes.push_back(static_cast<std::int64_t>(i));
    }
    if (axes.size() != wanted.size()) {
        return invalid_argument("{} extents for {} axes", wanted.size(), axes.size());
    }
    Shape shape = input.shape();
    std::vector<std::int64_t> shifts(rank, 0);
    for (std::size_t i = 0; i < axes.size(); ++i) {
        const std::size_t axis = HF_TRY(normalize_axis(axes[i], rank));
        const std::int64_t from = input.shape()[axis];
        shape[axis] = wanted[i];
        shifts[axis] = wanted[i] < from ? (from - wanted[i]) / 2 : -((wanted[i] - from) / 2);
    }
    const std::vector<std::int64_t> strides = input.shape().strides();
    return one(HF_TRY(move_elements(input, shape, [&](auto at) {
        std::int64_t from = 0;
        for (std::size_t i = 0; i < at.size(); ++i) {
            const std::int64_t x = at[i] + shifts[i];
            if (x < 0 || x >= input.shape()[i]) return std::int64_t{-1};
            from += x * strides[i];
        }
        return from;
    })));
}

}  // namespace

std::vector<OpRow> layout_rows() {
    return {{"", "Col2Im", col_to_image}, {"", "CenterCropPad", center_crop_pad}};
}

}  // namespace hf::runtime::ref
