#include "runtime/cpu/ops/walk.h"

namespace hf::runtime::cpu {
namespace {

// The side's shape with leading ones, and the split of the result at `axis` into outer and inner.
std::optional<Walk> walk_of(const Shape& side, const Shape& out, std::size_t axis) {
    bool outer_full = true, outer_one = true, inner_full = true, inner_one = true;
    if (side.rank() > out.rank()) return std::nullopt;
    for (std::size_t i = 0; i < out.rank(); ++i) {
        const std::size_t lead = out.rank() - side.rank();
        const std::int64_t extent = i < lead ? 1 : side[i - lead];
        bool& full = i < axis ? outer_full : inner_full;
        bool& one = i < axis ? outer_one : inner_one;
        if (extent != out[i]) full = false;
        if (extent != 1) one = false;
    }
    if (!(outer_full || outer_one) || !(inner_full || inner_one)) return std::nullopt;
    return Walk{outer_full ? 1 : 0, inner_full ? 1 : 0};
}

}  // namespace

Result<Walks> walks_of(const NodeView& view, std::size_t operands) {
    const Shape& out = view.out_shape();
    if (out.elements() == 0) return unimplemented("the output is empty");
    Walks walks{1, out.elements(), {}};
    for (std::size_t axis = 0; axis <= out.rank(); ++axis) {
        walks.operands.clear();
        for (std::size_t i = 0; i < operands; ++i) {
            const std::optional<Walk> walk = walk_of(view.shape(i), out, axis);
            if (walk) walks.operands.push_back(*walk);
        }
        if (walks.operands.size() == operands) return walks;
        if (axis == out.rank()) break;
        walks.outer *= out[axis];
        walks.inner /= out[axis];
    }
    return unimplemented("{} and {} are broadcast on more than one side", view.shape(0).to_string(),
                         view.shape(1).to_string());
}

}  // namespace hf::runtime::cpu
