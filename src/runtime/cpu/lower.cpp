#include "runtime/cpu/lower.h"

#include <algorithm>
#include <set>

#include "base/text.h"
#include "runtime/cpu/ops/families.h"
#include "runtime/cpu/steps/library.h"
#include "runtime/ref/op.h"

namespace hf::runtime::cpu {
namespace {

const LoweringRow* find_row(const graph::Node& node) {
    for (const LoweringRow& row : lowering_rows()) {
        if (row.domain == node.domain && row.op == node.op) return &row;
    }
    return nullptr;
}

Operand trial_operand(const graph::Value& value) {
    return {Place::kArena, *value.dtype, *value.shape, 0};
}

// Asks the kernel itself whether it takes the draft: its own checks are the only ones. The library
// says how much scratch it wants.
Status try_draft(const NodeView& view, Draft& draft) {
    if (draft.alias) return {};
    Operation operation;
    operation.kernel = find_kernel(draft.kernel);
    HF_CHECK(operation.kernel, "kernel {}", draft.kernel);
    for (const DraftInput& input : draft.inputs) {
        Operand operand;
        if (input.value != graph::kNoValue) operand = trial_operand(view.graph.value(input.value));
        if (!input.weights.is_null()) {
            operand = {Place::kWeights, input.weights.dtype(), input.weights.shape(), 0};
        }
        operation.inputs.push_back(std::move(operand));
    }
    for (graph::ValueId id : draft.outputs) {
        operation.outputs.push_back(id == graph::kNoValue ? Operand()
                                                          : trial_operand(view.graph.value(id)));
    }
    if (draft.scratch_bytes > 0) {
        operation.scratch = {Place::kArena, DType::kU8,
                             Shape{static_cast<std::int64_t>(draft.scratch_bytes)}, 0};
    }
    operation.ints = draft.ints;
    operation.floats = draft.floats;
    operation.reference = draft.reference;
    HF_TRY(operation.kernel->make(operation));
    if (!operation.kernel->by_library) return {};
    const onednn::Choice choice = HF_TRY(operation.kernel->by_library(operation));
    draft.scratch_bytes = std::max(draft.scratch_bytes, choice.scratch_bytes());
    return {};
}

Drafts attempt(const NodeView& view, const Implementation& implementation) {
    std::vector<Draft> drafts = HF_TRY(implementation.draft(view));
    for (Draft& draft : drafts) HF_TRY(try_draft(view, draft));
    return drafts;
}

// A graph of the one node and its values, without constants: those are weights of the plan.
std::shared_ptr<const graph::Graph> node_alone(const NodeView& view) {
    graph::Graph alone;
    graph::Node node = view.node;
    const auto keep = [&](graph::ValueId& id) {
        if (id == graph::kNoValue) return;
        graph::Value value = view.graph.value(id);
        value.constant.reset();
        id = alone.add_value(std::move(value));
    };
    for (graph::ValueId& id : node.inputs) keep(id);
    for (graph::ValueId& id : node.outputs) keep(id);
    alone.nodes.push_back(std::move(node));
    return std::make_shared<const graph::Graph>(std::move(alone));
}

Drafts draft_reference(const NodeView& view) {
    Draft draft;
    draft.kernel = "ref";
    draft.reference = node_alone(view);
    for (graph::ValueId id : view.node.inputs) draft.inputs.push_back(DraftInput::of(id));
    draft.outputs = view.node.outputs;
    return std::vector<Draft>{std::move(draft)};
}

std::string_view family_of(std::string_view kernel) {
    return kernel.substr(0, kernel.find('.'));
}

bool is_named(std::string_view kernel, const KernelNames& names) {
    return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
        return name == kernel || name == family_of(kernel);
    });
}

Drafts attempt_within(const NodeView& view, const Implementation& implementation,
                      const Lowering& lowering) {
    if (is_named(implementation.name, lowering.disabled)) return unimplemented("switched off");
    const bool preferred = is_named(implementation.name, lowering.preferred);
    if (implementation.pays && !preferred) HF_TRY(implementation.pays(view));
    return attempt(view, implementation);
}

// Those of the row for this math, the preferred ones first.
std::vector<const Implementation*> candidates(const LoweringRow& row, const Lowering& lowering) {
    std::vector<const Implementation*> found;
    for (const Implementation& one : row.implementations) {
        if (one.math == Math::kF32 || one.math == lowering.math) found.push_back(&one);
    }
    std::stable_partition(found.begin(), found.end(), [&](const Implementation* one) {
        return is_named(one->name, lowering.preferred);
    });
    return found;
}

}  // namespace

const graph::Value& missing_value() {
    static const graph::Value missing = [] {
        graph::Value value;
        value.name = "(omitted)";
        value.dtype = DType::kString;
        value.shape = Shape{};
        return value;
    }();
    return missing;
}

const std::vector<LoweringRow>& lowering_rows() {
    static const std::vector<LoweringRow> rows = [] {
        std::vector<LoweringRow> all;
        for (auto family :
             {attention_lowerings, conv_lowerings, dense_lowerings, pool_lowerings,
              pointwise_lowerings, rows_lowerings, shape_lowerings, quantize_lowerings,
              tree_lowerings, scalar_lowerings, move_lowerings, reduce_lowerings}) {
            for (LoweringRow& row : family()) all.push_back(std::move(row));
        }
        return all;
    }();
    return rows;
}

Status check_kernel_names(const KernelNames& wanted) {
    std::set<std::string> names;
    for (const LoweringRow& row : lowering_rows()) {
        for (const Implementation& implementation : row.implementations) {
            names.emplace(implementation.name);
            names.emplace(family_of(implementation.name));
        }
    }
    for (const std::string& name : wanted) {
        if (names.count(name)) continue;
        return invalid_argument("there is no kernel '{}'{}", name,
                                suggestion(name, {names.begin(), names.end()}, "kernels"));
    }
    return {};
}

Result<Lowered> lower_node(const NodeView& view, const Lowering& lowering) {
    Lowered lowered;
    const LoweringRow* row = find_row(view.node);
    if (!row) lowered.refused = "no vector kernel for this operator";
    const bool whole =
        view.has_input(0) && !view.node.outputs.empty() && view.node.outputs[0] != graph::kNoValue;
    if (row && !whole) {
        lowered.refused = "its first input or output is left out";
        row = nullptr;
    }
    const auto asked = row ? candidates(*row, lowering) : std::vector<const Implementation*>();
    for (const Implementation* implementation : asked) {
        Drafts drafts = attempt_within(view, *implementation, lowering);
        if (drafts.ok()) {
            lowered.drafts = std::move(drafts).value();
            lowered.kernel = std::string(implementation->name);
            return lowered;
        }
        if (!lowered.refused.empty()) lowered.refused += "; ";
        lowered.refused += fmt::format("{}: {}", implementation->name, drafts.status().message());
    }
    lowered.drafts =
        HF_TRY(attempt(view, {"ref", draft_reference}).context("{}", view.node.describe()));
    lowered.kernel = "ref." + view.node.op;
    return lowered;
}

}  // namespace hf::runtime::cpu
