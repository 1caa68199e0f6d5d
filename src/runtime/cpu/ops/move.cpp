// Operators that pick elements by place or index: Gather, Slice, Split, Expand, Pad.

#include <algorithm>
#include <numeric>

#include "runtime/cpu/ops/families.h"
#include "runtime/ref/ops/common.h"

namespace hf::runtime::cpu {
namespace {

Draft strided(const NodeView& view, std::size_t output, std::int64_t offset,
              const std::vector<std::int64_t>& steps) {
    Draft draft;
    draft.kernel = "move.strided";
    draft.inputs = {view.operand(0)};
    draft.outputs = {view.node.outputs[output]};
    draft.ints = {offset};
    draft.ints.insert(draft.ints.end(), steps.begin(), steps.end());
    return draft;
}

// A list of integers of Slice, Split or Pad: an attribute once, an input since. Empty where
// omitted.
Result<std::vector<std::int64_t>> list_of(const NodeView& view, std::size_t index,
                                          std::string_view attribute) {
    if (!view.has_input(index)) return view.node.ints_or(attribute, {});
    const Tensor* constant = view.constant(index);
    if (!constant) return unimplemented("{} are computed", attribute);
    return ref::to_int64s(*constant);
}

Drafts draft_slice(const NodeView& view) {
    const std::vector<std::int64_t> starts = HF_TRY(list_of(view, 1, "starts"));
    std::vector<std::int64_t> axes = HF_TRY(list_of(view, 3, "axes"));
    std::vector<std::int64_t> steps = HF_TRY(list_of(view, 4, "steps"));
    const Shape& in = view.shape(0);
    if (axes.empty()) {
        axes.resize(starts.size());
        std::iota(axes.begin(), axes.end(), 0);
    }
    if (steps.empty()) steps.assign(starts.size(), 1);
    if (axes.size() != starts.size() || steps.size() != starts.size()) {
        return unimplemented("starts, axes and steps differ in length");
    }
    if (view.out_shape().elements() == 0) return unimplemented("the output is empty");
    std::vector<std::int64_t> strides = in.strides();
    std::vector<bool> seen(in.rank(), false);
    std::int64_t offset = 0;
    for (std::size_t i = 0; i < axes.size(); ++i) {
        const std::size_t axis = HF_TRY(normalize_axis(axes[i], in.rank()));
        const std::int64_t extent = in[axis];
        if (seen[axis] || steps[i] == 0) return unimplemented("axis {} twice, or step 0", axis);
        seen[axis] = true;
        // What an output has one of needs no step, however long the file says it is.
        const std::int64_t step = std::clamp(steps[i], -extent, extent);
        const std::int64_t from = starts[i] < 0 ? std::max(starts[i], -extent) + extent : starts[i];
        offset += std::clamp(from, std::int64_t{0}, extent - 1) * strides[axis];
        strides[axis] *= view.out_shape()[axis] > 1 ? step : 0;
    }
    return std::vector<Draft>{strided(view, 0, offset, strides)};
}

// One operation a part that is wanted.
Drafts draft_split(const NodeView& view) {
    const Shape& in = view.shape(0);
    const std::size_t axis = HF_TRY(normalize_axis(view.node.int_or("axis", 0), in.rank()));
    const std::vector<std::int64_t> strides = in.strides();
    std::vector<Draft> drafts;
    const std::vector<std::int64_t> lengths = HF_TRY(list_of(view, 1, "split"));
    const auto parts = static_cast<std::int64_t>(view.node.outputs.size());
    const std::int64_t each = (in[axis] + parts - 1) / std::max<std::int64_t>(parts, 1);
    if (!lengths.empty() && static_cast<std::int64_t>(lengths.size()) != parts) {
        return unimplemented("{} lengths for {} parts", lengths.size(), parts);
    }
    std::int64_t at = 0;
    for (std::size_t i = 0; i < view.node.outputs.size(); ++i) {
        const std::int64_t length =
            lengths.empty() ? std::clamp<std::int64_t>(in[axis] - at, 0, each) : lengths[i];
        if (length < 0 || length > in[axis] - at) return invalid_argument("part {} is too long", i);
        const graph::ValueId id = view.node.outputs[i];
        if (id != graph::kNoValue) {
            Shape want = in;
            want[axis] = length;
            const graph::Value& part = view.graph.value(id);
            if (!part.shape || *part.shape != want) return unimplemented("part {} is odd", i);
            drafts.push_back(
                strided(view, i, want.elements() == 0 ? 0 : at * strides[axis], strides));
        }
        at += length;
    }
    if (at != in[axis] || drafts.empty()) return unimplemented("the parts do not add up");
    return drafts;
}

Drafts draft_expand(const NodeView& view) {
    const Shape& in = view.shape(0);
    const Shape& out = view.out_shape();
    if (in.rank() > out.rank()) return unimplemented("the rank falls");
    const std::size_t lead = out.rank() - in.rank();
    const std::vector<std::int64_t> strides = in.strides();
    std::vector<std::int64_t> steps(out.rank(), 0);
    for (std::size_t i = lead; i < out.rank(); ++i) {
        if (in[i - lead] != 1 && in[i - lead] != out[i]) {
            return invalid_argument("{} does not become {}", in.to_string(), out.to_string());
        }
        steps[i] = in[i - lead] == 1 ? 0 : strides[i - lead];
    }
    return std::vector<Draft>{strided(view, 0, 0, steps)};
}

Drafts draft_pad(const NodeView& view) {
    if (view.node.string_or("mode", "constant") != "constant") {
        return unimplemented("the padding is no constant");
    }
    if (view.node.opset < 2) return unimplemented("opset 1");
    const Shape& in = view.shape(0);
    const std::vector<std::int64_t> pads = HF_TRY(list_of(view, 1, "pads"));
    if (view.has_input(3)) return unimplemented("its axes are listed");
    if (pads.size() != 2 * in.rank()) return invalid_argument("{} pads", pads.size());
    if (std::any_of(pads.begin(), pads.end(), [](auto pad) { return pad < 0; })) {
        return unimplemented("it cuts off");
    }
    Draft draft;
    draft.kernel = "move.pad";
    draft.inputs = {view.operand(0)};
    draft.outputs = {view.node.outputs[0]};
    draft.ints.assign(pads.begin(), pads.begin() + static_cast<std::ptrdiff_t>(in.rank()));
    if (view.has_input(2) && view.shape(2).elements() == 1) {
        draft.inputs.push_back(view.operand(2));
    } else {
        Tensor value(DType::kF32, Shape{1});
        value.mutable_values<float>()[0] = view.node.float_or("value", 0);
        draft.inputs.push_back(
            DraftInput::of(HF_TRY(ref::cast_tensor(value, *view.input(0).dtype))));
    }
    return alone(std::move(draft));
}

Drafts draft_gather(const NodeView& view) {
    const std::size_t axis =
        HF_TRY(normalize_axis(view.node.int_or("axis", 0), view.shape(0).rank()));
    Draft draft;
    draft.kernel = "move.gather";
    draft.inputs = {view.operand(0), view.operand(1)};
    draft.outputs = {view.node.outputs[0]};
    draft.ints = {static_cast<std::int64_t>(axis)};
    return alone(std::move(draft));
}

}  // namespace

std::vector<LoweringRow> move_lowerings() {
    return {{"", "Slice", {{"move.strided", draft_slice}}},
            {"", "Split", {{"move.strided", draft_split}}},
            {"", "Expand", {{"move.strided", draft_expand}}},
            {"", "Pad", {{"move.pad", draft_pad}}},
            {"", "Gather", {{"move.gather", draft_gather}}}};
}

}  // namespace hf::runtime::cpu
