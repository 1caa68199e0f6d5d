#include "runtime/cpu/build.h"

#include <algorithm>
#include <map>

#include "runtime/cpu/lower.h"
#include "runtime/cpu/time_model.h"
#include "runtime/memory_plan.h"

namespace hf::runtime::cpu {
namespace {

constexpr std::uint32_t kNone = 0xFFFFFFFFu;

std::uint64_t size_of(const graph::Value& value) {
    return static_cast<std::uint64_t>(value.shape->elements()) * dtype_size(*value.dtype);
}

Status check_value(const graph::Value& value) {
    if (value.kind != graph::ValueKind::kTensor) {
        return unimplemented("'{}' is {}", value.name, graph::kind_name(value.kind));
    }
    if (!value.dtype) return unimplemented("the type of '{}' is not known", value.name);
    if (!value.shape || !value.shape->is_known()) {
        return unimplemented("the shape of '{}' is not known before it runs ({})", value.name,
                             value.shape ? value.shape->to_string() : "no rank");
    }
    HF_TRY(value.shape->check().context("'{}'", value.name));
    if (dtype_size(*value.dtype) == 0) return unimplemented("'{}' holds strings", value.name);
    if (size_of(value) > kMaxArenaBytes) {
        return resource_exhausted("'{}' takes {} bytes; the limit is {}", value.name,
                                  size_of(value), kMaxArenaBytes);
    }
    return {};
}

Status check_node(const graph::Graph& graph, const graph::Node& node) {
    for (const auto& [name, attribute] : node.attributes) {
        if (std::holds_alternative<graph::SubgraphPtr>(attribute)) {
            return unimplemented("it has a subgraph, '{}'", name);
        }
    }
    for (const auto* ids : {&node.inputs, &node.outputs}) {
        for (graph::ValueId id : *ids) {
            if (id != graph::kNoValue) HF_TRY(check_value(graph.value(id)));
        }
    }
    return {};
}

// Each output is computed by a node, and listed once.
Status check_ends(const graph::Graph& graph) {
    std::vector<bool> seen(graph.values.size(), false);
    for (graph::ValueId id : graph.inputs) {
        HF_TRY(check_value(graph.value(id)));
        seen[id.value()] = true;
    }
    for (graph::ValueId id : graph.outputs) {
        HF_TRY(check_value(graph.value(id)));
        if (seen[id.value()] || graph.value(id).constant) {
            return unimplemented("output '{}' is an input, a constant or another output",
                                 graph.value(id).name);
        }
        seen[id.value()] = true;
    }
    return {};
}

class Builder final {
public:
    Builder(const graph::Graph& graph, const CompileOptions& options, CompileReport& report)
        : graph_(graph),
          lowering_{options.disabled_kernels, options.preferred_kernels, options.math},
          report_(report) {
        places_.resize(graph.values.size());
        roots_.resize(graph.values.size());
        blocks_of_.assign(graph.values.size(), kNone);
        for (std::uint32_t i = 0; i < roots_.size(); ++i) roots_[i] = i;
    }

    // The weights go into the pool, as far as it has room; else, and where there is none, into one
    // of the plan's own.
    Result<Plan> build(std::shared_ptr<WeightPool> shared) {
        HF_TRY(lower());
        place_ends();
        find_lives();
        place_arena();
        const std::uint64_t room = weight_bytes_most();
        if (room > kMaxWeightBytes) {
            return resource_exhausted("more than {} bytes of weights", kMaxWeightBytes);
        }
        pool_ = std::move(shared);
        if (!pool_ || !HF_TRY(write_operations())) {
            pool_ = std::make_shared<WeightPool>(room);
            HF_CHECK(HF_TRY(write_operations()), "a pool is too small");
        }
        plan_.weights = pool_->bytes();
        plan_.weights_owner = pool_;
        return std::move(plan_);
    }

private:
    struct Item {
        Draft draft;
        std::string node;
        std::uint32_t scratch_block = kNone;
    };

    // Outputs that nothing reads need neither memory nor a known type: a mask of Dropout.
    std::vector<graph::Node> wanted_nodes() const {
        std::vector<bool> read(graph_.values.size(), false);
        for (const graph::Node& node : graph_.nodes) {
            for (graph::ValueId id : node.inputs) {
                if (id != graph::kNoValue) read[id.value()] = true;
            }
        }
        for (graph::ValueId id : graph_.outputs) read[id.value()] = true;
        std::vector<graph::Node> nodes = graph_.nodes;
        for (graph::Node& node : nodes) {
            for (std::size_t i = 1; i < node.outputs.size(); ++i) {
                const graph::ValueId id = node.outputs[i];
                if (id != graph::kNoValue && !read[id.value()]) node.outputs[i] = graph::kNoValue;
            }
        }
        return nodes;
    }

