// Integers, bools, comparisons, choices and conversions.

#include <map>

#include "kernels/pointwise.h"
#include "runtime/cpu/ops/families.h"
#include "runtime/cpu/ops/walk.h"

namespace hf::runtime::cpu {
namespace {

using kernels::Pointwise;

Draft walked(std::string_view kernel, const NodeView& view, const Walks& walks) {
    Draft draft;
    draft.kernel = kernel;
    for (std::size_t i = 0; i < walks.operands.size(); ++i) {
        draft.inputs.push_back(view.operand(i));
    }
    draft.outputs = {view.node.outputs[0]};
    draft.ints = {walks.outer, walks.inner};
    for (const Walk& walk : walks.operands) {
        draft.ints.insert(draft.ints.end(), {walk.outer, walk.inner});
    }
    return draft;
}

Drafts draft_not(const NodeView& view) {
    if (view.out_shape().elements() == 0) return unimplemented("the output is empty");
    Walks walks{1, view.out_shape().elements(), {{1, 1}}};
    Draft draft = walked("scalar.pointwise", view, walks);
    draft.inputs.push_back(DraftInput::of(Tensor(DType::kBool, Shape{1})));
    draft.ints.insert(draft.ints.begin(), static_cast<std::int64_t>(Pointwise::kEqual));
    draft.ints.insert(draft.ints.end(), {0, 0});
    return alone(std::move(draft));
}

Drafts draft_where(const NodeView& view) {
    return std::vector<Draft>{walked("scalar.select", view, HF_TRY(walks_of(view, 3)))};
}

Drafts draft_cast(const NodeView& view) {
    Draft draft;
    const bool same = *view.input(0).dtype == *view.output().dtype;
    if (view.shape(0) != view.out_shape()) return unimplemented("the shape changes");
    draft.kernel = same ? "move.copy" : "scalar.cast";
    draft.alias = same;
    draft.inputs = {view.operand(0)};
    draft.outputs = {view.node.outputs[0]};
    return alone(std::move(draft));
}

}  // namespace

Drafts draft_pointwise(const NodeView& view) {
    static const std::map<std::string, Pointwise, std::less<>> functions{
        {"Add", Pointwise::kAdd},
        {"Sub", Pointwise::kSubtract},
        {"Mul", Pointwise::kMultiply},
        {"Max", Pointwise::kMax},
        {"Min", Pointwise::kMin},
        {"And", Pointwise::kAnd},
        {"Or", Pointwise::kOr},
        {"Xor", Pointwise::kXor},
        {"Equal", Pointwise::kEqual},
        {"Less", Pointwise::kLess},
        {"Greater", Pointwise::kGreater},
        {"LessOrEqual", Pointwise::kLessEqual},
        {"GreaterOrEqual", Pointwise::kGreaterEqual}};
    if (view.node.has("broadcast") || view.node.has("axis")) {
        return unimplemented("the old kind of broadcast");
    }
    const auto found = functions.find(view.node.op);
    if (found == functions.end() || view.node.inputs.size() != 2) {
        return unimplemented("it has not two inputs");
    }
    Draft draft = walked("scalar.pointwise", view, HF_TRY(walks_of(view, 2)));
    draft.ints.insert(draft.ints.begin(), static_cast<std::int64_t>(found->second));
    return alone(std::move(draft));
}

std::vector<LoweringRow> scalar_lowerings() {
    std::vector<LoweringRow> rows;
    for (std::string_view op :
         {"And", "Or", "Xor", "Equal", "Less", "Greater", "LessOrEqual", "GreaterOrEqual"}) {
        rows.push_back({"", op, {{"scalar.pointwise", draft_pointwise}}});
    }
    rows.push_back({"", "Not", {{"scalar.pointwise", draft_not}}});
    rows.push_back({"", "Where", {{"scalar.select", draft_where}}});
    rows.push_back({"", "Cast", {{"scalar.cast", draft_cast}}});
    return rows;
}

}  // namespace hf::runtime::cpu
