// Operators that move elements by a rule on coordinates: Transpose, Concat, Split, Slice, Pad and
// kin.

#include <algorithm>
#include <numeric>

#include "runtime/ref/ops/common.h"

namespace hf::runtime::ref {
namespace {

Outputs transpose(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    const std::size_t rank = input.shape().rank();
    std::vector<std::int64_t> order = context.node.ints_or("perm", {});
    if (order.empty()) {
        order.resize(rank);
        std::iota(order.rbegin(), order.rend(), 0);
    }
    std::vector<std::int64_t> sorted = order;
    std::sort(sorted.begin(), sorted.end());
    for (std::size_t i = 0; i < sorted.size(); ++i) {
        if (sorted.size() != rank || sorted[i] != static_cast<std::int64_t>(i)) {
            return invalid_argument("perm is no permutation of {} axes", rank);
        }
    }
    const std::vector<std::int64_t> strides = input.shape().strides();
    Shape shape = input.shape();
    std::vector<std::int64_t> steps(rank);
    for (std::size_t i = 0; i < rank; ++i) {
        shape[i] = input.shape()[static_cast<std::size_t>(order[i])];
        steps[i] = strides[static_cast<std::size_t>(order[i])];
    }
    return one(HF_TRY(move_elements(input, shape, [&](auto at) { return dot(at, steps); })));
}

Outputs concat(const OpContext& context) {
    for (std::size_t i = 0; i < context.inputs.size(); ++i) HF_TRY(need_input(context, i));
    return one(HF_TRY(concatenate(context.inputs, context.node.int_or("axis", 1))));
}

Outputs split(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    const std::size_t axis =
        HF_TRY(normalize_axis(context.node.int_or("axis", 0), input.shape().rank()));
    std::vector<std::int64_t> lengths = HF_TRY(ints_from(context, "split", 1));
    const std::int64_t extent = input.shape()[axis];
    if (lengths.empty()) {
        const auto parts = static_cast<std::int64_t>(context.node.outputs.size());
        const std::int64_t each = (extent + parts - 1) / std::max<std::int64_t>(parts, 1);
        for (std::int64_t i = 0; i < parts; ++i) {
            lengths.push_back(std::clamp<std::int64_t>(extent - i * each, 0, each));
        }
    }
    const bool negative = std::any_of(lengths.begin(), lengths.end(), [](auto n) { return n < 0; });
    if (negative || std::accumulate(lengths.begin(), lengths.end(), std::int64_t{0}) != extent) {
        return invalid_argument("the parts do not add up to extent {}", extent);
    }
    std::vector<Tensor> outputs;
    std::int64_t start = 0;
    for (std::int64_t length : lengths) {
        outputs.push_back(HF_TRY(slice_of(input, axis, start, length)));
        start += length;
    }
    return outputs;
}

Outputs slice(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    const std::vector<std::int64_t> starts = HF_TRY(ints_from(context, "starts", 1));
    const std::vector<std::int64_t> ends = HF_TRY(ints_from(context, "ends", 2));
    std::vector<std::int64_t> axes = HF_TRY(ints_from(context, "axes", 3));
    std::vector<std::int64_t> steps = HF_TRY(ints_from(context, "steps", 4));
    if (axes.empty()) {
        axes.resize(starts.size());
        std::iota(axes.begin(), axes.end(), 0);
    }
    if (steps.empty()) steps.assign(starts.size(), 1);
    if (ends.size() != starts.size() || axes.size() != starts.size() ||
        steps.size() != starts.size()) {
        return invalid_argument("starts, ends, axes and steps differ in length");
    }
    Shape shape = input.shape();
    std::vector<std::int64_t> strides = input.shape().strides();
    std::vector<bool> seen(shape.rank(), false);
    std::int64_t base = 0;
    for (std::size_t i = 0; i < axes.size(); ++i) {
        const std::size_t axis = HF_TRY(normalize_axis(axes[i], shape.rank()));
        const std::int64_t extent = input.shape()[axis];
        if (steps[i] == 0) return invalid_argument("step 0 at axis {}", axes[i]);
        if (seen[axis]) return invalid_argument("axis {} is sliced twice", axis);
        seen[axis] = true;
        // No step is longer than the axis, whatever the file says.
        const std::int64_t longest = std::max<std::int64_t>(extent, 1);
        const std::int64_t step = std::clamp(steps[i], -longest, longest);
        const std::int64_t low = step > 0 ? 0 : -1;
        const std::int64_t high = step > 0 ? extent : extent - 1;
        const auto bound = [&](std::int64_t at) {
            return std::clamp(at < 0 ? std::max(at, -extent - 1) + extent : at, low, high);
        };
        const std::int64_t start =
            std::clamp(bound(starts[i]), std::int64_t{0}, high < 0 ? 0 : high);
        const std::int64_t end = bound(ends[i]);
        const std::int64_t length =
            step > 0 ? (end - start + step - 1) / step : (start - end + -step - 1) / -step;
        base += start * strides[axis];
        shape[axis] = extent == 0 ? 0 : std::max<std::int64_t>(length, 0);
        strides[axis] *= step;
    }
    return one(
        HF_TRY(move_elements(input, shape, [&](auto at) { return base + dot(at, strides); })));
}

Outputs expand(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    const Shape wanted(HF_TRY(to_int64s(HF_TRY(need_input(context, 1)))));
    HF_TRY(wanted.check());
    return one(HF_TRY(expand_to(input, HF_TRY(broadcast(input.shape(), wanted)))));
}

// The one integer of an input.
Result<std::int64_t> only_int(const OpContext& context, std::size_t index) {
    const std::vector<std::int64_t> values = HF_TRY(to_int64s(HF_TRY(need_input(context, index))));
    if (values.size() == 1) return values[0];
    return invalid_argument("input {} must be one integer", index);
}

Outputs tile(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    std::vector<std::int64_t> repeats = HF_TRY(to_int64s(HF_TRY(need_input(context, 1))));
    if (context.node.opset < 6 && context.input(2)) {
        const std::int64_t axis = HF_TRY(only_int(context, 2));
        const std::int64_t count = repeats.empty() ? 1 : repeats[0];
        repeats.assign(input.shape().rank(), 1);
        repeats[HF_TRY(normalize_axis(axis, repeats.size()))] = count;
    }
    if (repeats.size() != input.shape().rank())
        return invalid_argument("want a repeat for each axis");
    Shape shape = input.shape();
    for (std::size_t i = 0; i < repeats.size(); ++i) {
        if (repeats[i] < 0 ||
            repeats[i] > Shape::kMaxElements / std::max<std::int64_t>(shape[i], 1)) {
            return resource_exhausted("{} repeats at axis {}", repeats[i], i);
        }
        shape[i] *= repeats[i];
    }
    const std::vector<std::int64_t> strides = input.shape().strides();
    return one(HF_TRY(move_elements(input, shape, [&](auto at) {
        std::int64_t from = 0;
        for (std::size_t i = 0; i < at.size(); ++i) from += at[i] % input.shape()[i] * strides[i];
        return from;
    })));
}

// Where a padded coordinate comes from; -1: the constant.
std::int64_t pad_source(std::int64_t at, std::int64_t extent, const std::string& mode) {
    if (at >= 0 && at < extent) return at;
    if (mode == "edge") return at < 0 ? 0 : extent - 1;
    if (mode == "wrap") return (at % extent + extent) % extent;
    if (mode == "reflect" && extent > 1) {
        const std::int64_t period = 2 * (extent - 1);
        const std::int64_t folded = (at % period + period) % period;
        return folded < extent ? folded : period - folded;
    }
    return mode == "reflect" ? 0 : -1;
}

Outputs pad(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    const std::size_t rank = input.shape().rank();
    const std::string_view old_name = context.node.opset < 2 ? "paddings" : "pads";
    std::vector<std::int64_t> pads = HF_TRY(ints_from(context, old_name, 1));
    std::vector<std::int64_t> axes;
    if (const Tensor* given = context.input(3)) axes = HF_TRY(to_int64s(*given));
    if (axes.empty()) {
        axes.resize(rank);
        std::iota(axes.begin(), axes.end(), 0);
    }
    if (pads.size() != 2 * axes.size()) return invalid_argument("want two pads an axis");
    const std::string mode = context.node.string_or("mode", "constant");
    std::vector<std::int64_t> before(rank, 0);
    Shape shape = input.shape();
    for (std::size_t i = 0; i < axes.size(); ++i) {
        const std::size_t axis = HF_TRY(normalize_axis(axes[i], rank));
        before[axis] = pads[i];
        shape[axis] += pads[i] + pads[i + axes.size()];
    }
    const std::vector<std::int64_t> strides = input.shape().strides();
    std::vector<std::size_t> holes;
    std::size_t index = 0;
    Tensor out = HF_TRY(move_elements(input, shape, [&](auto at) {
        std::int64_t from = 0;
        for (std::size_t i = 0; i < rank; ++i) {
            const std::int64_t source = pad_source(at[i] - before[i], input.shape()[i], mode);
            from = source < 0 || from < 0 ? -1 : from + source * strides[i];
        }
        if (from < 0) holes.push_back(index);
        ++index;
        return from;
    }));
    Tensor fill(DType::kF32, {1});
    fill.mutable_values<float>()[0] = context.node.float_or("value", 0);
    const Tensor value =
        context.input(2) && context.input(2)->elements() == 1 ? *context.input(2) : fill;
    const Tensor typed = HF_TRY(cast_tensor(value, input.dtype()));
    const std::size_t size = dtype_size(input.dtype());
    for (std::size_t hole : holes) {
        if (size == 0) continue;
        std::memcpy(out.mutable_bytes().data() + hole * size, typed.bytes().data(), size);
    }
    return one(std::move(out));
}

Outputs depth_to_space(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    const std::int64_t block = context.node.int_or("blocksize", 0);
    const Shape& s = input.shape();
    if (s.rank() != 4 || block < 1) return invalid_argument("want rank 4 and a blocksize");
    const bool to_space = context.node.op == "DepthToSpace";
    const bool depth_first = to_space && context.node.string_or("mode", "DCR") == "DCR";
    const bool fits =
        to_space ? s[1] % (block * block) == 0 : s[2] % block == 0 && s[3] % block == 0;
    if (!fits) return invalid_argument("shape {} does not divide by {}", s.to_string(), block);
    const Shape shape = to_space ? Shape{s[0], s[1] / (block * block), s[2] * block, s[3] * block}
                                 : Shape{s[0], s[1] * block * block, s[2] / block, s[3] / block};
    const std::vector<std::int64_t> strides = s.strides();
    return one(HF_TRY(move_elements(input, shape, [&](auto at) {
        std::int64_t c, y, x;
        if (to_space) {
            const std::int64_t phase = at[2] % block * block + at[3] % block;
            c = depth_first ? phase * shape[1] + at[1] : at[1] * block * block + phase;
            y = at[2] / block;
            x = at[3] / block;
        } else {
            const std::int64_t phase = at[1] / s[1];
            c = at[1] % s[1];
            y = at[2] * block + phase / block;
            x = at[3] * block + phase % block;
        }
        return at[0] * strides[0] + c * strides[1] + y * strides[2] + x * strides[3];
    })));
}

Outputs triangle(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    const bool upper = context.node.int_or("upper", 1) != 0;
    const std::int64_t k = context.input(1) ? HF_TRY(only_int(context, 1)) : 0;
    const std::size_t rank = input.shape().rank();
    if (rank < 2) return invalid_argument("want at least two axes");
    const std::vector<std::int64_t> strides = input.shape().strides();
    return one(HF_TRY(move_elements(input, input.shape(), [&](auto at) {
        const std::int64_t diagonal = at[rank - 1] - at[rank - 2];
        return (upper ? diagonal >= k : diagonal <= k) ? dot(at, strides) : std::int64_t{-1};
    })));
}

Outputs reverse_sequence(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    const std::vector<std::int64_t> lengths = HF_TRY(to_int64s(HF_TRY(need_input(context, 1))));
    const auto batch = static_cast<std::size_t>(context.node.int_or("batch_axis", 1));
    const auto time = static_cast<std::size_t>(context.node.int_or("time_axis", 0));
    if (batch > 1 || time > 1 || batch == time || input.shape().rank() < 2 ||
        lengths.size() != static_cast<std::size_t>(input.shape()[batch])) {
        return invalid_argument("want batch and time as the first two axes, and a length for each");
    }
    for (std::int64_t length : lengths) {
        if (length < 1 || length > input.shape()[time])
            return invalid_argument("length {}", length);
    }
    const std::vector<std::int64_t> strides = input.shape().strides();
    return one(HF_TRY(move_elements(input, input.shape(), [&](auto at) {
        const std::int64_t length = lengths[static_cast<std::size_t>(at[batch])];
        const std::int64_t from = at[time] < length ? length - 1 - at[time] : at[time];
        return dot(at, strides) + (from - at[time]) * strides[time];
    })));
}

}  // namespace

std::vector<OpRow> move_rows() {
    return {{"", "Transpose", transpose},
            {"", "Concat", concat},
            {"", "Split", split},
            {"", "Slice", slice},
            {"", "Expand", expand},
            {"", "Tile", tile},
            {"", "Pad", pad},
            {"", "DepthToSpace", depth_to_space},
            {"", "SpaceToDepth", depth_to_space},
            {"", "Trilu", triangle},
            {"", "ReverseSequence", reverse_sequence}};
}

}  // namespace hf::runtime::ref