    Status lower() {
        for (const graph::Node& node : wanted_nodes()) {
            HF_TRY(check_node(graph_, node).context("{}", node.describe()));
            const NodeView view{graph_, node};
            Lowered lowered = HF_TRY(lower_node(view, lowering_));
            OperationSize size;
            for (Draft& draft : lowered.drafts) {
                plan_.macs += draft.macs;
                size.macs += draft.macs;
                size.bytes += traffic_of(draft);
                items_.push_back({std::move(draft), node.describe(), kNone});
            }
            report_.nodes.push_back({node.describe(), lowered.kernel, lowered.refused, size.macs,
                                     size.bytes, predicted_us(lowered.kernel, size)});
        }
        return {};
    }

    // What shares the bytes of what it reads moves none.
    std::uint64_t traffic_of(const Draft& draft) const {
        if (draft.alias) return 0;
        std::uint64_t bytes = 0;
        for (const DraftInput& input : draft.inputs) {
            if (!input.weights.is_null()) bytes += input.weights.bytes().size();
            if (input.value != graph::kNoValue) bytes += size_of(graph_.value(input.value));
        }
        for (const graph::ValueId id : draft.outputs) {
            if (id != graph::kNoValue) bytes += size_of(graph_.value(id));
        }
        return bytes;
    }

    void place_ends() {
        for (std::size_t i = 0; i < graph_.inputs.size(); ++i) {
            const graph::Value& value = graph_.value(graph_.inputs[i]);
            places_[graph_.inputs[i].value()] = {Place::kInput, *value.dtype, *value.shape, i};
            plan_.signature.inputs.push_back({value.name, *value.dtype, *value.shape});
        }
        for (std::size_t i = 0; i < graph_.outputs.size(); ++i) {
            const graph::Value& value = graph_.value(graph_.outputs[i]);
            places_[graph_.outputs[i].value()] = {Place::kOutput, *value.dtype, *value.shape, i};
            plan_.signature.outputs.push_back({value.name, *value.dtype, *value.shape});
        }
    }

    bool in_arena(graph::ValueId id) const {
        return places_[id.value()].place == Place::kNone && !graph_.value(id).constant;
    }

    std::uint32_t root(graph::ValueId id) const { return roots_[id.value()]; }

    // Reshapes between arena values share their bytes: a value's root is the one that was computed.
    void find_lives() {
        std::vector<Item> kept;
        for (Item& item : items_) {
            if (item.draft.alias) {
                const graph::ValueId from = item.draft.inputs[0].value, to = item.draft.outputs[0];
                if (in_arena(from) && in_arena(to)) {
                    roots_[to.value()] = root(from);
                    continue;
                }
            }
            kept.push_back(std::move(item));
        }
        items_ = std::move(kept);
        last_use_.assign(graph_.values.size(), 0);
        for (std::uint32_t step = 0; step < items_.size(); ++step) {
            for (const DraftInput& input : items_[step].draft.inputs) {
                if (input.value != graph::kNoValue) last_use_[root(input.value)] = step;
            }
        }
    }

    // Takes over the block of an input that is used for the last time, or makes a new one.
    std::uint32_t block_for(const Item& item, std::uint32_t value, std::uint32_t step) {
        const graph::Value& made = graph_.values[value];
        const std::uint32_t last = std::max(last_use_[value], step);
        if (find_kernel(item.draft.kernel)->in_place) {
            for (const DraftInput& input : item.draft.inputs) {
                if (input.value == graph::kNoValue || !in_arena(input.value)) continue;
                const std::uint32_t from = root(input.value);
                if (last_use_[from] != step || size_of(graph_.values[from]) != size_of(made)) {
                    continue;
                }
                MemoryBlock& block = blocks_[blocks_of_[from]];
                block.last = std::max(block.last, last);
                return blocks_of_[from];
            }
        }
        blocks_.push_back({size_of(made), step, last});
        return static_cast<std::uint32_t>(blocks_.size() - 1);
    }

    void place_arena() {
        for (std::uint32_t step = 0; step < items_.size(); ++step) {
            Item& item = items_[step];
            for (graph::ValueId id : item.draft.outputs) {
                if (id == graph::kNoValue || !in_arena(id) || blocks_of_[root(id)] != kNone) {
                    continue;
                }
                blocks_of_[root(id)] = block_for(item, root(id), step);
            }
            if (item.draft.scratch_bytes > 0) {
                item.scratch_block = static_cast<std::uint32_t>(blocks_.size());
                blocks_.push_back({item.draft.scratch_bytes, step, step});
            }
        }
        MemoryPlan memory = plan_memory(blocks_);
        offsets_ = std::move(memory.offsets);
        plan_.arena_bytes = memory.total_bytes;
        report_arena();
    }

