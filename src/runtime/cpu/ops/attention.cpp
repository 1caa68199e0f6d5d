// hf.Attention.

#include "runtime/cpu/steps/attention.h"

#include "runtime/cpu/ops/families.h"

namespace hf::runtime::cpu {
namespace {

Drafts draft_attention(const NodeView& view) {
    HF_TRY(need_f32(view));
    const Shape& q = view.shape(0);
    const Shape& k = view.shape(1);
    if (q.elements() == 0 || k.elements() == 0) return unimplemented("there are no rows");
    const auto extent = [](std::int64_t n) { return static_cast<std::size_t>(n); };
    const AttentionExtents e{extent(q[0]), extent(q[1]), extent(k[1]), extent(q[2]), extent(q[3])};
    Draft draft;
    draft.kernel = "simd.attention_f32";
    for (std::size_t i = 0; i < 3; ++i) {
        draft.inputs.push_back(DraftInput::of(view.node.inputs[i]));
    }
    draft.inputs.push_back(view.has_input(3) ? DraftInput::of(view.node.inputs[3])
                                             : DraftInput::omitted());
    draft.outputs = {view.node.outputs[0]};
    draft.ints = {q[0], q[1], k[1], q[2], q[3], 0, 0, 0};
    if (view.has_input(3)) {
        const Shape& mask = view.shape(3);
        for (std::size_t i = 0; i < 3; ++i) draft.ints[5 + i] = mask[i] > 1 ? 1 : 0;
    }
    draft.floats = {view.node.float_or("scale", 1)};
    draft.scratch_bytes = attention_scratch(e) * sizeof(float);
    draft.macs = static_cast<std::uint64_t>(2 * q.elements() * k[1]);
    return alone(std::move(draft));
}

}  // namespace

std::vector<LoweringRow> attention_lowerings() {
    return {{"hf", "Attention", {{"simd.attention_f32", draft_attention}}}};
}

}  // namespace hf::runtime::cpu