    void report_arena() {
        std::vector<std::string> holders(blocks_.size());
        for (std::size_t value = 0; value < blocks_of_.size(); ++value) {
            if (blocks_of_[value] == kNone || roots_[value] != value) continue;
            std::string& names = holders[blocks_of_[value]];
            if (!names.empty()) names += ", ";
            names += graph_.values[value].name;
        }
        for (const Item& item : items_) {
            if (item.scratch_block == kNone) continue;
            holders[item.scratch_block] = fmt::format("scratch of {}", item.node);
        }
        for (std::size_t i = 0; i < blocks_.size(); ++i) {
            const MemoryBlock& block = blocks_[i];
            report_.arena.push_back(
                {offsets_[i], block.size_bytes, block.first, block.last, std::move(holders[i])});
        }
        std::stable_sort(report_.arena.begin(), report_.arena.end(),
                         [](const auto& a, const auto& b) {
                             return std::pair(a.offset, a.first) < std::pair(b.offset, b.first);
                         });
    }

    std::uint64_t weight_bytes_most() const {
        std::uint64_t bytes = 0;
        const auto count = [&](ByteView piece) { bytes += WeightPool::room_for(piece.size()); };
        for (const graph::Value& value : graph_.values) {
            if (value.constant) count(value.constant->bytes());
        }
        for (const Item& item : items_) {
            for (const DraftInput& input : item.draft.inputs) {
                if (!input.weights.is_null()) count(input.weights.bytes());
            }
        }
        return bytes;
    }

    Operand weights(const Tensor& tensor) {
        const std::optional<std::uint64_t> offset = pool_->add(tensor.bytes());
        if (!offset) pool_is_full_ = true;
        return {Place::kWeights, tensor.dtype(), tensor.shape(), offset.value_or(0)};
    }

    Result<Operand> operand_of(graph::ValueId id) {
        if (id == graph::kNoValue) return Operand();
        const graph::Value& value = graph_.value(id);
        const Operand& known = places_[id.value()];
        if (known.place != Place::kNone) return known;
        if (value.constant) return weights(*value.constant);
        const std::uint32_t block = blocks_of_[root(id)];
        if (block == kNone) return invalid_argument("'{}' is never computed", value.name);
        return Operand{Place::kArena, *value.dtype, *value.shape, offsets_[block]};
    }

    Result<Operand> input_of(const DraftInput& input) {
        return input.weights.is_null() ? operand_of(input.value) : weights(input.weights);
    }

    // False when the pool has no room for the weights.
    Result<bool> write_operations() {
        plan_.operations.clear();
        pool_is_full_ = false;
        for (const Item& item : items_) {
            const Draft& draft = item.draft;
            Operation operation;
            operation.name = item.node;
            operation.kernel = find_kernel(draft.kernel);
            for (const DraftInput& input : draft.inputs) {
                operation.inputs.push_back(HF_TRY(input_of(input).context("{}", item.node)));
            }
            for (graph::ValueId id : draft.outputs) {
                operation.outputs.push_back(HF_TRY(operand_of(id).context("{}", item.node)));
            }
            if (pool_is_full_) return false;
            if (item.scratch_block != kNone) {
                operation.scratch = {Place::kArena, DType::kU8,
                                     Shape{static_cast<std::int64_t>(draft.scratch_bytes)},
                                     offsets_[item.scratch_block]};
            }
            operation.ints = draft.ints;
            operation.floats = draft.floats;
            operation.reference = draft.reference;
            plan_.operations.push_back(std::move(operation));
        }
        return true;
    }

    const graph::Graph& graph_;
    const Lowering lowering_;
    CompileReport& report_;
    std::vector<Item> items_;
    std::vector<Operand> places_;  // of inputs and outputs
    std::vector<std::uint32_t> roots_;
    std::vector<std::uint32_t> last_use_;   // by root: the last step that reads it
    std::vector<std::uint32_t> blocks_of_;  // by root
    std::vector<MemoryBlock> blocks_;
    std::vector<std::uint64_t> offsets_;
    std::shared_ptr<WeightPool> pool_;
    bool pool_is_full_ = false;
    Plan plan_;
};

}  // namespace

Result<Plan> build_plan(const graph::Graph& graph, const CompileOptions& options,
                        CompileReport& report, std::shared_ptr<WeightPool> pool) {
    HF_TRY(check_ends(graph));
    Plan plan = HF_TRY(Builder(graph, options, report).build(std::move(pool)));
    report.arena_bytes = plan.arena_bytes;
    report.weight_bytes = plan.weights.size();
    report.macs = plan.macs;
    return plan;
}

}  // namespace hf::runtime::cpu
